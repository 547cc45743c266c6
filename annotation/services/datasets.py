"""Sets and versions. The test set comes first; `freeze_dataset` is the only door to a dataset version."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from annotation import codecs
from annotation.models import DatasetItem, DatasetVersion, Example, ResolvedLabel, Split
from annotation.render import render_completion, render_messages
from annotation.rows import is_complete
from annotation.splits import ImpossibleSplit, assign, join_groups
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import Refused
from ftplatform.projects import counters
from ftplatform.projects.models import Project, TaskRevision
from ftplatform.projects.numbering import next_number
from ftplatform.projects.spec import TaskSpec, canonical

FORMAT_VERSION = 1
BATCH = 1000


@dataclass(frozen=True)
class ItemDraft:
    """An item to be frozen. values: field → reference."""

    split: str
    inputs: dict[str, Any]
    values: dict[str, Any]
    group_key: str
    prompt_hash: str
    example: int | None = None
    sources: tuple[str, ...] = ()


@dataclass
class _Pool:
    """Resolved examples, aligned lists."""

    ids: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    strata: list[str] = field(default_factory=list)


@transaction.atomic
def freeze_evaluation_set(
    *, project: Project, size: int, stratify: str | None = None, seed: int = 0, by: Actor
) -> DatasetVersion:
    """Draws the test set from resolved tickets, whole groups only, and freezes it. Tickets that were drawn stay test for ever."""
    revision = _task(project)
    _lock(project)
    pool = _pool(project, revision.spec, stratify)
    if size < 2 or size > len(pool.ids):
        raise Refused(
            "bad-size",
            f"A test set of {size} cannot be drawn: {len(pool.ids)} resolved tickets are in no set yet. Import or label more, or ask for fewer.",
            field="size",
        )
    drawn = _assign(pool, {Split.TEST.value: size}, seed)
    _set_split(project, [pk for pk, split in zip(pool.ids, drawn, strict=True) if split == Split.TEST], Split.TEST)
    items = _drafts(project, revision.spec, [Split.TEST])
    return freeze_dataset(
        project=project,
        kind=DatasetVersion.Kind.EVALUATION,
        task_revision=revision,
        items=items,
        evaluation_set=None,
        by=by,
    )


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
    """Puts resolved tickets that are in no set into train and validation. Nothing moves out of test, and no ticket that shares a
    group or prompt with it is drawn. Returns counts."""
    revision = _task(project)
    _lock(project)
    pool = _pool(project, revision.spec, stratify, apart=True)
    train = len(pool.ids) - validation if limit_train is None else min(limit_train, len(pool.ids) - validation)
    if train < 1:
        raise Refused(
            "too-few-tickets",
            f"{len(pool.ids)} resolved tickets are outside the test set and its groups; with {validation} for validation none is left to train on.",
            field="validation",
        )
    drawn = _assign(pool, {Split.VALIDATION.value: validation, Split.TRAIN.value: train}, seed)
    counts: dict[str, int] = {}
    for split in (Split.TRAIN, Split.VALIDATION):
        chosen = [pk for pk, one in zip(pool.ids, drawn, strict=True) if one == split]
        _set_split(project, chosen, split)
        counts[split.value] = len(chosen)
    record(by=by, verb="splits.draw", target=project, project=project, data={**counts, "seed": seed})
    return counts


@transaction.atomic
def freeze_training_set(
    *, project: Project, evaluation_set: DatasetVersion, train_limit: int | None = None, by: Actor
) -> DatasetVersion:
    """Freezes the resolved tickets of train and validation, kept apart from the evaluation set."""
    revision = _task(project)
    items = _drafts(project, revision.spec, [Split.TRAIN, Split.VALIDATION])
    if train_limit is not None:
        train = [item for item in items if item.split == Split.TRAIN][:train_limit]
        items = train + [item for item in items if item.split != Split.TRAIN]
    if not any(item.split == Split.TRAIN for item in items):
        raise Refused("no-train", "No resolved ticket is in train; draw the splits first.", status=409)
    return freeze_dataset(
        project=project,
        kind=DatasetVersion.Kind.SFT,
        task_revision=revision,
        items=items,
        evaluation_set=evaluation_set,
        by=by,
    )


@transaction.atomic
def freeze_dataset(
    *,
    project: Project,
    kind: str,
    task_revision: TaskRevision,
    items: Sequence[ItemDraft],
    evaluation_set: DatasetVersion | None,
    card: dict[str, Any] | None = None,
    by: Actor,
) -> DatasetVersion:
    """The only door. Renders every item, refuses what would leak or not parse back, and hashes what is left.

    The same content again is the version that exists. Raises Refused.
    """
    if not items:
        raise Refused("empty-dataset", "There is nothing to freeze.")
    if evaluation_set is not None:
        if evaluation_set.kind != DatasetVersion.Kind.EVALUATION or evaluation_set.project_id != project.pk:
            raise Refused(
                "not-an-evaluation-set",
                f"{evaluation_set} is no evaluation set of this project.",
                field="evaluation_set",
            )
        _refuse_leaks(items, evaluation_set)
    spec = task_revision.spec
    rows, neutralised = _render(spec, items)
    hashes = sorted(f"{row.split}:{row.hash}" for row in rows)
    digest = hashlib.sha256(
        canonical(
            {"format": FORMAT_VERSION, "kind": kind, "task": task_revision.content_hash, "items": hashes}
        ).encode()
    ).hexdigest()
    existing = DatasetVersion.objects.filter(project=project, hash=digest).first()
    if existing:
        return existing
    version = DatasetVersion.objects.create(
        project=project,
        kind=kind,
        number=next_number(DatasetVersion.objects.filter(kind=kind), project),
        hash=digest,
        format_version=FORMAT_VERSION,
        task_revision=task_revision,
        evaluation_set=evaluation_set,
        counts=dict(Counter(row.split for row in rows)),
        card={**_card(project, spec, rows, neutralised), **(card or {})},
        created_by=by.user,
    )
    for position, row in enumerate(rows):
        row.version, row.position = version, position
    DatasetItem.objects.bulk_create(rows, batch_size=BATCH)
    record(
        by=by,
        verb="dataset.freeze",
        target=version,
        project=project,
        data={"kind": kind, "hash": digest, "items": len(rows)},
    )
    return version


def _render(spec: TaskSpec, items: Sequence[ItemDraft]) -> tuple[list[DatasetItem], int]:
    rows, neutralised = [], 0
    for item in items:
        messages = render_messages(spec, item.inputs)
        try:
            completion, inside = render_completion(spec, item.values)
        except codecs.UnparsableValue as error:
            raise Refused(
                "unparsable-label",
                f"Ticket {item.example}: {error} Correct the label, then freeze again.",
                field=error.field,
            ) from error
        neutralised += messages.neutralised + inside
        content = {
            "inputs": item.inputs,
            "values": item.values,
            "messages": messages.messages,
            "completion": completion,
        }
        text = canonical(content)
        rows.append(
            DatasetItem(
                split=item.split,
                example_id=item.example,
                content=json.loads(text),
                hash=hashlib.sha256(text.encode()).hexdigest(),
                group_key=item.group_key,
                prompt_hash=item.prompt_hash,
                sources=list(item.sources),
            )
        )
    return rows, neutralised


def _refuse_leaks(items: Sequence[ItemDraft], evaluation_set: DatasetVersion) -> None:
    """No example, group or normalised prompt is shared with the evaluation set."""
    held = list(evaluation_set.items.values_list("example_id", "group_key", "prompt_hash"))
    examples = {example for example, _, _ in held if example}
    groups, prompts = {group for _, group, _ in held}, {prompt for _, _, prompt in held}
    for what, shared in (
        ("the same ticket", [item for item in items if item.example in examples]),
        ("a group", [item for item in items if item.group_key in groups]),
        ("the same question", [item for item in items if item.prompt_hash in prompts]),
    ):
        if shared:
            named = ", ".join(str(item.example) for item in shared[:5])
            raise Refused(
                "leak",
                f"{len(shared)} tickets share {what} with {evaluation_set} (tickets {named}). Take them out of train and validation.",
                status=409,
                data={"tickets": [item.example for item in shared[:100]]},
            )


def _card(project: Project, spec: TaskSpec, rows: Sequence[DatasetItem], neutralised: int) -> dict[str, Any]:
    """What a reader of the version should know."""
    labels: dict[str, dict[str, dict[str, int]]] = {}
    for choice in spec.choice_fields:
        counted = Counter((row.split, row.content["values"].get(choice.name, "")) for row in rows)
        labels[choice.name] = {}
        for (split, label), count in sorted(counted.items()):
            labels[choice.name].setdefault(str(label), {})[split] = count
    lengths = sorted(len(row.content["completion"]) for row in rows)
    prompts = sorted(sum(len(one["content"]) for one in row.content["messages"]) for row in rows)
    return {
        "attribution": project.attribution,
        "labels": labels,
        "groups": len({row.group_key for row in rows}),
        "neutralised": neutralised,
        "prompt_characters": _quantiles(prompts),
        "completion_characters": _quantiles(lengths),
        "completion_histogram": _histogram(lengths),
    }


def _quantiles(values: list[int]) -> dict[str, int]:
    return {
        name: values[int(share * (len(values) - 1))]
        for name, share in (("least", 0), ("median", 0.5), ("p95", 0.95), ("most", 1))
    }


def _histogram(values: list[int], bins: int = 12) -> list[dict[str, int]]:
    width = max(1, -(-(values[-1] + 1) // bins))
    counted = Counter(value // width for value in values)
    return [
        {"from": at * width, "to": (at + 1) * width, "count": counted.get(at, 0)}
        for at in range(values[-1] // width + 1)
    ]


def _task(project: Project) -> TaskRevision:
    if project.task_revision is None:
        raise Refused("no-task", "Say first what the task is: its inputs and fields.", status=409)
    return project.task_revision


def _lock(project: Project) -> None:
    Project.objects.select_for_update().get(pk=project.pk)


def _pool(project: Project, spec: TaskSpec, stratify: str | None, *, apart: bool = False) -> _Pool:
    """Resolved, complete tickets that are in no set; apart: and share no group or prompt with the test set."""
    if stratify is not None:
        spec.field_named(stratify)
    rows = Example.objects.filter(project=project, split=None, state=Example.State.RESOLVED, erased_at=None)
    if apart:
        test = Example.objects.filter(project=project, split=Split.TEST)
        rows = rows.exclude(group_key__in=test.values("group_key")).exclude(prompt_hash__in=test.values("prompt_hash"))
    found = list(rows.order_by("content_hash", "pk").values_list("pk", "group_key", "prompt_hash"))
    values = _values(project, [pk for pk, _, _ in found])
    kept = [one for one in found if is_complete(spec, values.get(one[0], {}))]
    return _Pool(
        ids=[pk for pk, _, _ in kept],
        groups=join_groups([group for _, group, _ in kept], [prompt for _, _, prompt in kept]),
        strata=[str(values[pk].get(stratify, "")) if stratify else "" for pk, _, _ in kept],
    )


def _values(project: Project, ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    wanted = set(ids)
    values: dict[int, dict[str, Any]] = {}
    labels = ResolvedLabel.objects.filter(example__project=project).values_list("example_id", "field", "value")
    for example, name, value in labels.iterator(chunk_size=5000):
        if example in wanted:
            values.setdefault(example, {})[name] = value
    return values


def _assign(pool: _Pool, sizes: dict[str, int], seed: int) -> list[str | None]:
    try:
        return assign(pool.groups, pool.strata, sizes, seed)
    except ImpossibleSplit as error:
        raise Refused("impossible-split", str(error), field="size") from error


def _set_split(project: Project, ids: list[int], split: Split) -> None:
    for at in range(0, len(ids), 5000):
        Example.objects.filter(pk__in=ids[at : at + 5000]).update(split=split)
    counters.add(project.pk, f"split:{split.value}", len(ids))


def _drafts(project: Project, spec: TaskSpec, splits: list[Split]) -> list[ItemDraft]:
    """The resolved tickets of these splits as items, in a stable order."""
    examples = list(
        Example.objects.filter(project=project, split__in=splits, state=Example.State.RESOLVED, erased_at=None)
        .select_related("content")
        .order_by("split", "content_hash", "pk")
    )
    values: dict[int, dict[str, Any]] = {}
    sources: dict[int, list[str]] = {}
    labels = ResolvedLabel.objects.filter(example__project=project, example__split__in=splits)
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
        if is_complete(spec, values.get(example.pk, {}))
    ]
