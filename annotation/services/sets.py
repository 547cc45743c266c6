"""Which ticket stands in which set. The test set comes first; groups go whole, and nothing near the test set is trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from annotation import handout
from annotation.cards import left_out
from annotation.hashing import prompt_text
from annotation.locks import lock_tickets
from annotation.models import DatasetVersion, Example, HandoutSlot, ResolvedLabel, Split
from annotation.nearprompts import NearPrompts, find_near_prompts
from annotation.rows import is_complete
from annotation.selectors import settled_values
from annotation.services.datasets import ItemDraft, freeze_dataset
from annotation.splits import ImpossibleSplit, assign, join_groups, stratified_sample
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import Conflict, Refused
from ftplatform.projects import counters
from ftplatform.projects.models import Project, TaskRevision
from ftplatform.projects.selectors import current_task, required_task
from ftplatform.projects.spec import TaskSpec

BATCH = 5000

PARTED = "near prompts could not be kept together in sets of these sizes"


@transaction.atomic
def freeze_evaluation_set(
    *,
    project: Project,
    size: int,
    stratify: str | None = None,
    seed: int = 0,
    validation: int | None = None,
    by: Actor,
) -> DatasetVersion:
    """Draws `size` tickets with settled answers into the test set, whole groups only, and freezes all of it.

    What was drawn before stays test for ever and is part of the new version; size 0 freezes those anew with their labels as they are
    now. Groups of which something is trained on are left alone, and drawn tickets leave their queues and people's hands.
    validation: where given, the other settled tickets go into train and validation with it (`draw_splits`), so that the baseline can
    show the base model examples and stand beside answers that need no model; all of it or nothing.
    """
    lock_tickets(project.pk)
    revision = _task(project)
    has_test = Example.objects.filter(project=project, split=Split.TEST).exists()
    tickets = _gather(project, revision.spec, stratify)

    def sizes(free: int) -> dict[str, int]:
        if size > free or size < (0 if has_test else 2):
            raise Refused(
                "bad-size",
                f"A test set of {size} cannot be drawn: {free} resolved tickets are in no set yet, nor in a group that is "
                "trained on. Import or label more, or ask for fewer.",
                field="size",
            )
        return {Split.TEST.value: size}

    if size or not has_test:
        drawn, near = _draw(tickets, sizes, seed, keep_out={Split.TRAIN, Split.VALIDATION}, follow=frozenset())
        _close_slots(project, drawn)
        _set_split(project, drawn, Split.TEST)
    else:
        near = ""
    if validation is not None:
        draw_splits(project=project, validation=validation, stratify=stratify, seed=seed, by=by)
    items = _drafts(project, revision.spec, [Split.TEST])
    return freeze_dataset(
        project=project,
        kind=DatasetVersion.Kind.EVALUATION,
        task_revision=revision,
        items=items,
        evaluation_set=None,
        card={
            "draw": {"seed": seed, "stratify": stratify, "near": near},
            "left_out": left_out(project, [item.example for item in items if item.example]),
        },
        by=by,
    )


@transaction.atomic
def refreeze_evaluation_set(*, project: Project, by: Actor) -> DatasetVersion:
    """Freezes the test set again with today's labels and task; no ticket is drawn. It needs a new baseline.

    Raises Refused where nothing has changed, or there is no test set yet.
    """
    lock_tickets(project.pk)
    sets = DatasetVersion.objects.filter(project=project, kind=DatasetVersion.Kind.EVALUATION).order_by("-pk")
    newest = sets.first()
    if newest is None:
        raise Refused("no-test-set", "There is no test set yet; say how many tickets to draw.", field="size")
    version = freeze_evaluation_set(project=project, size=0, by=by)
    if version.pk <= newest.pk:
        raise Conflict(
            "nothing-changed",
            f"Nothing has changed: today's labels and task are those of {version}. Correct a label first, or draw more tickets.",
            data={"evaluation_set": version.pk},
        )
    return version


@transaction.atomic
def draw_splits(
    *,
    project: Project,
    validation: int,
    stratify: str | None = None,
    seed: int = 0,
    limit_train: int | None = None,
    by: Actor,
) -> dict[str, int]:
    """Puts resolved tickets that are in no set into train and validation. Returns how many each got.

    Nothing moves out of a set. No ticket that shares a group or a prompt with the test set, or is nearly the same, is drawn; one
    whose group is in train or validation already follows it there. A ticket that joins the two (a customer in train asks what stands
    in validation) can be in neither: it stays in no set.
    """
    lock_tickets(project.pk)
    revision = _task(project)

    def sizes(free: int) -> dict[str, int]:
        train = free - validation if limit_train is None else min(limit_train, free - validation)
        if train < 1:
            raise Refused(
                "too-few-tickets",
                f"{free} resolved tickets are outside the test set and its groups; with {validation} for validation none is left to train on.",
                field="validation",
            )
        return {Split.VALIDATION.value: validation, Split.TRAIN.value: train}

    tickets = _gather(project, revision.spec, stratify)
    drawn, near = _draw(tickets, sizes, seed, keep_out={Split.TEST}, follow=frozenset({Split.TRAIN, Split.VALIDATION}))
    for split in (Split.TRAIN, Split.VALIDATION):
        _set_split(project, drawn, split)
    got = Counter(drawn.values())
    counts = {split.value: got[split] for split in (Split.TRAIN, Split.VALIDATION)}
    data = {**counts, "seed": seed, "stratify": stratify, "near": near}
    record(by=by, verb="splits.draw", target=project, project=project, data=data)
    return counts


@transaction.atomic
def freeze_training_set(
    *, project: Project, evaluation_set: DatasetVersion, train_limit: int | None = None, seed: int = 0, by: Actor
) -> DatasetVersion:
    """Freezes the resolved tickets of train and validation, kept apart from the evaluation set.

    train_limit: a sample of train by seed, stratified by the first choice field.
    """
    lock_tickets(project.pk)
    revision = _task(project)
    items = _drafts(project, revision.spec, [Split.TRAIN, Split.VALIDATION])
    if train_limit is not None:
        items = _limited(revision.spec, items, train_limit, seed)
    if not any(item.split == Split.TRAIN for item in items):
        raise Refused("no-train", "No resolved ticket is in train; draw the splits first.", status=409)
    return freeze_dataset(
        project=project,
        kind=DatasetVersion.Kind.SFT,
        task_revision=revision,
        items=items,
        evaluation_set=evaluation_set,
        card={
            **({"draw": {"seed": seed, "train_limit": train_limit}} if train_limit is not None else {}),
            "left_out": left_out(project, [item.example for item in items if item.example]),
        },
        by=by,
    )


@transaction.atomic
def draw_and_freeze(
    *,
    project: Project,
    evaluation_set: DatasetVersion,
    validation: int | None,
    draw_train: int | None = None,
    train_limit: int | None = None,
    stratify: str | None = None,
    seed: int = 0,
    by: Actor,
) -> DatasetVersion:
    """Draws splits of the tickets that are in no set, where a size of validation is given, and freezes a training set; both or
    neither. draw_train: at most so many are put into train. train_limit: at most so many of train are frozen."""
    if validation is not None:
        draw_splits(project=project, validation=validation, stratify=stratify, seed=seed, limit_train=draw_train, by=by)
    return freeze_training_set(
        project=project, evaluation_set=evaluation_set, train_limit=train_limit, seed=seed, by=by
    )


def _task(project: Project) -> TaskRevision:
    """Under the lock of the tickets, which a change of the task holds too."""
    return required_task(current_task(project))


# ── drawing ──


@dataclass(frozen=True)
class _Tickets:
    """Tickets that stand in a set or could; aligned lists. usable: its answer is settled and complete."""

    ids: list[int]
    splits: list[str | None]
    group_keys: list[str]
    prompt_hashes: list[str]
    strata: list[str]
    usable: list[bool]
    near: NearPrompts


def _gather(project: Project, spec: TaskSpec, stratify: str | None) -> _Tickets:
    """In the order in which they came in, so that the same file and seed draw the same sets in any installation."""
    if stratify is not None:
        known = [field.name for field in spec.choice_fields]
        if stratify not in known:
            listed = ", ".join(known) or "none"
            raise Refused("unknown-field", f"{stratify!r} is not a choice field; there is {listed}.", field="stratify")
    rows = Example.objects.filter(project=project, erased_at=None).filter(
        Q(state=Example.State.RESOLVED) | Q(split__isnull=False)
    )
    found = list(rows.order_by("pk").values_list("pk", "split", "state", "group_key", "prompt_hash", "content__inputs"))
    values = settled_values(project)
    return _Tickets(
        ids=[row[0] for row in found],
        splits=[row[1] for row in found],
        group_keys=[row[3] for row in found],
        prompt_hashes=[row[4] for row in found],
        strata=[str(values.get(row[0], {}).get(stratify, "")) if stratify else "" for row in found],
        usable=[
            row[2] == Example.State.RESOLVED and row[0] in values and is_complete(spec, values[row[0]]) for row in found
        ],
        near=find_near_prompts([prompt_text(spec, row[5] or {}) for row in found]),
    )


def _draw(
    tickets: _Tickets,
    sizes: Callable[[int], Mapping[str, int]],
    seed: int,
    *,
    keep_out: set[Split],
    follow: frozenset[Split],
) -> tuple[dict[int, str], str]:
    """({ticket: set}, why near prompts were not kept together, or empty).

    Near prompts chain: in a project of form letters most may be one group, which no draw could divide, or which the test set has
    closed as a whole. Such a group is drawn as if its prompts were not near, and the card says so. Smaller groups always keep their
    distance from a set that they must not meet; only where no draw keeps them whole are they parted among the sets of this draw.
    """
    near, forms = tickets.near.without_forms()
    told = f"too many prompts are alike to keep them together: the largest group of near ones has {forms}"
    alone: list[int | None] = [None] * len(near)
    tries = [(tickets.near.groups, tickets.near.groups, tickets.near.skipped)]
    tries += [(near, near, told)] if forms else []
    tries += [(near, alone, told if forms else PARTED)] if tickets.near.sizes else []
    failed: Refused | None = None
    for apart, together, note in tries:
        try:
            return _drawn(tickets, apart, together, sizes, seed, keep_out, follow), note
        except ImpossibleSplit as error:
            failed = failed or Refused("impossible-split", str(error), field="size")
        except Refused as error:  # too few tickets are left outside the near groups
            failed = failed or error
    assert failed, "there is at least one try"
    raise failed


def _drawn(
    tickets: _Tickets,
    apart: Sequence[int | None],
    together: Sequence[int | None],
    sizes: Callable[[int], Mapping[str, int]],
    seed: int,
    keep_out: set[Split],
    follow: frozenset[Split],
) -> dict[int, str]:
    """Ticket → set. apart: groups of near prompts that keep away from the sets of `keep_out`; together: those that go whole."""
    wide = join_groups(tickets.group_keys, tickets.prompt_hashes, apart)
    kept_out = {group for group, split in zip(wide, tickets.splits, strict=True) if split in keep_out}
    groups = join_groups(tickets.group_keys, tickets.prompt_hashes, together)
    stands: dict[int, set[str]] = {}
    for group, split in zip(groups, tickets.splits, strict=True):
        if split is not None:
            stands.setdefault(group, set()).add(split)
    closed = {group for group, splits in stands.items() if len(splits) > 1}
    followed = {group: min(splits) for group, splits in stands.items() if splits <= follow}
    free = [
        at
        for at, split in enumerate(tickets.splits)
        if split is None and tickets.usable[at] and groups[at] not in closed and wide[at] not in kept_out
    ]
    pool = [at for at in free if groups[at] not in followed]
    asked = dict(sizes(len(pool)))
    chosen = assign([groups[at] for at in pool], [tickets.strata[at] for at in pool], asked, seed)
    drawn = {tickets.ids[at]: split for at, split in zip(pool, chosen, strict=True) if split}
    drawn.update({tickets.ids[at]: followed[groups[at]] for at in free if groups[at] in followed})
    return drawn


def _set_split(project: Project, drawn: Mapping[int, str], split: Split) -> None:
    ids = [pk for pk, chosen in drawn.items() if chosen == split]
    for at in range(0, len(ids), BATCH):
        Example.objects.filter(pk__in=ids[at : at + BATCH]).update(split=split)
    counters.add(project.pk, f"split:{split.value}", len(ids))


def _close_slots(project: Project, drawn: Mapping[int, str]) -> None:
    """Nobody labels what a model is measured on: drawn tickets leave their queues, and those in people's hands are lost to them, the
    work kept as a draft. Called before the tickets' own rows change, which a submit locks last."""
    ids, now = list(drawn), timezone.now()
    closed: Counter[int] = Counter()
    for at in range(0, len(ids), BATCH):
        slots = HandoutSlot.objects.filter(example__in=ids[at : at + BATCH], queue__project=project)
        closed.update(handout.close(slots, now))
    handout.shrink(closed)


