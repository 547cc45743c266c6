"""The page on which two cells' answers to the same items stand beside each other: which items, in which order, and one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from annotation.models import DatasetItem
from ftplatform.projects.spec import TaskSpec
from inference.comparing import Difference, ItemScores, Piece, difference, kept_scores, order, word_differences
from inference.models import Generation, GenerationCell

SHOWS = (
    ("largest", "Largest differences"),
    ("worse", "Worse"),
    ("better", "Better"),
    ("not-parsed", "Not parsed"),
    ("all", "All"),
)
MOST_LISTED = 60
"""Items in the list at the left; the telling ones come first."""

TITLE_CHARACTERS = 90
NOT_READ = ("failed",)

Kept = tuple[Mapping[str, ItemScores], Mapping[str, ItemScores]]
"""What scorecards keep for single items of either side, by metric."""


@dataclass(frozen=True)
class Light:
    """What of an answer is read for all items at once: its choices, and not its text."""

    values: dict[str, Any]
    parse: dict[str, str]
    tokens_out: int | None


@dataclass(frozen=True)
class Entry:
    """A line of the list."""

    item: DatasetItem
    title: str
    difference: float | None


@dataclass(frozen=True)
class FieldValue:
    """A field that is no running text: what was read, and whether it is the reference's."""

    title: str
    value: str
    state: str
    word: str


@dataclass(frozen=True)
class Side:
    """One answer. pieces: its text, the words that the other side lacks marked."""

    cell: GenerationCell
    answer: Generation | None
    fields: list[FieldValue]
    score: str
    pieces: list[Piece]
    is_raw: bool
    """The whole output is shown, because the text field could not be read out of it."""


@dataclass(frozen=True)
class SideBySide:
    spec: TaskSpec
    metrics: list[ItemScores]
    metric: ItemScores
    show: str
    entries: list[Entry]
    matching: int
    total: int
    item: DatasetItem | None
    previous: int | None
    following: int | None
    question: str
    reference: list[tuple[str, str]]
    sides: list[Side]


def side_by_side(
    left: GenerationCell, right: GenerationCell, *, by: str, show: str, item: int | None, mark: bool = True
) -> SideBySide:
    """Reads both cells. by: a metric's name; an unknown one is the first. item: the one to show; else the first of the list."""
    spec = left.run.task_revision.spec
    references = _references(left, spec)
    items = list(references)
    lights = _lights(left, right, spec)
    kept = (kept_scores(left), kept_scores(right))
    differences = _differences(kept, spec, items, lights, references)
    metric = by if by in differences else next(iter(differences))
    show = show if show in dict(SHOWS) else "largest"
    places = (
        [at for at, pk in enumerate(items) if any(_not_read(light.get(pk)) for light in lights)]
        if show == "not-parsed"
        else order(differences[metric], show)
    )
    listed = places[:MOST_LISTED]
    at = items.index(item) if item in items else listed[0] if listed else None
    shown = [items[place] for place in listed]
    here = shown.index(items[at]) if at is not None and items[at] in shown else None
    contents = DatasetItem.objects.in_bulk([*shown, *([items[at]] if at is not None else [])])
    current = contents[items[at]] if at is not None else None
    return SideBySide(
        spec=spec,
        metrics=[one.metric for one in differences.values()],
        metric=differences[metric].metric,
        show=show,
        entries=[
            Entry(contents[items[place]], _title(spec, contents[items[place]]), differences[metric].by_item[place])
            for place in listed
        ],
        matching=len(places),
        total=len(items),
        item=current,
        previous=shown[here - 1] if here else None,
        following=shown[here + 1] if here is not None and here + 1 < len(shown) else None,
        question=_question(spec, current) if current else "",
        reference=[
            (field.heading, str(current.content["values"].get(field.name, ""))) for field in spec.fields
        ] if current else [],
        sides=_sides((left, right), kept, spec, current, differences[metric], at, mark) if current else [],
    )  # fmt: skip


def _lights(left: GenerationCell, right: GenerationCell, spec: TaskSpec) -> tuple[dict[int, Light], dict[int, Light]]:
    """Both sides' answers by item."""
    found: dict[int, dict[int, Light]] = {left.pk: {}, right.pk: {}}
    choices = [field.name for field in spec.choice_fields]
    rows = Generation.objects.filter(cell__in=found).values_list(
        "cell_id", "item_id", "parse", "tokens_out", *(f"values__{name}" for name in choices)
    )
    for cell, item, parse, tokens_out, *values in rows:
        found[cell][item] = Light(dict(zip(choices, values, strict=True)), parse, tokens_out)
    return found[left.pk], found[right.pk]


