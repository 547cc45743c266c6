"""The answers that a run wrote on its way, row by row and step by step, read as the task reads them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.core.exceptions import PermissionDenied

from annotation import codecs
from annotation.models import DatasetItem
from ftplatform.projects.access import Access
from ftplatform.projects.seals import refuse_if_sealed
from ftplatform.projects.spec import TaskField, TaskSpec
from training.models import TrainingRun

SHOWN = 8
"""Steps shown a row; a long run writes more, which the API lists."""


@dataclass(frozen=True)
class Chosen:
    """What stands in a choice field. `state`: good where it is the reference's, bad where not; empty for the reference itself."""

    text: str
    state: str


@dataclass(frozen=True)
class Answer:
    step: int | None
    """None for the reference."""
    is_saved: bool
    """Whether the saved model wrote it; the others are of the model in training."""
    choices: list[Chosen]
    text: str
    """The other fields as they were read; the whole output where nothing could be."""
    ended: bool
    """Whether it ended by itself within the tokens it had."""


@dataclass(frozen=True)
class SampledRow:
    number: int
    ticket: int | None
    question: str
    answers: list[Answer]
    """In the order of steps, the saved model's after those of training, the reference last."""


Written = tuple[int, bool, str, bool]
"""(step, whether the saved model wrote it, text, whether it ended by itself)."""


@dataclass(frozen=True)
class Samples:
    choices: list[str]
    """Headings of the choice fields."""
    rows: list[SampledRow]
    is_spread: bool
    """Whether there are more steps than are shown."""


def sealed(access: Access, run: TrainingRun) -> str:
    """Why this person may not read the run's answers just now; empty where they may. Someone who rates the saved model or its base blind
    would know their style from here."""
    return _seal(access, [version for version in (run.model_version_id, run.base_version_id) if version])


def sealed_anywhere(access: Access) -> str:
    """The same for all runs of the project at once."""
    return _seal(access, None)


def _seal(access: Access, versions: list[int] | None) -> str:
    try:
        refuse_if_sealed(access, versions)
    except PermissionDenied as seal:
        return str(seal)
    return ""


def samples_of(run: TrainingRun) -> Samples:
    """What was written so far; the saved model's trial answers too, once the run has ended. Two queries."""
    spec = run.task_revision.spec
    written: defaultdict[int, list[Written]] = defaultdict(list)
    on_the_way = run.samples.order_by("step").values_list("item__position", "step", "text", "ended")
    for position, step, text, ended in on_the_way:
        written[position].append((step, False, text, ended))
    is_spread = any(len(answers) > SHOWN for answers in written.values())
    written = defaultdict(list, {position: spread(answers, SHOWN) for position, answers in written.items()})
    for one in run.result.get("smoke", ()):
        written[int(one["row"]) - 1].append((run.result["best_step"], True, one["text"], one["stopped"]))
    items = run.dataset_version.items.filter(position__in=written).order_by("position")
    return Samples(
        choices=[field.heading for field in spec.choice_fields],
        rows=[_row(spec, item, written[item.position]) for item in items],
        is_spread=is_spread,
    )


def spread(found: list[Written], most: int) -> list[Written]:
    """At most so many of them, at least two, evenly spread, the first and the last among them."""
    if len(found) <= most:
        return found
    return [found[round(at * (len(found) - 1) / (most - 1))] for at in range(most)]


def _row(spec: TaskSpec, item: DatasetItem, written: list[Written]) -> SampledRow:
    reference = item.content["values"]
    answers = []
    for step, is_saved, text, ended in written:
        parsed = codecs.parse(spec, text).values
        choices = [_chosen(field, parsed, reference) for field in spec.choice_fields]
        answers.append(Answer(step, is_saved, choices, _rest(spec, parsed) if parsed else text, ended))
    own = [Chosen(str(reference.get(field.name, "–")), "") for field in spec.choice_fields]
    return SampledRow(
        number=item.position + 1,
        ticket=item.example_id,
        question="\n".join(str(text) for text in item.content["inputs"].values() if text),
        answers=[*answers, Answer(None, False, own, _rest(spec, reference), ended=True)],
    )


def _chosen(field: TaskField, values: dict[str, object], reference: dict[str, object]) -> Chosen:
    if field.name not in values:
        return Chosen("none", "bad") if field.name in reference else Chosen("–", "")
    return Chosen(str(values[field.name]), "good" if values[field.name] == reference.get(field.name) else "bad")


def _rest(spec: TaskSpec, values: dict[str, object]) -> str:
    """The fields that are no choice: a lone one as it is, several with their names."""
    rest = [(field, values[field.name]) for field in spec.fields if field.kind != "choice" and field.name in values]
    if len(rest) == 1:
        return str(rest[0][1])
    return "\n".join(f"{field.heading}: {value}" for field, value in rest)
