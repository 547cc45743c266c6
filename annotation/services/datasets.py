"""The one door to a dataset version: every item is rendered, looked at for leaks, hashed, and never changed again."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from annotation.cards import card_of
from annotation.fieldvalues import UnparsableValue
from annotation.locks import lock_tickets
from annotation.models import DatasetItem, DatasetVersion, Split
from annotation.render import neutralise_values, render_completion, render_messages
from annotation.services.values import plain, unstorable
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import Refused
from ftplatform.projects.models import Project, TaskRevision
from ftplatform.projects.numbering import next_number
from ftplatform.projects.spec import TaskSpec, canonical

FORMAT_VERSION = 1
BATCH = 1000
NAMED = 5


@dataclass(frozen=True)
class ItemDraft:
    """An item to be frozen. values: field → reference. sources: opaque `kind:id` of what it was made from."""

    split: str
    inputs: dict[str, Any]
    values: dict[str, Any]
    group_key: str
    prompt_hash: str
    example: int | None = None
    sources: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What a refusal calls it."""
        return f"ticket {self.example}" if self.example else f"“{next(iter(self.inputs.values()), '')!s:.60}”"


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
    """Renders every item, refuses what would leak or not parse back, and hashes what is left.

    The same content kept apart from the same evaluation set is the version that exists. card: what the caller knows of how the items
    were chosen; it joins what is computed here. Raises Refused.
    """
    lock_tickets(project.pk)
    _refuse_misfits(project, kind, task_revision, items, evaluation_set)
    _refuse_inner_leaks(items)
    if evaluation_set is not None:
        _refuse_leaks(items, evaluation_set)
    spec = task_revision.spec
    rows, neutralised = _render(spec, items)
    digest = version_hash(
        kind=kind,
        task_hash=task_revision.content_hash,
        evaluation_hash=evaluation_set.hash if evaluation_set else None,
        items=[(row.split, row.hash) for row in rows],
    )
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
        card={**card_of(project, spec, rows, neutralised), **(card or {})},
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


def version_hash(*, kind: str, task_hash: str, evaluation_hash: str | None, items: Sequence[tuple[str, str]]) -> str:
    """sha256 over the canonical form of everything that makes a version what it is. items: (split, item hash), in any order."""
    content = {
        "format": FORMAT_VERSION,
        "kind": kind,
        "task": task_hash,
        "evaluation_set": evaluation_hash,
        "items": sorted(f"{split}:{item}" for split, item in items),
    }
    return _sha256(canonical(content))


# ── refusals ──


def _refuse_misfits(
    project: Project,
    kind: str,
    task_revision: TaskRevision,
    items: Sequence[ItemDraft],
    evaluation_set: DatasetVersion | None,
) -> None:
    """The kind, its evaluation set, its task and the splits of its items have to fit each other."""
    if kind not in DatasetVersion.Kind.values:
        raise Refused("unknown-kind", f"{kind!r} is none of {', '.join(DatasetVersion.Kind.values)}.", field="kind")
    if not items:
        raise Refused("empty-dataset", "There is nothing to freeze: no ticket with a settled answer is in this set.")
    is_evaluation = kind == DatasetVersion.Kind.EVALUATION
    if is_evaluation and evaluation_set is not None:
        raise Refused("not-kept-apart", "An evaluation set is not kept apart from another set.", field="evaluation_set")
    if not is_evaluation:
        if evaluation_set is None:
            raise Refused(
                "no-evaluation-set",
                "A training set names the evaluation set that it is kept apart from; freeze that first.",
                field="evaluation_set",
                status=409,
            )
        if evaluation_set.kind != DatasetVersion.Kind.EVALUATION or evaluation_set.project_id != project.pk:
            raise Refused(
                "not-an-evaluation-set",
                f"{evaluation_set} is not an evaluation set of this project.",
                field="evaluation_set",
            )
        if evaluation_set.task_revision_id != task_revision.pk:
            raise Refused(
                "another-task",
                f"{evaluation_set} was frozen for version {evaluation_set.task_revision.number} of the task, this is for version "
                f"{task_revision.number}: a model would be tuned on one prompt and measured on another. Freeze the evaluation set "
                "again, then this one.",
                field="evaluation_set",
                status=409,
            )
    allowed = {Split.TEST} if is_evaluation else {Split.TRAIN, Split.VALIDATION}
    wrong = [item for item in items if item.split not in allowed]
    if wrong:
        listed = " or ".join(sorted(split.value for split in allowed))
        raise Refused("wrong-split", f"Items of this kind are {listed}; {wrong[0].name} is {wrong[0].split!r}.")


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
            named = ", ".join(item.name for item in shared[:NAMED])
            raise Refused(
                "leak",
                f"{len(shared)} items share {what} with {evaluation_set} ({named}). A model would be measured on what it was "
                "taught; take them out of train and validation.",
                status=409,
                data={"tickets": [item.example for item in shared[:100] if item.example]},
            )