def _references(cell: GenerationCell, spec: TaskSpec) -> dict[int, dict[str, Any]]:
    """item → its reference values of choice fields, in the order of the set; running text is not read for all items."""
    fields = [field.name for field in spec.choice_fields]
    items = cell.run.dataset_version.items.filter(split=cell.run.split).order_by("position")
    rows = items.values_list("pk", *(f"content__values__{name}" for name in fields))
    return {pk: dict(zip(fields, values, strict=True)) for pk, *values in rows}


def _differences(
    kept: Kept,
    spec: TaskSpec,
    items: Sequence[int],
    lights: Sequence[dict[int, Light]],
    references: dict[int, dict[str, Any]],
) -> dict[str, Difference]:
    """Metric → difference. First what scorecards keep, text metrics before others; then choices right or wrong; then length."""
    both = [name for name in kept[0] if name in kept[1] and len(kept[0][name].values) == len(items)]
    texts = {field.name for field in spec.text_fields}
    both.sort(key=lambda name: name.split(".")[0] not in texts)
    found = {name: difference(kept[0][name], kept[1][name]) for name in both}
    for field in spec.choice_fields:
        right = [
            _scores(f"{field.name}.right", f"{field.heading} right", items, lambda pk, light, name=field.name: (
                float(light.values.get(name) == references[pk].get(name))
            ), light, True)
            for light in lights
        ]  # fmt: skip
        found[right[0].name] = difference(right[0], right[1])
    length = [
        _scores("length", "tokens written", items, lambda pk, light: light.tokens_out, light, None) for light in lights
    ]
    found["length"] = difference(length[0], length[1])
    return found


def _scores(
    name: str, title: str, items: Sequence[int], value: Any, lights: dict[int, Light], more_is_better: bool | None
) -> ItemScores:
    values = [value(pk, lights[pk]) if pk in lights else None for pk in items]
    return ItemScores(name, title, values, more_is_better)


def _not_read(light: Light | None) -> bool:
    return light is not None and any(state in NOT_READ for state in light.parse.values())


def _title(spec: TaskSpec, item: DatasetItem) -> str:
    text = " ".join(_question(spec, item).split())
    return text if len(text) <= TITLE_CHARACTERS else f"{text[: TITLE_CHARACTERS - 1]}…"


def _question(spec: TaskSpec, item: DatasetItem) -> str:
    return "\n\n".join(str(item.content["inputs"].get(column.name) or "") for column in spec.inputs).strip()


def _sides(
    cells: tuple[GenerationCell, GenerationCell],
    kept: Kept,
    spec: TaskSpec,
    item: DatasetItem,
    found: Difference,
    at: int | None,
    mark: bool,
) -> list[Side]:
    answers = {
        one.cell_id: one for one in Generation.objects.filter(cell__in=[cell.pk for cell in cells], item=item)
    }  # fmt: skip
    texts = [_text(spec, answers.get(cell.pk)) for cell in cells]
    pieces = word_differences(texts[0][0], texts[1][0]) if mark else tuple([Piece(text, False)] for text, _ in texts)
    sides = []
    for place, cell in enumerate(cells):
        scores = _score_text(kept[place], found, at)
        answer = answers.get(cell.pk)
        sides.append(
            Side(cell, answer, _field_values(spec, item, cell, answer), scores, pieces[place], texts[place][1])
        )
    return sides


def _score_text(kept: Mapping[str, ItemScores], found: Difference, at: int | None) -> str:
    """This side's own value of the metric, where a scorecard keeps it."""
    scores = kept.get(found.metric.name)
    value = scores.values[at] if scores and at is not None else None
    return f"{found.metric.title} {value:.2f}" if value is not None else ""


def _text(spec: TaskSpec, answer: Generation | None) -> tuple[str, bool]:
    """(the running text of an answer, whether it is its whole output because nothing could be read out of it)."""
    if answer is None:
        return "", False
    for field in spec.text_fields:
        if field.name in answer.values:
            return str(answer.values[field.name]), False
    return answer.output, bool(spec.text_fields) and answer.finish_reason != "choice"


def _field_values(
    spec: TaskSpec, item: DatasetItem, cell: GenerationCell, answer: Generation | None
) -> list[FieldValue]:
    if answer is None or answer.finish_reason == "error":
        return []
    found = []
    for field in spec.fields:
        if field.kind == "text" or field.name not in answer.parse:
            continue
        reference = item.content["values"].get(field.name)
        value = answer.values.get(field.name)
        if answer.parse[field.name] in NOT_READ or value is None:
            found.append(FieldValue(field.heading, "–", "bad", "not parsed"))
        elif value == reference:
            found.append(FieldValue(field.heading, str(value), "good", "as the reference"))
        else:
            found.append(FieldValue(field.heading, str(value), "bad", "not the reference"))
    return found