# ── items ──


def _drafts(project: Project, spec: TaskSpec, splits: list[Split]) -> list[ItemDraft]:
    """The resolved tickets of these splits as items, in the order in which they came in."""
    examples = list(
        Example.objects.filter(project=project, split__in=splits, state=Example.State.RESOLVED, erased_at=None)
        .select_related("content")
        .order_by("split", "pk")
    )
    values: dict[int, dict[str, Any]] = {}
    sources: dict[int, list[str]] = {}
    labels = ResolvedLabel.objects.filter(example__project=project, example__split__in=splits).order_by("pk")
    for example, name, value, annotation in labels.values_list("example_id", "field", "value", "annotation_id"):
        values.setdefault(example, {})[name] = value
        if annotation:
            sources.setdefault(example, []).append(f"annotation:{annotation}")
    return [
        ItemDraft(
            split=str(example.split),
            inputs=example.content.inputs,
            values=values[example.pk],
            group_key=example.group_key,
            prompt_hash=example.prompt_hash,
            example=example.pk,
            sources=(f"example:{example.pk}", *dict.fromkeys(sources.get(example.pk, []))),
        )
        for example in examples
        if example.pk in values and is_complete(spec, values[example.pk])
    ]


def _limited(spec: TaskSpec, items: list[ItemDraft], limit: int, seed: int) -> list[ItemDraft]:
    if limit < 1:
        raise Refused("bad-size", "At least one ticket has to be trained on.", field="train_limit")
    stratum = spec.choice_fields[0].name if spec.choice_fields else ""
    train = [item for item in items if item.split == Split.TRAIN]
    if limit >= len(train):
        return items
    taken = stratified_sample([str(item.values.get(stratum, "")) for item in train], limit, seed)
    return [train[at] for at in taken] + [item for item in items if item.split != Split.TRAIN]
