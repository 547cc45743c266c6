"""A project with everything that a scorecard stands on, written as rows: no model runs here.

Answers are drawn from a seed: the tuned model is right more often than the base. One text carries markup and one a formula, so
that pages and exports meet them in every test.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import Any

from annotation import codecs
from annotation.models import DatasetItem, DatasetVersion, Example, ExampleContent, ResolvedLabel, Split
from evaluation import services
from evaluation.models import Assignment, Campaign, CampaignRater, ReleaseRules, Scorecard
from evaluation.scoring.rules import Rules
from ftplatform.accounts.actors import Actor
from ftplatform.accounts.models import Membership, User
from ftplatform.artifacts.models import Manifest
from ftplatform.projects import counters
from ftplatform.projects.models import Project
from ftplatform.projects.services import create_project
from ftplatform.projects.spec import Choice, InputColumn, TaskField, TaskSpec
from inference.models import Generation, GenerationCell, GenerationRun, ModelVersion, PromptCondition

DESKS = ("Permits", "Tax", "Energy")
SUBJECTS = ("a fence", "a balcony", "a boiler", "an awning", "a wall", "a well", "a roof", "a lift")
BASE_NAME, TUNED_NAME = "smollm2-135m-instruct", "lora of run 1"
MARKUP = '<script>alert("x")</script> & <b>bold</b>'
FORMULA = '=HYPERLINK("http://evil.example","open")'
SPEC = TaskSpec(
    inputs=(InputColumn(name="question"),),
    fields=(
        TaskField(name="desk", kind="choice", choices=tuple(Choice(value=desk) for desk in DESKS)),
        TaskField(name="reply", kind="text"),
    ),
    user="{question}",
)


@dataclass
class World:
    """What the tests speak of. `experts` are members with the role expert, in order."""

    project: Project
    admin: User
    experts: list[User]
    base: ModelVersion
    tuned: ModelVersion
    evaluation_set: DatasetVersion
    baseline_run: GenerationRun
    tuned_run: GenerationRun
    rules: ReleaseRules

    @property
    def by(self) -> Actor:
        return Actor.of(self.admin)


def person(project: Project | None, username: str, *roles: str) -> User:
    """A user with these roles in the project; the password is `password`."""
    user = User.objects.filter(username=username).first()
    if user is None:
        user = User.objects.create(username=username, password="!")
    for role in roles:
        Membership.objects.get_or_create(user=user, project=project, role=role)
    return user


def make_world(
    slug: str = "building",
    *,
    items: int = 24,
    experts: int = 2,
    spec: TaskSpec = SPEC,
    base_right: float = 0.5,
    tuned_right: float = 0.9,
    rules: Rules | None = None,
    admin: str = "ada",
    seed: int = 0,
) -> World:
    """Everything up to complete generation runs of base and tuned; no scorecard yet."""
    user = person(None, admin)
    by = Actor.of(user)
    project = create_project(name=f"Questions on {slug}", slug=slug, spec=spec, by=by)
    rng = random.Random(seed)
    _train_tickets(project, spec, rng)
    evaluation_set = _evaluation_set(project, spec, items, rng)
    base = _model(project, 1, BASE_NAME, ModelVersion.Source.EMBEDDED, None)
    tuned = _model(project, 2, TUNED_NAME, ModelVersion.Source.TRAINED, base)
    set_rules = services.set_rules(project=project, rules=rules or Rules(), by=by)
    conditions = [("zero-shot", "free", 0), ("3-shot", "free", 3)]
    if spec.fields[0].kind == "choice":
        conditions.append(("constrained", "constrained", 0))
    baseline_run = _filled(project, evaluation_set, 1, base, conditions, base_right, rng)
    tuned_run = _filled(project, evaluation_set, 2, tuned, conditions[:1], tuned_right, rng)
    people = [person(project, "eve" if at == 0 else f"expert{at}", "expert") for at in range(experts)]
    return World(project, user, people, base, tuned, evaluation_set, baseline_run, tuned_run, set_rules)


def make_baseline(world: World) -> Scorecard:
    return services.make_baseline(run=world.baseline_run, base_model=world.base, by=world.by)


def make_scorecard(world: World, campaign: Campaign | None = None) -> Scorecard:
    """The comparison; with a campaign, its ratings join."""
    return services.make_comparison(
        run=world.tuned_run,
        baseline=make_baseline(world),
        candidate=world.tuned,
        rules=world.rules,
        campaign=campaign,
        serving="zero-shot",
        by=world.by,
    )


def second_run(world: World) -> GenerationRun:
    """The tuned model asked again: the same evaluation set, a run of its own."""
    conditions = [("zero-shot", "free", 0)]
    return _filled(world.project, world.evaluation_set, 3, world.tuned, conditions, 0.9, random.Random(3))


def open_campaign(world: World, *, items: int = 12, overlap: int = 2, **more: Any) -> Campaign:
    """An open campaign on the comparison's answers, all experts invited."""
    campaign = services.open_campaign(
        scorecard=make_scorecard(world),
        rubric=services.ensure_rubric(project=world.project, by=world.by),
        rules=world.rules,
        name="Blind round",
        items=items,
        overlap=overlap,
        by=world.by,
        **more,
    )
    for expert in world.experts:
        services.invite_rater(campaign=campaign, user=expert, by=world.by)
    return campaign


