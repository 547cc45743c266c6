"""Starting a run: the lock in the service, in the API and in the table itself; the form made of the plan's fields."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from annotation import services as annotation
from annotation.models import DatasetVersion
from ftplatform.audit.models import AuditEvent
from ftplatform.errors import Refused
from ftplatform.jobs.models import Job
from inference import services as inference
from tests.factories import SYSTEM
from tests.world import drafts
from training.forms import GROUPS, RunForm
from training.models import RunMetric, TrainingRun
from training.plan import RunPlan
from training.selectors import previous_run, settings_of, training_lock
from training.services import start_training

pytestmark = pytest.mark.django_db(transaction=True)


def start(world: Any, **more: Any) -> TrainingRun:
    wanted = {
        "dataset_version": world.training_set,
        "base_version": world.base,
        "hyperparameters": {},
        "by": world.cast.by,
    }
    return start_training(**{**wanted, **more})


# ── the lock ──


def test_without_a_baseline_no_run_and_the_refusal_says_how_to_make_one(world: Any) -> None:
    with pytest.raises(
        Refused, match=r"Training is locked.*Make one under 3 Baseline.*POST /api/v1/projects/"
    ) as refused:
        start(world)
    assert (refused.value.status, refused.value.code) == (409, "no-baseline")
    assert not TrainingRun.objects.exists() and not Job.objects.filter(kind="training.train").exists()
    assert (training_lock(world.project).is_open, training_lock(world.project).missing) == (False, "baseline")


def test_with_a_baseline_a_run_starts_and_is_audited(world: Any) -> None:
    card = world.baseline()
    run = start(world, hyperparameters={"epochs": 2.0, "patience": 2})
    assert (run.number, run.baseline, run.hyperparameters["epochs"]) == (1, card, 2.0)
    assert run.job and run.job.state == Job.State.QUEUED
    assert AuditEvent.objects.get(verb="run.start").data["hyperparameters"]["patience"] == 2
    assert training_lock(world.project).is_open


def test_a_baseline_on_another_evaluation_set_opens_nothing(world: Any) -> None:
    world.baseline()
    other = annotation.freeze_dataset(
        project=world.project,
        kind=DatasetVersion.Kind.EVALUATION,
        task_revision=world.project.task_revision,
        items=drafts("test", 6, 3000),
        evaluation_set=None,
        by=SYSTEM,
    )
    apart = annotation.freeze_dataset(
        project=world.project,
        kind=DatasetVersion.Kind.SFT,
        task_revision=world.project.task_revision,
        items=drafts("train", 6, 0),
        evaluation_set=other,
        by=SYSTEM,
    )
    with pytest.raises(Refused, match="no baseline scorecard on Evaluation set 2"):
        start(world, dataset_version=apart)


def test_a_version_tuned_from_the_base_shares_its_baseline(world: Any) -> None:
    world.baseline()
    assert start(world, base_version=world.tuned()).pk


INSERT = """
INSERT INTO training_trainingrun (number, hyperparameters, result, left_out, created_at, base_version_id, baseline_id, dataset_version_id,
  project_id, task_revision_id) VALUES (99, '{}', '{}', '[]', now(), %s, %s, %s, %s, %s)