def _refuse_inner_leaks(items: Sequence[ItemDraft]) -> None:
    """No group or prompt stands in two splits of the version itself: patience would watch a loss that was learnt by heart."""
    keys: tuple[tuple[str, Callable[[ItemDraft], str]], ...] = (
        ("group", lambda item: item.group_key),
        ("question", lambda item: item.prompt_hash),
    )
    for what, key in keys:
        first: dict[str, ItemDraft] = {}
        crossing = [item for item in items if first.setdefault(key(item), item).split != item.split]
        if crossing:
            other = first[key(crossing[0])]
            raise Refused(
                "leak-inside",
                f"{len(crossing)} items share a {what} with an item of another split, first {crossing[0].name} in "
                f"{crossing[0].split} and {other.name} in {other.split}. Draw the splits so that groups stay whole.",
                status=409,
            )


# ── rendering ──


def _render(spec: TaskSpec, items: Sequence[ItemDraft]) -> tuple[list[DatasetItem], int]:
    rows, neutralised = [], 0
    for item in items:
        messages = render_messages(spec, item.inputs)
        values, inside = neutralise_values(spec, item.values)
        completion = _completion(spec, item, values)
        neutralised += messages.neutralised + inside
        content = {
            "inputs": item.inputs,
            "values": values,
            "messages": messages.messages,
            "completion": completion,
        }
        text = _canonical(item, content)
        rows.append(
            DatasetItem(
                split=item.split,
                example_id=item.example,
                content=json.loads(text),
                hash=_sha256(text),
                group_key=item.group_key,
                prompt_hash=item.prompt_hash,
                sources=list(item.sources),
            )
        )
    return rows, neutralised


def _completion(spec: TaskSpec, item: ItemDraft, values: dict[str, Any]) -> str:
    """What the trainer teaches; it is read back as the values, since nothing in it has to be made harmless any more."""
    try:
        completion, inside = render_completion(spec, values)
    except UnparsableValue as error:
        raise Refused(
            "unparsable-label",
            f"The answer of {item.name} cannot be frozen: {error} Correct the label, then freeze again.",
            field=error.field,
        ) from error
    if inside:
        raise Refused(
            "control-token",
            f"A label of {item.name} holds a control token of chat models, so no model could ever answer with it. Reword the label in "
            "the task, then freeze again.",
            field="task",
        )
    if not completion:
        raise Refused("empty-answer", f"The answer of {item.name} is empty: there is nothing to learn or to compare.")
    return completion


def _canonical(item: ItemDraft, content: dict[str, Any]) -> str:
    """The content in its canonical form. Tickets were checked when they came in; what other rooms bring is checked here."""
    for problem in unstorable(content):
        raise Refused("unstorable-text", f"The text of {plain(item.name)} cannot be kept: {problem}.")
    return canonical(content)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
