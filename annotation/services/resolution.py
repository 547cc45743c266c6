"""Which value counts: projections of the annotations, rebuilt in the transaction that writes one."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.db import transaction

from annotation.locks import share_task
from annotation.models import Annotation, CurrentAnswer, Example, Queue, ResolvedLabel
from annotation.rows import is_complete
from annotation.services.values import plain, refuse_bad
from ftplatform.accounts.actors import Actor
from ftplatform.audit.services import record
from ftplatform.errors import Refused
from ftplatform.projects import counters
from ftplatform.projects.selectors import required_task
from ftplatform.projects.spec import canonical

PEOPLE = (Annotation.Source.HUMAN, Annotation.Source.REVIEW)


def keep_answer(annotation: Annotation) -> None:
    """Makes the annotation the current answer of its author."""
    CurrentAnswer.objects.update_or_create(
        example_id=annotation.example_id,
        author_id=annotation.author_id,
        source=annotation.source,
        defaults={"annotation": annotation},
    )


def resolve(example: Example, queue: Queue | None) -> None:
    """Recomputes the resolved labels from people's current answers once all that were asked have answered.

    A review decides alone. Otherwise more than half of the answers must be the same value, field by field; a text that one person
    wrote stands, and different texts of several people wait for a review. Until then, what was settled before (a label from the
    file) stays. The caller holds the example's row.
    """
    answers = [
        one.annotation
        for one in CurrentAnswer.objects.filter(example=example, source__in=PEOPLE)
        .select_related("annotation__task_revision")
        .order_by("annotation_id")
    ]
    example.answers = len({one.author_id for one in answers})
    reviewed = next((one for one in answers if one.source == Annotation.Source.REVIEW), None)
    wanted = queue.overlap if queue else 1
    if reviewed:
        _write(example, reviewed, reviewed.values, ResolvedLabel.Basis.ADJUDICATED, {})
        _state(example, Example.State.RESOLVED)
    elif example.answers < wanted:
        _state(example, Example.State.LABELLED if answers and example.state == Example.State.NEW else example.state)
    else:
        _vote(example, answers)


def _vote(example: Example, answers: list[Annotation]) -> None:
    """Field by field, in order: a field that is not asked for what was agreed before it has no value, and leaving one out is an
    answer like any other."""
    spec = answers[-1].task_revision.spec
    agreed: dict[str, Any] = {}
    confidence: dict[str, float] = {}
    by_value: dict[str, Annotation] = {}
    for field in spec.fields:
        if not spec.is_asked(field, agreed):
            continue
        counted = Counter(canonical(one.values[field.name]) if field.name in one.values else None for one in answers)
        value, count = counted.most_common(1)[0]
        if value is None or count * 2 <= len(answers):
            continue
        chosen = next(one for one in answers if field.name in one.values and canonical(one.values[field.name]) == value)
        agreed[field.name], by_value[field.name] = chosen.values[field.name], chosen
        confidence[field.name] = count / len(answers)
    if is_complete(spec, agreed):
        _write(example, answers[-1], agreed, ResolvedLabel.Basis.AGREED, confidence, by_value)
        _state(example, Example.State.RESOLVED)
    else:
        ResolvedLabel.objects.filter(example=example).exclude(basis=ResolvedLabel.Basis.IMPORTED).delete()
        _state(example, Example.State.UNRESOLVED)


def _write(
    example: Example,
    annotation: Annotation,
    values: dict[str, Any],
    basis: str,
    confidence: dict[str, float],
    sources: dict[str, Annotation] | None = None,
) -> None:
    ResolvedLabel.objects.filter(example=example).exclude(field__in=values).delete()
    for name, value in values.items():
        ResolvedLabel.objects.update_or_create(
            example=example,
            field=name,
            defaults={
                "task_revision_id": annotation.task_revision_id,
                "value": value,
                "confidence": confidence.get(name),
                "basis": basis,
                "annotation": (sources or {}).get(name, annotation),
            },
        )


def _state(example: Example, state: str) -> None:
    before = example.state
    example.state = state
    example.save(update_fields=["state", "answers"])
    if before != state:
        for name, amount in sorted({f"state:{before}": -1, f"state:{state}": 1}.items()):
            counters.add(example.project_id, name, amount)


@transaction.atomic
def adjudicate(*, example: Example, values: dict[str, Any], note: str = "", by: Actor) -> Annotation:
    """A reviewer's final answer. Everybody's own answers stay as they were."""
    if by.user is None:
        raise Refused("no-reviewer", "A ticket is decided by a person, under their own name.")
    share_task(example.project_id)
    example = (
        Example.objects.select_for_update(of=("self",)).select_related("project__task_revision").get(pk=example.pk)
    )
    revision = required_task(example.project.task_revision)
    refuse_bad(revision.spec, values)
    last = Annotation.objects.filter(
        example=example, author=by.user, source=Annotation.Source.REVIEW, superseded_by=None
    ).first()
    made = Annotation.objects.create(
        example=example,
        task_revision=revision,
        author=by.user,
        source=Annotation.Source.REVIEW,
        values=values,
        note=plain(note),
        supersedes=last,
    )
    CurrentAnswer.objects.filter(example=example, source=Annotation.Source.REVIEW).delete()
    keep_answer(made)
    resolve(example, None)
    record(by=by, verb="annotation.adjudicate", target=made, project=example.project, data={"example": example.pk})
    return made