"""


def test_the_table_itself_refuses_a_run_with_no_baseline_or_another_ones(world: Any) -> None:
    """No page, command or API goes round a column."""
    card = world.baseline()
    other_base = inference.register_folder(
        project=world.cast.other, folder=world.base.reference, name="x", by=SYSTEM
    )  # fmt: skip
    columns = (world.training_set.pk, world.project.pk, world.project.task_revision_id)

    def insert(base: int, baseline: int | None, dataset: int) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(INSERT, [base, baseline, dataset, *columns[1:]])

    with pytest.raises(IntegrityError, match=r"does not fit|null value"):
        insert(world.base.pk, None, columns[0])
    with pytest.raises(IntegrityError, match="does not fit"):
        insert(other_base.pk, card.pk, columns[0])
    with pytest.raises(IntegrityError, match="does not fit"):
        insert(world.base.pk, card.pk, world.evaluation_set.pk)
    insert(world.base.pk, card.pk, columns[0])
    with pytest.raises(IntegrityError, match="does not fit"), transaction.atomic():
        TrainingRun.objects.filter(number=99).update(base_version=other_base)


# ── what is refused ──


def test_every_bad_setting_is_named_at_once(world: Any) -> None:
    world.baseline()
    with pytest.raises(Refused) as refused:
        start(world, hyperparameters={"lr": 1, "epochs": "x", "lora_dropout": 1.5})
    told = {error.field: error.message for error in refused.value.errors}
    assert told.keys() == {"lr", "epochs", "lora_dropout"}
    assert told["lr"].startswith("there is no such setting; settings are method, lora_r")
    assert not TrainingRun.objects.exists()


@pytest.mark.parametrize("name", ["epochs", "time_budget_seconds", "max_grad_norm"])
def test_a_setting_without_end_is_refused(world: Any, name: str) -> None:
    world.baseline()
    with pytest.raises(Refused, match=f"{name}: "):
        start(world, hyperparameters={name: float("inf")})


@pytest.mark.parametrize(("name", "value"), [("max_steps", 10**25), ("batch_size", 10**30), ("epochs", 1e300)])
def test_a_setting_beyond_all_bounds_is_refused(world: Any, name: str, value: float) -> None:
    world.baseline()
    with pytest.raises(Refused, match=f"{name}: "):
        start(world, hyperparameters={name: value})


def test_a_misspelt_setting_gets_the_nearest_name(world: Any) -> None:
    world.baseline()
    with pytest.raises(Refused, match=r"epoch: there is no such setting; did you mean epochs\?"):
        start(world, hyperparameters={"epoch": 1.0})


def test_an_evaluation_set_is_never_trained_on(world: Any) -> None:
    world.baseline()
    with pytest.raises(Refused, match="not a training set"):
        start(world, dataset_version=world.evaluation_set)


def test_a_model_behind_an_address_cannot_be_tuned(world: Any) -> None:
    world.baseline()
    far = type(world.base).objects.create(project=world.project, number=9, name="Far", source="remote", reference="m")
    with pytest.raises(Refused, match="only a model whose files are here"):
        start(world, base_version=far)


def test_patience_without_validation_tickets_is_refused(world: Any) -> None:
    world.baseline()
    blind = annotation.freeze_dataset(
        project=world.project,
        kind=DatasetVersion.Kind.SFT,
        task_revision=world.project.task_revision,
        items=drafts("train", 6, 0),
        evaluation_set=world.evaluation_set,
        by=SYSTEM,
    )
    with pytest.raises(Refused, match="no validation tickets") as refused:
        start(world, dataset_version=blind, hyperparameters={"patience": 2})
    assert refused.value.errors[0].field == "patience"


# ── the form ──


def test_the_form_holds_every_field_of_the_plan_with_its_default(world: Any) -> None:
    form = RunForm(project=world.project)
    shown = [bound.name for _, bounds in form.groups() for bound in bounds]
    assert sorted(shown) == sorted(RunPlan.model_fields)
    assert {name for _, names in GROUPS for name in names} <= set(RunPlan.model_fields)
    assert all(form[name].help_text for name in shown)


def form_data(world: Any, **more: Any) -> dict[str, Any]:
    form = RunForm(project=world.project)
    initial = {name: form[name].initial for name in form.fields}
    data = {name: value for name, value in initial.items() if value is not None and value is not False}
    return {**data, "dataset_version": world.training_set.pk, "base_version": world.base.pk, **more}


def test_the_untouched_form_is_the_plan_of_all_defaults(world: Any) -> None:
    form = RunForm(form_data(world), project=world.project)
    assert form.is_valid(), form.errors
    assert RunPlan.model_validate(form.hyperparameters()) == RunPlan()


def test_names_of_layers_are_written_with_commas(world: Any) -> None:
    form = RunForm(form_data(world, target_modules="q_proj, v_proj", max_steps="5"), project=world.project)
    assert form.is_valid(), form.errors
    plan = RunPlan.model_validate(form.hyperparameters())
    assert (plan.target_modules, plan.max_steps) == (["q_proj", "v_proj"], 5)


def test_a_refusal_stands_beside_its_field_and_keeps_what_was_typed(world: Any) -> None:
    world.baseline()
    client = world.cast.client("ada")
    url = reverse("training:new-run", args=[world.project.slug])
    answer = client.post(url, form_data(world, lora_dropout="1.5", learning_rate="0.003"))
    assert answer.status_code == 422
    form = answer.context["form"]
    assert "lora_dropout" in form.errors and form["learning_rate"].value() == "0.003"
    assert not TrainingRun.objects.exists()


def test_the_form_starts_a_run_and_another_one_like_it_marks_what_differs(world: Any) -> None:
    world.baseline()
    client, slug = world.cast.client("ada"), world.project.slug
    url = reverse("training:new-run", args=[slug])
    assert client.post(url, form_data(world)).status_code == 302
    like = client.get(url, {"like": 1})
    assert like.context["form"].initial["learning_rate"] == RunPlan().learning_rate
    assert client.post(url, form_data(world, learning_rate="0.001")).status_code == 302
    first, second = TrainingRun.objects.order_by("number")
    changed = {setting.name: (setting.value, setting.was) for setting in settings_of(second, first) if setting.was}
    assert changed == {"Learning rate": ("0.001", "0.0002")}


def test_another_base_and_other_rows_are_among_what_differs(world: Any) -> None:
    world.baseline()
    start(world)
    first = TrainingRun.objects.get()
    second = start(world, base_version=world.tuned())
    second.left_out = [{}]
    told = {setting.name: (setting.value, setting.was) for setting in settings_of(second, previous_run(second))}
    assert told["Base model"] == ("Tiny, tuned (version 2)", "Tiny (version 1)")
    assert told["Rows"] == ("Training set 1 without 1 row", "Training set 1")
    assert previous_run(first) is None and not [one for one in settings_of(first, None) if one.was]


def test_the_locked_form_shows_the_reason_instead(world: Any) -> None:
    answer = world.cast.client("ada").get(reverse("training:new-run", args=[world.project.slug]))
    assert "Training is locked until the baseline scorecard exists" in answer.content.decode()
    assert '<form method="post" class="run-form"' not in answer.content.decode()


# ── a run under way ──


def test_a_run_is_stopped_and_resumed_on_its_page_and_a_late_press_is_told(world: Any) -> None:
    world.baseline()
    run = start(world)
    client = world.cast.client("ada")

    def press(what: str) -> str:
        page = client.post(reverse(f"training:{what}", args=[world.project.slug, run.number]), follow=True)
        assert page.redirect_chain[-1][0].endswith(f"/runs/{run.number}/")
        return page.content.decode()

    assert "stops at the next safe point" in press("stop-run")
    assert TrainingRun.objects.get(pk=run.pk).job.state == Job.State.CANCELLED
    assert "has ended" in press("stop-run")  # pressed on a page that was some seconds old
    assert "goes on from its last checkpoint" in press("resume-run")
    assert TrainingRun.objects.get(pk=run.pk).job.state == Job.State.QUEUED
    assert "goes on from" not in press("resume-run")
    assert AuditEvent.objects.filter(verb__in=["job.cancel", "job.resume"]).count() == 2


def test_the_page_of_a_live_run_asks_for_what_changes_until_it_has_ended(world: Any) -> None:
    world.baseline()
    run = start(world)
    client, address = world.cast.client("vic"), reverse("training:run-live", args=[world.project.slug, run.number])
    RunMetric.objects.create(run=run, name="train_loss", step=1, value=2.5)
    part = client.get(address)
    assert part.status_code == 200 and "<html" not in part.content.decode() and "Loss" in part.content.decode()
    assert run.job
    Job.objects.filter(pk=run.job.pk).update(state=Job.State.CANCELLED, finished_at=timezone.now())
    ended = client.get(address)
    assert (ended.status_code, ended.headers["HX-Refresh"]) == (204, "true")