def rater_of(campaign: Campaign, user: User) -> CampaignRater:
    return CampaignRater.objects.get(campaign=campaign, user=user)


def answer(assignment: Assignment, scores: dict[str, int] | None = None, **more: Any) -> dict[str, Any]:
    """A complete rating by letter: every dimension of answer X gets scores[X], 3 where it is not named."""
    letters = [key.key for key in assignment.keys.all()]
    names = [one["name"] for one in assignment.campaign_item.campaign.rubric.content["dimensions"]]
    given = scores or {}
    scores = {letter: {name: given.get(letter, 3) for name in names} for letter in letters}
    return {"scores": scores, "harm": dict.fromkeys(letters, False), **more}


def candidate_letter(assignment: Assignment) -> str:
    """Under which letter the tuned model's answer stands: for tests only, raters never learn it."""
    return assignment.keys.get(answer__arm__is_baseline=False).key


def rate_all(
    campaign: Campaign, users: list[User], *, base: int = 3, candidate: int = 4, noise: float = 0.0, harm: bool = False
) -> int:
    """Lets each user rate until nothing is left. noise: share of scores moved by one. Returns how many ratings were given."""
    rng = random.Random(7)
    given = 0
    for user in users:
        rater = rater_of(campaign, user)
        while assignment := services.next_item(rater=rater):
            ours = candidate_letter(assignment)
            content = answer(assignment, {"A": base, "B": base} | {ours: candidate})
            for row in content["scores"].values():
                for name in row:
                    if rng.random() < noise:
                        row[name] = max(1, min(5, row[name] + rng.choice((-1, 1))))
            content["harm"][ours] = harm
            content["seconds"] = 20 + 10 * rng.random()
            services.submit_rating(assignment=assignment, answer=content, by=Actor.of(user))
            given += 1
    return given


# ── rows ──


