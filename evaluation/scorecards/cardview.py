"""A scorecard's content as lines, figures and axes for its page. Writes no HTML and reads no rows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evaluation.scoring import content
from evaluation.scoring.measures import measure_in, metric_of
from evaluation.scoring.rules import Rules
from ftplatform.ui import numbers

TICKS, NARROW_TICKS = 5, 2
_SURE = 0.001
_COUNTED = re.compile(r"\b[\d,]+ (?=(?:example|cluster)s?\b)")


@dataclass(frozen=True)
class Axis:
    """One axis a table, wide enough for every interval in it and for zero."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Line:
    """A compared measure. point, low and high stand on the table's axis; texts are in the measure's own unit."""

    name: str
    note: str
    hint: str
    base: str
    candidate: str
    delta: str
    point: float | None
    low: float | None
    high: float | None
    p: str
    n: int
    is_primary: bool
    is_exploratory: bool
    reason: str
    margin: float | None = None
    """Half the width of the grey band, on the table's axis."""


@dataclass(frozen=True)
class Table:
    lines: tuple[Line, ...]
    axis: Axis
    methods: tuple[str, ...] = ()
    """How the intervals were made; several where not all could be made alike."""

    @property
    def family(self) -> int:
        """How many p-values are adjusted together in this table."""
        return sum(1 for line in self.lines if not line.is_exploratory)


@dataclass(frozen=True)
class Cell:
    text: str
    interval: str
    is_best: bool
    reason: str
    n: int


@dataclass(frozen=True)
class Source:
    """One way of asking one model, or an answer that needs no model."""

    title: str
    model: str
    note: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class FieldTable:
    """Every metric of one field under every condition."""

    field: str
    metrics: tuple[tuple[str, str], ...]
    """(title, what it cannot see) of each column."""
    sources: tuple[Source, ...]
    methods: tuple[str, ...]


def axis_of(ends: Iterable[float], ticks: int = TICKS) -> Axis:
    """Around all ends and zero, with a little air and at most about so many round ticks."""
    known = [end for end in ends if math.isfinite(end)]
    low, high = min([0.0, *known]), max([0.0, *known])
    if low == high:
        low, high = -1.0, 1.0
    air = (high - low) * 0.08
    low, high = low - air, high + air
    rough = (high - low) / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    digits = max(0, -math.floor(math.log10(step)))
    marks = []
    for at in range(math.ceil(low / step), math.floor(high / step) + 1):
        marks.append((at * step, "0" if at == 0 else numbers.signed(at * step, digits)))
    return Axis(low, high, tuple(marks))


def automatic(card: content.Content, rules: Rules | None) -> Table:
    """All compared metrics: the family first within each field; every difference on a scale of 0 to 1."""
    rows = sorted(card.comparisons, key=lambda row: (_field_place(card, row.field), not row.in_family))
    lines = [
        _comparison(row, measure_in(card, row.metric), rules.too_small(row.name) if rules else None) for row in rows
    ]
    return Table(tuple(lines), axis_of(_ends(lines)), _methods(row.method for row in rows if row.delta.ci))


def _comparison(row: content.Comparison, measure: content.Measure, too_small: float | None) -> Line:
    """On sacrebleu's scale a difference is divided by 100, so that one axis serves the whole table."""
    scale = measure.scale
    digits = 1 if scale == 100 else 3
    notes = [row.field]
    if row.direction == "lower":
        notes.append("lower is better")
    if scale == 100:
        notes.append("of 100")
    if not row.in_family:
        notes.append("exploratory")
    return Line(
        name=row.title,
        note=", ".join(notes),
        hint=f"Does not show: {row.blind_spot}" if row.blind_spot else "",
        base=numbers.number(row.base.value, digits),
        candidate=numbers.number(row.candidate.value, digits),
        delta=_delta(row.delta, digits),
        point=_scaled(row.delta.value, scale),
        low=_scaled(row.delta.ci[0], scale) if row.delta.ci else None,
        high=_scaled(row.delta.ci[1], scale) if row.delta.ci else None,
        p=p_text(row.p),
        n=row.delta.n,
        is_primary=row.is_primary and row.in_family,
        is_exploratory=not row.in_family,
        reason=row.delta.reason or row.candidate.reason or row.base.reason,
        margin=_scaled(too_small, scale),
    )


