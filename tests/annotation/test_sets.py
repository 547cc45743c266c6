"""Sets and versions: the test set first, groups whole, nothing near it trained on, the same content the same version."""

from pathlib import Path
from typing import Any

import pytest

from annotation import services as annotation
from annotation.models import DatasetVersion, Example, HandoutSlot, Split
from annotation.services.datasets import version_hash
from ftplatform.audit.models import AuditEvent
from ftplatform.errors import Conflict, Refused
from ftplatform.projects import counters
from ftplatform.projects import services as projects
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def tickets(cast: Any, run_jobs: Any, tmp_path: Path) -> list[Example]:
    """Sixty resolved tickets; the nine of 0, 20 and 40 are three customers with three questions each."""
    rows = [
        {**row, "customer": f"c{at % 20 % 3}" if at % 20 < 3 else ""} for at, row in enumerate(factories.desk_rows(60))
    ]
    factories.import_rows(
        cast.project, tmp_path / "t.csv", rows, mapping={**factories.DESK_MAPPING, "customer": "group"}
    )
    run_jobs()
    return list(Example.objects.filter(project=cast.project).order_by("pk"))


def draft(split: str, at: int, /, **more: Any) -> annotation.ItemDraft:
    return annotation.ItemDraft(
        **{
            "split": split,
            "inputs": {"question": f"Question {at}?"},
            "values": {"desk": "tax", "reply": f"Answer {at}."},
            "group_key": f"group-{at}",
            "prompt_hash": f"prompt-{at}",
            **more,
        }
    )


def freeze(cast: Any, kind: str, items: Any, evaluation_set: Any = None) -> DatasetVersion:
    return annotation.freeze_dataset(
        project=cast.project,
        kind=kind,
        task_revision=cast.project.task_revision,
        items=items,
        evaluation_set=evaluation_set,
        by=cast.by,
    )


def keys(version: DatasetVersion, name: str) -> set[str]:
    return set(version.items.values_list(name, flat=True))


def test_sets_share_no_group_and_keep_the_shares_of_labels(cast: Any, tickets: list[Example]) -> None:
    evaluation_set, training_set = factories.make_sets(cast.project)
    assert not keys(evaluation_set, "group_key") & keys(training_set, "group_key")
    assert not keys(evaluation_set, "prompt_hash") & keys(training_set, "prompt_hash")
    validation = set(training_set.items.filter(split="validation").values_list("group_key", flat=True))
    assert not validation & set(training_set.items.filter(split="train").values_list("group_key", flat=True))
    shares = {label: by_split["test"] for label, by_split in evaluation_set.card["labels"]["desk"].items()}
    assert all(abs(count - 4) <= 1 for count in shares.values())
    read = counters.read(cast.project.pk)
    assert read["split:test"] == evaluation_set.size == Example.objects.filter(split=Split.TEST).count()


def test_the_same_file_and_seed_draw_the_same_sets_in_another_installation(
    cast: Any, tickets: list[Example], run_jobs: Any, tmp_path: Path
) -> None:
    factories.import_rows(cast.other, tmp_path / "again.csv", factories.desk_rows(60))
    run_jobs()
    plain = projects.create_project(name="Third", spec=factories.desk_task(), by=cast.by)
    factories.import_rows(plain, tmp_path / "third.csv", factories.desk_rows(60))
    run_jobs()
    one, other = (
        annotation.freeze_evaluation_set(project=project, size=12, stratify="desk", seed=3, by=cast.by)
        for project in (cast.other, plain)
    )
    assert one.hash == other.hash
    assert one.project_id != other.project_id
    assert keys(one, "prompt_hash") != keys(other, "prompt_hash"), "hashes of texts are keyed per project"


WORDS = [
    "awning",
    "balcony",
    "chimney",
    "drainage",
    "electricity",
    "facade",
    "garage",
    "heating",
    "insulation",
    "joist",
]


def near(word: str, ending: str) -> dict[str, str]:
    """A ticket that is nearly the same as another one with this word."""
    mirrored = WORDS[-WORDS.index(word) - 1]
    question = f"What rule holds for the {word} of a {mirrored} {word} {word * 3} in my old house, {ending}"
    return {"question": question, "desk": "tax", "reply": f"The {word} rule."}


