"""What a new task revision does to answers and settled labels: it fits them, or is refused with counts, or renames carry them over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from django.utils import timezone

from annotation import codecs, texts
from annotation.fieldvalues import UnparsableValue, check_value
from annotation.hashing import Hasher, shown_inputs
from annotation.locks import lock_task, lock_tickets
from annotation.models import Annotation, CurrentAnswer, Example, Queue, ResolvedLabel, Suggestion
from annotation.selectors import settled_values
from annotation.services.resolution import resolve
from ftplatform.errors import Refused
from ftplatform.projects.carriers import Broken, Carrier, Renames
from ftplatform.projects.models import Project, TaskRevision
from ftplatform.projects.spec import TaskSpec

BATCH = 1000
Values = dict[str, Any]
T = TypeVar("T")
Proposed = TypeVar("Proposed", ResolvedLabel, Suggestion)


def hold(project: Project) -> None:
    """No answer is written, no ticket comes in and no set is drawn until the task has changed."""
    lock_task(project.pk)
    lock_tickets(project.pk)


def refuse(spec: TaskSpec) -> None:
    """Labels that a model could never answer: a control token in one is made harmless before the model sees it, and a comma parts two
    labels of a list."""
    for field in spec.fields:
        for label in field.labels:
            if field.kind == "multi" and spec.codec != "json" and "," in label:
                raise Refused(
                    "comma-in-label",
                    f"The label {label!r} of {field.heading} holds a comma, which parts the labels of an answer in the {spec.codec} "
                    "codec. Reword the label, or use the json codec for this task.",
                    field="fields",
                )
            if texts.neutralise(label)[1]:
                raise Refused(
                    "control-token",
                    f"The label {label!r} of {field.heading} holds a control token of chat models. It is made harmless before "
                    "training, so no model could ever answer with it; reword the label.",
                    field="fields",
                )


# ── what does not fit ──


def broken(project: Project, spec: TaskSpec, renames: Renames) -> list[Broken]:
    """Answers and settled labels that fitted the task so far and would not fit the new one, by field and label; tickets whose text the
    new prompt would not find."""
    if project.task_revision is None:
        return []
    before = project.task_revision.spec
    return _without_input(project, before, spec) + (
        [] if _shape(spec) == _shape(before) else _contradicted(project, before, spec, renames)
    )


def _without_input(project: Project, before: TaskSpec, spec: TaskSpec) -> list[Broken]:
    """The model would be asked with a hole where the input's text belongs."""
    new = [name for name in shown_inputs(spec) if name not in {column.name for column in before.inputs}]
    tickets = Example.objects.filter(project=project)
    counted = {name: tickets.exclude(content__inputs__has_key=name).count() for name in new}
    return [Broken("tickets without this input", name, "", count) for name, count in counted.items() if count]


def _contradicted(project: Project, before: TaskSpec, spec: TaskSpec, renames: Renames) -> list[Broken]:
    answers = CurrentAnswer.objects.filter(example__project=project).values_list("annotation__values", flat=True)
    counted: Counter[tuple[str, str, str]] = Counter()
    for what, rows in (
        ("answers", answers.iterator(chunk_size=BATCH)),
        ("settled labels", iter(settled_values(project).values())),
    ):
        for values in rows:
            new = _misfits(spec, _renamed(values, renames)) - _misfits(before, values)
            counted.update((what, field, label) for field, label in new)
    return [Broken(*where, count) for where, count in sorted(counted.items())]


def _shape(spec: TaskSpec) -> Any:
    """All of a task that decides which values fit it: not its words, prompt or metrics."""
    fields = [(one.name, one.kind, one.required, one.labels, one.condition, one.max_length) for one in spec.fields]
    return fields, spec.codec


def _misfits(spec: TaskSpec, values: Values) -> set[tuple[str, str]]:
    """(field, label) of what the task would refuse in these values; all of it, so that one refusal can tell all."""
    found = {(name, "") for name in values.keys() - {field.name for field in spec.fields}}
    for field in spec.fields:
        asked = spec.is_asked(field, values)
        if field.name not in values:
            found |= {(field.name, "")} if asked and field.required else set()
        elif not asked:
            found.add((field.name, ""))
        else:
            try:
                check_value(field, values[field.name])
            except UnparsableValue:
                given = values[field.name] if isinstance(values[field.name], list) else [values[field.name]]
                strange = {str(one) for one in given if one not in field.labels} if field.choices else set()
                found |= {(field.name, label) for label in strange or {""}}
    if not found:
        try:
            codecs.refuse_unparsable(spec, values)
        except UnparsableValue as error:
            found.add((error.field, ""))
    return found


# ── carrying over ──