def human(rated: content.Human, rules: Rules | None) -> Table:
    """The rated dimensions, primary first, on the rubric's scale of 1 to 5."""
    rows = sorted(rated.dimensions, key=lambda row: (not row.is_primary, not row.in_family))
    lines = [
        Line(
            name=row.title,
            note=", ".join(
                word for word, there in (("primary", row.is_primary), ("exploratory", not row.in_family)) if there
            ),
            hint=f"{row.cannot_judge} times “cannot judge”" if row.cannot_judge else "",
            base=numbers.number(row.base.value),
            candidate=numbers.number(row.candidate.value),
            delta=_delta(row.delta, 2),
            point=row.delta.value,
            low=row.delta.ci[0] if row.delta.ci else None,
            high=row.delta.ci[1] if row.delta.ci else None,
            p=p_text(row.p),
            n=row.items,
            is_primary=row.is_primary,
            is_exploratory=not row.in_family,
            reason=row.delta.reason or row.candidate.reason,
            margin=rules.too_small(row.name) if rules else None,
        )
        for row in rows
    ]
    return Table(tuple(lines), axis_of(_ends(lines)), _methods(row.method for row in rows if row.delta.ci))


@dataclass(frozen=True)
class SliceTable:
    title: str
    lines: tuple[Line, ...]
    axis: Axis
    methods: tuple[str, ...]


def slices(card: content.Content) -> list[SliceTable]:
    tables = []
    for cut in card.slices:
        scale = measure_in(card, metric_of(cut.metric)).scale
        lines = [
            Line(
                name=row.label,
                note="",
                hint="",
                base="",
                candidate="",
                delta=_delta(row.delta, 1 if scale == 100 else 2),
                point=_scaled(row.delta.value, scale),
                low=_scaled(row.delta.ci[0], scale) if row.delta.ci else None,
                high=_scaled(row.delta.ci[1], scale) if row.delta.ci else None,
                p=p_text(row.p),
                n=row.n,
                is_primary=False,
                is_exploratory=True,
                reason=row.delta.reason,
            )
            for row in cut.rows
        ]
        methods = _methods(row.delta.method for row in cut.rows if row.delta.ci)
        tables.append(SliceTable(cut.title, tuple(lines), axis_of(_ends(lines), NARROW_TICKS), methods))
    return tables


def conditions(card: content.Content) -> list[FieldTable]:
    """One table per field: every condition tried, of base, candidate and the trivial references, with every metric."""
    tables = []
    best = set(card.best.items())
    base_model = card.conditions[0].model_version if card.conditions else None
    for field in card.primary:
        sources = [one for one in (*card.conditions, *card.trivial) if _answers(one, field)]
        names = list(dict.fromkeys(name for one in sources for name in one.metrics if name.split(".", 1)[0] == field))
        names.sort(key=lambda name: name != card.primary[field])
        shown = {name: measure_in(card, metric_of(name)) for name in names}
        rows = []
        for one in sources:
            is_base = one.model_version is not None and one.model_version == base_model
            rows.append(
                Source(
                    title=one.title,
                    model=one.model if one.model_version is not None else "needs no model",
                    note=one.note,
                    cells=tuple(
                        _cell(one.metrics.get(name), shown[name], is_best=is_base and (name, one.name) in best)
                        for name in names
                    ),
                )
            )
        figures = (figure for one in sources for name, figure in one.metrics.items() if name in names)
        methods = _methods(figure.method for figure in figures if figure.ci)
        words = tuple((one.title, one.blind_spot) for one in shown.values())
        tables.append(FieldTable(field, words, tuple(rows), methods))
    return tables


def _answers(source: content.Condition, field: str) -> bool:
    """Constrained choice answers one field, and the majority class no text."""
    return any(name.split(".", 1)[0] == field for name in source.metrics)


def _cell(figure: content.Figure | None, measure: content.Measure, *, is_best: bool) -> Cell:
    if figure is None:
        return Cell(numbers.MISSING, "", False, "not asked", 0)
    digits = 1 if measure.scale == 100 else 3
    interval = numbers.interval(figure.ci, digits) if figure.ci else ""
    return Cell(numbers.number(figure.value, digits), interval, is_best, figure.reason, figure.n)


def p_text(p: float | None) -> str:
    """Two digits, three below 0.1, and never 0."""
    if p is None:
        return numbers.MISSING
    return "< 0.001" if p < _SURE else numbers.number(p, 3 if p < 0.1 else 2)


def _delta(figure: content.Figure, digits: int) -> str:
    if figure.value is None:
        return numbers.MISSING
    interval = f" {numbers.interval(figure.ci, digits)}" if figure.ci else ""
    return numbers.signed(figure.value, digits) + interval


def _methods(told: Iterable[str]) -> tuple[str, ...]:
    """Each once; on how many examples it rests is told by n."""
    return tuple(dict.fromkeys(_COUNTED.sub("", one) for one in told if one))


def _scaled(value: float | None, scale: float | None) -> float | None:
    return None if value is None or scale is None else value / scale


def _ends(lines: Sequence[Line]) -> list[float]:
    return [end for line in lines for end in (line.low, line.high, line.point) if end is not None]


def _field_place(card: content.Content, field: str) -> int:
    fields = list(card.primary)
    return fields.index(field) if field in fields else len(fields)