def test_near_questions_go_to_one_set_together(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    rows = [near(word, ending) for word in WORDS for ending in ("please", "thanks", "today")]
    factories.import_rows(cast.project, tmp_path / "near.csv", rows)
    run_jobs()
    evaluation_set, training_set = factories.make_sets(cast.project, test=9, validation=3)
    replies = [
        {item.content["values"]["reply"] for item in version.items.all()} for version in (evaluation_set, training_set)
    ]
    assert not replies[0] & replies[1]
    assert evaluation_set.card["near_prompts"] == {"threshold": 0.8, "groups": 3, "items": 9, "skipped": ""}
    assert evaluation_set.card["draw"]["near"] == ""


def test_what_is_near_the_test_set_is_never_drawn_however_few_are_left(
    cast: Any, run_jobs: Any, tmp_path: Path
) -> None:
    rows = [near(word, ending) for word in WORDS for ending in ("please", "thanks", "today")]
    factories.import_rows(cast.project, tmp_path / "near.csv", rows)
    run_jobs()
    evaluation_set, _ = factories.make_sets(cast.project, test=9, validation=3)
    tested = {item.content["values"]["reply"].split()[1] for item in evaluation_set.items.all()}
    later = [near(word, ending) for word in sorted(tested) for ending in ("soon", "again", "now", "kindly")]
    later += [{"question": f"{word * 9}?", "desk": "tax", "reply": "New."} for word in ("apple", "pear", "plum")]
    factories.import_rows(cast.project, tmp_path / "later.csv", later)
    run_jobs()
    with pytest.raises(Refused, match="3 resolved tickets are outside"):
        annotation.draw_splits(project=cast.project, validation=5, by=cast.by)
    assert annotation.draw_splits(project=cast.project, validation=1, by=cast.by) == {"train": 2, "validation": 1}
    assert Example.objects.filter(project=cast.project, split=None).count() == 12


def test_form_letters_are_drawn_although_all_are_near(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    rows = [
        {
            "question": f"Dear sirs, my parcel with the number {at:03} that you promised for Monday has not arrived. Where is it?",
            "desk": "tax",
            "reply": f"It is late, {at}.",
        }
        for at in range(30)
    ]
    factories.import_rows(cast.project, tmp_path / "letters.csv", rows)
    run_jobs()
    version = annotation.freeze_evaluation_set(project=cast.project, size=10, by=cast.by)
    assert version.size == 10
    assert "30" in version.card["draw"]["near"]


def test_a_larger_test_set_holds_the_old_one_and_spares_what_is_trained_on(cast: Any, tickets: list[Example]) -> None:
    first, _ = factories.make_sets(cast.project, test=12)
    assert not Example.objects.filter(split=None).exists()
    with pytest.raises(Refused, match="0 resolved tickets"):
        annotation.freeze_evaluation_set(project=cast.project, size=2, by=cast.by)
    assert annotation.freeze_evaluation_set(project=cast.project, size=0, by=cast.by) == first


def test_the_others_are_drawn_with_the_test_set_where_it_is_asked_for(cast: Any, tickets: list[Example]) -> None:
    """The baseline comes next, and takes its shots and its majority class from train."""
    version = annotation.freeze_evaluation_set(project=cast.project, size=12, stratify="desk", validation=5, by=cast.by)
    read = counters.read(cast.project.pk)
    assert (version.size, version.counts) == (12, {"test": 12})
    assert (read["split:validation"], read["split:train"]) == (5, len(tickets) - 17)


def test_a_test_set_is_not_drawn_where_its_others_cannot_be(cast: Any, tickets: list[Example]) -> None:
    with pytest.raises(Refused, match="none is left to train on") as refused:
        annotation.freeze_evaluation_set(project=cast.project, size=12, validation=len(tickets) - 12, by=cast.by)
    assert [one.field for one in refused.value.errors] == ["validation"]
    assert not Example.objects.exclude(split=None).exists()


def test_a_changed_test_label_makes_a_new_evaluation_set(cast: Any, tickets: list[Example]) -> None:
    first, training_set = factories.make_sets(cast.project)
    changed = first.items.select_related("example").first()
    assert changed and changed.example
    annotation.adjudicate(example=changed.example, values={"desk": "tax", "reply": "Changed."}, by=cast.by)
    second = annotation.freeze_evaluation_set(project=cast.project, size=0, by=cast.by)
    assert (second.number, second.size) == (first.number + 1, first.size)
    again = annotation.freeze_training_set(project=cast.project, evaluation_set=second, by=cast.by)
    assert again != training_set, "a training set belongs to the evaluation set that it was kept apart from"
    assert again.evaluation_set == second


def test_a_new_ticket_follows_its_group_and_never_crosses(
    cast: Any, tickets: list[Example], run_jobs: Any, tmp_path: Path
) -> None:
    factories.make_sets(cast.project)
    by_split = {split: Example.objects.filter(split=split).order_by("pk").first() for split in Split.values}
    rows = [
        {"question": f"{by_split[split].content.inputs['question']}!!", "desk": "tax", "reply": f"About {split}."}  # type: ignore[union-attr]
        for split in ("test", "train", "validation")
    ]
    rows += [
        {"question": f"Something quite new {word * 9}", "desk": "tax", "reply": "New."}
        for word in ("xy", "zw", "vu", "ts")
    ]
    factories.import_rows(cast.project, tmp_path / "more.csv", rows)
    run_jobs()
    counts = annotation.draw_splits(project=cast.project, validation=1, by=cast.by)
    assert counts == {"train": 4, "validation": 2}
    new = {
        example.resolved_labels.get(field="reply").value: example.split
        for example in Example.objects.filter(source__file_name="more.csv").exclude(
            resolved_labels__value="New.", resolved_labels__field="reply"
        )
    }
    assert new == {"About test.": None, "About train.": "train", "About validation.": "validation"}


def test_the_drawn_leave_the_queue(cast: Any, tickets: list[Example]) -> None:
    queue = factories.make_queue(cast.project, Example.objects.order_by("pk"), overlap=2)
    held = annotation.take_lease(queue=queue, labeler=cast.lea)
    assert held
    version = annotation.freeze_evaluation_set(project=cast.project, size=30, by=cast.by)
    test = keys(version, "example_id")
    left = HandoutSlot.objects.filter(queue=queue, example__in=test)
    assert all(slot.state == HandoutSlot.State.LEASED for slot in left)
    queue.refresh_from_db()
    assert queue.total == HandoutSlot.objects.filter(queue=queue).count()
    given = set()
    while lease := annotation.take_lease(queue=queue, labeler=cast.rev):
        given.add(lease.example_id)
        annotation.skip_lease(lease=lease, by=cast.by)
    assert not given & test


def test_a_ticket_that_joins_train_with_validation_stays_in_no_set(cast: Any, run_jobs: Any, tmp_path: Path) -> None:
    rows = [{**row, "thread": f"t{at}"} for at, row in enumerate(factories.desk_rows(40))]
    mapping = {**factories.DESK_MAPPING, "thread": "group"}
    factories.import_rows(cast.project, tmp_path / "t.csv", rows, mapping=mapping)
    run_jobs()
    evaluation_set, _ = factories.make_sets(cast.project)
    train, validation = (Example.objects.filter(split=split).first() for split in (Split.TRAIN, Split.VALIDATION))
    assert train and validation and train.row
    joins = {
        **rows[0],
        "question": validation.content.inputs["question"] + "!",
        "thread": rows[train.row - 2]["thread"],
    }
    fresh = [{**rows[0], "question": f"Something quite new {word * 9}", "thread": word} for word in ("xy", "zw", "vu")]
    factories.import_rows(cast.project, tmp_path / "more.csv", [joins, *fresh], mapping=mapping)
    run_jobs()
    assert annotation.draw_splits(project=cast.project, validation=1, by=cast.by) == {"train": 2, "validation": 1}
    version = annotation.freeze_training_set(project=cast.project, evaluation_set=evaluation_set, by=cast.by)
    assert {"reason": "its group stands in train and in validation", "count": 1} in version.card["left_out"]
    assert not any(one["reason"].startswith("in no set") for one in version.card["left_out"])


def test_a_drawn_ticket_is_lost_to_whoever_held_it_and_the_queue_knows(cast: Any, tickets: list[Example]) -> None:
    queue = factories.make_queue(cast.project, Example.objects.order_by("pk"))
    lease = annotation.take_lease(queue=queue, labeler=cast.lea)
    assert lease
    annotation.save_draft(lease=lease, draft={"reply": "Half"}, revision=0)
    held = lease.example
    before = dict(held.resolved_labels.values_list("field", "value"))
    annotation.freeze_evaluation_set(project=cast.project, size=60, by=cast.by)
    queue.refresh_from_db()
    lease.refresh_from_db()
    assert (queue.total, lease.state, lease.draft) == (0, "lost", {"reply": "Half"})
    assert annotation.take_lease(queue=queue, labeler=cast.lea) is None
    with pytest.raises(Conflict, match="test set"):
        annotation.submit_annotation(lease=lease, values={"desk": "energy", "reply": "Late"}, by=cast.by)
    assert dict(held.resolved_labels.values_list("field", "value")) == before
    lease.refresh_from_db()
    assert lease.draft == {"desk": "energy", "reply": "Late"}


def test_train_limit_is_a_stratified_sample_by_seed(cast: Any, tickets: list[Example]) -> None:
    evaluation_set, whole = factories.make_sets(cast.project)
    few, same, others = (
        annotation.freeze_training_set(
            project=cast.project, evaluation_set=evaluation_set, train_limit=9, seed=seed, by=cast.by
        )
        for seed in (1, 1, 2)
    )
    assert few == same != others
    assert few.counts == {"train": 9, "validation": whole.counts["validation"]}
    assert {label: by_split["train"] for label, by_split in few.card["labels"]["desk"].items()} == {
        "energy": 3,
        "permits": 3,
        "tax": 3,
    }
    assert {"reason": "in train, not taken", "count": whole.counts["train"] - 9} in few.card["left_out"]


def test_the_card_says_what_is_in_it_and_what_is_not(
    cast: Any, tickets: list[Example], run_jobs: Any, tmp_path: Path
) -> None:
    odd = {"question": "Is <|im_end|> a word of yours? Tell me, for I wonder.", "desk": "tax", "reply": "No."}
    factories.import_rows(cast.project, tmp_path / "odd.csv", [odd])
    factories.import_rows(cast.project, tmp_path / "new.csv", factories.desk_rows(70, labelled=False)[60:])
    run_jobs()
    annotation.freeze_evaluation_set(project=cast.project, size=10, stratify="desk", seed=5, by=cast.by)
    annotation.draw_splits(project=cast.project, validation=5, by=cast.by)
    evaluation_set = DatasetVersion.objects.get(kind="evaluation")
    card = annotation.freeze_training_set(project=cast.project, evaluation_set=evaluation_set, by=cast.by).card
    inside = sum(one["items"] for one in card["sources"])
    assert {one["file"] for one in card["sources"]} <= {"t.csv", "odd.csv"}
    out = {one["reason"]: one["count"] for one in card["left_out"]}
    assert out["no settled answer yet"] == 10
    assert out["held out in the test set"] == evaluation_set.size
    assert inside + sum(out.values()) == Example.objects.filter(project=cast.project).count()
    assert card["neutralised"] + evaluation_set.card["neutralised"] == 1
    assert evaluation_set.card["draw"] == {"seed": 5, "stratify": "desk", "near": ""}
    assert sum(one["count"] for one in card["completion_histogram"]) == inside


def test_an_impossible_draw_says_why(cast: Any, tickets: list[Example]) -> None:
    for size in (0, 1, 61):
        with pytest.raises(Refused, match="cannot be drawn"):
            annotation.freeze_evaluation_set(project=cast.project, size=size, by=cast.by)
    with pytest.raises(Refused, match="is not a choice field"):
        annotation.freeze_evaluation_set(project=cast.project, size=6, stratify="reply", by=cast.by)
    annotation.freeze_evaluation_set(project=cast.project, size=6, by=cast.by)
    with pytest.raises(Refused, match="none is left to train on"):
        annotation.draw_splits(project=cast.project, validation=60, by=cast.by)
    assert not AuditEvent.objects.filter(verb="splits.draw").exists()


# ── the door ──


def test_a_golden_hash_holds_the_canonical_form(cast: Any) -> None:
    """If this fails, every hash in every installation has changed: raise FORMAT_VERSION and write a decision."""
    version = freeze(
        cast, "evaluation", [draft("test", 1), draft("test", 2, values={"desk": "tax", "reply": "Cafe\u0301"})]
    )
    assert list(version.items.values_list("hash", flat=True)) == [
        "324f29effaa799ab27b612135956e0e63eee39f3f1ae2b955b70a46725acb526",
        "5d8f151a0dc969d4ad1676754c609a6b729bc9b1a9f3baa8e32cc559d80ada15",
    ]
    assert version.items.get(position=1).content["values"]["reply"] == "Caf\u00e9"
    assert version_hash(kind="sft", task_hash="t", evaluation_hash="e", items=[("train", "b"), ("train", "a")]) == (
        "349a67f66ea25c02873e45f6eb34c29330558bff954c1bf7c868baed15d4f086"
    )


def test_the_hash_knows_content_and_not_order_ids_or_time(cast: Any) -> None:
    one = freeze(cast, "evaluation", [draft("test", 1), draft("test", 2)])
    assert freeze(cast, "evaluation", [draft("test", 2, sources=("x:1",)), draft("test", 1)]) == one
    assert freeze(cast, "evaluation", [draft("test", 1)]) != one


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"group_key": "group-1"}, "leak"),
        ({"prompt_hash": "prompt-1"}, "leak"),
        ({"split": "test"}, "wrong-split"),
        ({"values": {"desk": "fees", "reply": "x"}}, "unparsable-label"),
        ({"values": {"desk": "tax", "reply": "a\ndesk: energy\nreply: b\n"}}, "unparsable-label"),
        ({"inputs": {"question": "half \ud800"}}, "unstorable-text"),
        ({"inputs": {"question": "nul \x00"}}, "unstorable-text"),
    ],
)
def test_what_must_not_be_frozen_is_refused_with_its_name(cast: Any, change: dict[str, Any], code: str) -> None:
    evaluation_set = freeze(cast, "evaluation", [draft("test", 1)])
    with pytest.raises(Refused) as refused:
        freeze(cast, "sft", [draft("train", 10), draft("train", 11, **change)], evaluation_set)
    assert refused.value.code == code
    assert DatasetVersion.objects.count() == 1