def _hash(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()


def _ticket(spec: TaskSpec, at: int, rng: random.Random) -> tuple[dict[str, str], dict[str, Any]]:
    subject, desk = SUBJECTS[at % len(SUBJECTS)], DESKS[at % len(DESKS)]
    question = f"Question {at}: do I need a permit for {subject} at number {rng.randrange(200)}?"
    if at == 1:
        question = f"Question 1: {MARKUP} what of {subject}?"
    full: dict[str, Any] = {
        "desk": desk,
        "reply": f"For {subject} file form {at} with {desk.lower()} and wait for the notice.",
    }
    return {"question": question}, {field.name: full[field.name] for field in spec.fields}


def _train_tickets(project: Project, spec: TaskSpec, rng: random.Random) -> None:
    counters.add(project.pk, "split:train", 30)
    for at in range(100, 130):
        inputs, values = _ticket(spec, at, rng)
        example = Example.objects.create(
            project=project,
            content_hash=_hash(at),
            prompt_hash=_hash("p", at),
            group_key=_hash("g", at),
            split=Split.TRAIN,
            state=Example.State.RESOLVED,
        )
        ExampleContent.objects.create(example=example, raw=inputs, inputs=inputs)
        ResolvedLabel.objects.bulk_create(
            ResolvedLabel(
                example=example,
                field=name,
                value=value,
                task_revision=project.task_revision,
                basis=ResolvedLabel.Basis.IMPORTED,
            )
            for name, value in values.items()
        )


def _evaluation_set(project: Project, spec: TaskSpec, items: int, rng: random.Random) -> DatasetVersion:
    version = DatasetVersion.objects.create(
        project=project,
        kind=DatasetVersion.Kind.EVALUATION,
        number=1,
        hash=_hash("set", project.pk),
        task_revision=project.task_revision,
        counts={"test": items},
        card={},
    )
    for at in range(items):
        inputs, values = _ticket(spec, at, rng)
        example = Example.objects.create(
            project=project,
            content_hash=_hash("t", at),
            prompt_hash=_hash("tp", at),
            group_key=_hash("tg", at),
            split=Split.TEST,
            state=Example.State.RESOLVED,
        )
        ExampleContent.objects.create(example=example, raw=inputs, inputs=inputs)
        DatasetItem.objects.create(
            version=version,
            position=at,
            split=Split.TEST,
            example=example,
            content={"inputs": inputs, "values": values},
            hash=_hash("i", at),
            group_key=_hash("tg", at),
            prompt_hash=_hash("tp", at),
            sources=[f"example:{example.pk}"],
        )
    return version


def _model(project: Project, number: int, name: str, source: str, base: ModelVersion | None) -> ModelVersion:
    return ModelVersion.objects.create(
        project=project,
        number=number,
        name=name,
        source=source,
        reference=name,
        method="lora" if base else "base",
        base=base,
        parent=base,
        files=Manifest.objects.get_or_create(sha256=_hash("manifest", number))[0],
    )


def _filled(
    project: Project,
    dataset: DatasetVersion,
    number: int,
    model: ModelVersion,
    conditions: list[tuple[str, str, int]],
    right: float,
    rng: random.Random,
) -> GenerationRun:
    run = GenerationRun.objects.create(
        project=project,
        number=number,
        task_revision=dataset.task_revision,
        dataset_version=dataset,
        split="test",
        sampling={"max_new_tokens": 64, "temperature": 0.0},
    )
    for name, decoding, shots in conditions:
        condition, _ = PromptCondition.objects.get_or_create(
            task_revision=dataset.task_revision, name=name, defaults={"decoding": decoding, "shots": shots}
        )
        cell = GenerationCell.objects.create(
            run=run,
            model_version=model,
            condition=condition,
            hardware="2 × EPYC-TESTCPU",
            backend="transformers",
            seconds=3.0,
        )
        for item in dataset.items.order_by("position"):
            _generation(cell, item, dataset.task_revision.spec, decoding, right, rng)
    return run


def _generation(
    cell: GenerationCell, item: DatasetItem, spec: TaskSpec, decoding: str, right: float, rng: random.Random
) -> None:
    truth = item.content["values"]
    is_right = rng.random() < right
    values: dict[str, Any] = {}
    if "desk" in truth:
        values["desk"] = truth["desk"] if is_right else rng.choice([desk for desk in DESKS if desk != truth["desk"]])
    if "reply" in truth:
        words = str(truth["reply"]).split()
        values["reply"] = (
            " ".join(words if is_right else rng.sample(words, len(words) // 2)) + f" ({rng.randrange(10**6)})"
        )
        if item.position == 1:
            values["reply"] = f"{MARKUP} {values['reply']}"
        if item.position == 2:
            values["reply"] = f"{FORMULA} {values['reply']}"
    if decoding != "free":
        values = {spec.fields[0].name: values[spec.fields[0].name]}
        output, parse = values[spec.fields[0].name], {spec.fields[0].name: "ok"}
    else:
        output = codecs.render(spec, values)
        parse = {field.name: "ok" for field in spec.fields}
    Generation.objects.create(
        cell=cell,
        item=item,
        output=output,
        values=values,
        parse=parse,
        tokens_in=4711,
        tokens_out=len(output) // 4,
        first_token_seconds=0.123457,
        seconds=1.654321,
        concurrency=24,
        finish_reason="stop" if decoding == "free" else "choice",
    )