def carry(project: Project, before: TaskRevision | None, revision: TaskRevision, renames: Renames) -> dict[str, int]:
    """Queues hand out under the new revision, and what the renames change is written anew: annotations supersede, labels and
    suggestions follow. Where people now say the same, the ticket is resolved."""
    Queue.objects.filter(project=project).update(task_revision=revision)
    carried = {}
    if before and shown_inputs(before.spec) != shown_inputs(revision.spec):
        carried["prompts"] = _ask_anew(project, revision)
    if not renames:
        return carried
    successors, unresolved = _supersede(project, revision, renames)
    labels = _relabel(project, revision, renames, successors)
    _resuggest(project, renames)
    for example in Example.objects.select_for_update().filter(pk__in=unresolved).order_by("pk"):
        resolve(example, None)
    return carried | {"answers": len(successors), "labels": labels}


def _ask_anew(project: Project, revision: TaskRevision) -> int:
    """Tickets that ask the model the same thing under the new prompt are told by the same hash, which keeps them in one set."""
    hasher, changed = Hasher(project), 0
    rows = Example.objects.filter(project=project).select_related("content").order_by("pk")
    for batch in _batches(rows.iterator(chunk_size=BATCH)):
        other = [
            (row, prompt)
            for row in batch
            if row.prompt_hash != (prompt := hasher.prompt(revision.spec, row.content.inputs))
        ]
        for row, prompt in other:
            if row.group_key == row.prompt_hash:  # a ticket of no group
                row.group_key = prompt
            row.prompt_hash = prompt
        Example.objects.bulk_update([row for row, _ in other], ["prompt_hash", "group_key"])
        changed += len(other)
    return changed


def _supersede(project: Project, revision: TaskRevision, renames: Renames) -> tuple[dict[int, int], set[int]]:
    """({annotation: the one that supersedes it}, tickets among theirs that wait for a decision)."""
    rows = CurrentAnswer.objects.filter(example__project=project).select_related("annotation", "example").order_by("pk")
    changed = (
        row
        for row in rows.iterator(chunk_size=BATCH)
        if _renamed(row.annotation.values, renames) != row.annotation.values
    )
    successors: dict[int, int] = {}
    unresolved: set[int] = set()
    for batch in _batches(changed):
        made = Annotation.objects.bulk_create(
            Annotation(
                example_id=old.example_id,
                task_revision=revision,
                author_id=old.author_id,
                source=old.source,
                lease_id=old.lease_id,
                values=_renamed(old.values, renames),
                supersedes=old,
                seconds=old.seconds,
                note=old.note,
                is_unsure=old.is_unsure,
            )
            for old in (row.annotation for row in batch)
        )
        for row, new in zip(batch, made, strict=True):
            successors[row.annotation_id] = new.pk
            row.annotation = new
            if row.example.state == Example.State.UNRESOLVED:
                unresolved.add(row.example_id)
        CurrentAnswer.objects.bulk_update(batch, ["annotation"])
    return successors, unresolved


def _relabel(project: Project, revision: TaskRevision, renames: Renames, successors: dict[int, int]) -> int:
    count, now = 0, timezone.now()
    rows = ResolvedLabel.objects.filter(example__project=project, field__in=list(renames)).order_by("pk")
    for batch in _batches(_changed(rows.iterator(chunk_size=BATCH), renames)):
        for label in batch:
            label.task_revision = revision
            if label.annotation_id:
                label.annotation_id = successors.get(label.annotation_id, label.annotation_id)
            label.resolved_at = now
        ResolvedLabel.objects.bulk_update(batch, ["value", "task_revision", "annotation", "resolved_at"])
        count += len(batch)
    return count


def _resuggest(project: Project, renames: Renames) -> None:
    rows = Suggestion.objects.filter(example__project=project, field__in=list(renames)).order_by("pk")
    for batch in _batches(_changed(rows.iterator(chunk_size=BATCH), renames)):
        Suggestion.objects.bulk_update(batch, ["value"])


def _changed(rows: Iterable[Proposed], renames: Renames) -> Iterator[Proposed]:
    """Those whose value the renames change, with the new value in them."""
    for row in rows:
        value = _renamed({row.field: row.value}, renames)[row.field]
        if value != row.value:
            row.value = value
            yield row


def _renamed(values: Values, renames: Renames) -> Values:
    """All at once, so that two labels can change places; what two of several labels became stands once."""
    renamed = dict(values)
    for field, pairs in renames.items():
        value = values.get(field)
        if isinstance(value, list):
            renamed[field] = list(dict.fromkeys(pairs.get(one, one) if isinstance(one, str) else one for one in value))
        elif isinstance(value, str):
            renamed[field] = pairs.get(value, value)
    return renamed


def _batches(rows: Iterable[T]) -> Iterator[list[T]]:
    left = iter(rows)
    while batch := list(islice(left, BATCH)):
        yield batch


CARRIER = Carrier(hold=hold, broken=broken, carry=carry)