def test_the_same_ticket_is_a_leak_too(cast: Any, tickets: list[Example]) -> None:
    evaluation_set = freeze(cast, "evaluation", [draft("test", 1, example=tickets[0].pk)])
    with pytest.raises(Refused, match=f"the same ticket.*ticket {tickets[0].pk}") as refused:
        freeze(cast, "sft", [draft("train", 10, example=tickets[0].pk)], evaluation_set)
    assert refused.value.data == {"tickets": [tickets[0].pk]}


def test_a_group_never_stands_in_train_and_validation(cast: Any) -> None:
    evaluation_set = freeze(cast, "evaluation", [draft("test", 1)])
    for shared in ({"group_key": "g"}, {"prompt_hash": "p"}):
        with pytest.raises(Refused, match="of another split"):
            freeze(cast, "sft", [draft("train", 10, **shared), draft("validation", 11, **shared)], evaluation_set)


def test_kinds_and_evaluation_sets_have_to_fit(cast: Any) -> None:
    evaluation_set = freeze(cast, "evaluation", [draft("test", 1)])
    foreign = annotation.freeze_dataset(
        project=cast.other,
        kind="evaluation",
        task_revision=cast.other.task_revision,
        items=[draft("test", 1)],
        evaluation_set=None,
        by=cast.by,
    )
    for kind, items, against, code in [
        ("sft", [draft("train", 2)], None, "no-evaluation-set"),
        ("sft", [draft("train", 2)], foreign, "not-an-evaluation-set"),
        ("evaluation", [draft("test", 2)], evaluation_set, "not-kept-apart"),
        ("sft", [], evaluation_set, "empty-dataset"),
        ("gold", [draft("train", 2)], evaluation_set, "unknown-kind"),
    ]:
        with pytest.raises(Refused) as refused:
            freeze(cast, kind, items, against)
        assert refused.value.code == code
