"""A scorecard as a file: a page that needs nothing else, a table for a spreadsheet, or the content itself."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from pydantic import BaseModel, ConfigDict, Field

from evaluation.models import Scorecard
from evaluation.scorecards.cardpage import page_of
from evaluation.scoring import content
from ftplatform.errors import Refused

STYLESHEETS = ("ui/style.css", "evaluation/evaluation.css")
COLUMNS = (
    "part", "name", "field", "source", "value", "value_low", "value_high", "value_n", "base", "base_low", "base_high",
    "delta", "delta_low", "delta_high", "n", "p", "is_adjusted", "reason", "method",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True)
class Export:
    name: str
    body: bytes
    content_type: str

    @property
    def disposition(self) -> str:
        return f'attachment; filename="{self.name}"'


@dataclass(frozen=True)
class Format:
    title: str
    content_type: str
    write: Callable[[Scorecard], str]


def export(card: Scorecard, format: str) -> Export:
    """The card as a file. Raises Refused for a format that there is not, naming those that there are."""
    if format not in FORMATS:
        raise Refused("unknown-format", f"There is no format {format!r}; choose {', '.join(FORMATS)}.", field="format")
    chosen = FORMATS[format]
    name = f"{card.project.slug}-scorecard-{card.number}.{format}"
    return Export(name, chosen.write(card).encode(), chosen.content_type)


def _html(card: Scorecard) -> str:
    style = "\n".join(Path(str(finders.find(name))).read_text(encoding="utf-8") for name in STYLESHEETS)
    context = {"card": card, "page": page_of(card), "stylesheet": mark_safe(style)}  # noqa: S308 - our own stylesheets
    return render_to_string("evaluation/export.html", context)


def _json(card: Scorecard) -> str:
    return json.dumps(document(card), indent=1, ensure_ascii=False, allow_nan=False)


class ScorecardSet(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: int
    hash: str


class ScorecardVerdict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    value: Literal["ship", "hold", "undecided"]
    reasons: list[str]


class ScorecardDocument(BaseModel):
    """What `document` gives, for the schema; the content of a card is given as it was kept and hashed."""

    model_config = ConfigDict(extra="forbid")
    id: int
    number: int
    project: str
    kind: Literal["baseline", "comparison"]
    evaluation_set: ScorecardSet
    base_model: int
    baseline: int | None = Field(description="The card that a comparison compares with.")
    candidate: int | None
    generation_run: int
    campaign: int | None
    supersedes: int | None
    verdict: ScorecardVerdict | None = Field(description="None for a baseline.")
    created_at: datetime
    content_hash: str
    content: content.Content


def document(card: Scorecard) -> dict[str, Any]:
    """The card for programs, as the API gives it too: what ScorecardDocument says."""
    return {
        "id": card.pk,
        "number": card.number,
        "project": card.project.slug,
        "kind": card.kind,
        "evaluation_set": {"id": card.evaluation_set_id, "hash": card.evaluation_set.hash},
        "base_model": card.base_model_id,
        "baseline": card.baseline_id,
        "candidate": card.candidate_id,
        "generation_run": card.generation_run_id,
        "campaign": card.campaign_id,
        "supersedes": card.supersedes_id,
        "verdict": {"value": card.verdict, "reasons": card.reasons} if card.verdict else None,
        "created_at": card.created_at.isoformat(),
        "content_hash": card.content_hash,
        "content": card.content,
    }


def _csv(card: Scorecard) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    if card.verdict:
        said = {"part": "verdict", "name": card.verdict, "reason": card.content["sentence"]}
        writer.writerow({name: _safe(value) for name, value in said.items()})
    for row in _rows(content.Content.model_validate(card.content)):
        writer.writerow({name: _safe(value) for name, value in row.items()})
    return out.getvalue()


def _rows(made: content.Content) -> Iterator[dict[str, Any]]:
    """One line per figure, comparison, rule or threat: long rather than wide."""
    for part, sources in (("condition", made.conditions), ("trivial", made.trivial)):
        for one in sources:
            for name, figure in one.metrics.items():
                yield {
                    "part": part,
                    "name": name,
                    "field": name.split(".", 1)[0],
                    "source": f"{one.model} {one.name}" if part == "condition" else one.name,
                    **_figure("value", figure),
                    "value_n": figure.n,
                    "reason": figure.reason,
                    "method": figure.method,
                }
    for row in made.comparisons:
        yield {
            "part": "metric",
            "name": row.name,
            "field": row.field,
            "source": row.candidate_condition,
            **_compared(row),
        }
    if made.human:
        for dimension in made.human.dimensions:
            yield {"part": "human", "name": dimension.name, "source": "ratings", **_compared(dimension)}
        yield from _people(made.human)
    for cut in made.slices:
        for piece in cut.rows:
            yield {"part": "slice", "name": cut.metric, "field": cut.field, "source": piece.label,
                   **_figure("delta", piece.delta), "n": piece.n, "p": piece.p, "reason": piece.delta.reason, "method": piece.delta.method}  # fmt: skip
    for rule in made.rules:
        yield {
            "part": "rule",
            "name": rule.rule,
            "source": rule.asked,
            "value": rule.found,
            "reason": f"{rule.word}. {rule.need}".strip(),
        }
    for row_cost in made.cost:
        yield {"part": "cost", "name": row_cost.measure, "source": row_cost.place, "value": row_cost.candidate,
               "base": row_cost.base, "reason": row_cost.reason}  # fmt: skip
    for failed in made.failures:
        yield {
            "part": "failures",
            "name": failed.condition,
            "source": failed.model,
            "value": failed.k,
            "value_n": failed.n,
        }
    for threat in made.threats:
        yield {"part": "threat", "reason": threat}


def _people(rated: content.Human) -> Iterator[dict[str, Any]]:
    """Harm with its kinds, agreement, raters and stated preferences."""
    for harm in rated.harm:
        yield {"part": "harm", "name": "rate", "source": harm.arm, **_figure("value", harm.rate), "value_n": harm.n,
               "reason": harm.rate.reason, "method": harm.rate.method}  # fmt: skip
        for kind, items in harm.categories.items():
            yield {"part": "harm", "name": kind, "source": harm.arm, "value": items, "value_n": harm.n}
    for dimension in rated.dimensions:
        for name, figure in (("alpha", dimension.alpha), ("ac2", dimension.ac2)):
            yield {"part": "agreement", "name": dimension.name, "source": name, **_figure("value", figure),
                   "value_n": figure.n, "reason": figure.reason, "method": figure.method}  # fmt: skip
    for rater in rated.raters:
        yield {
            "part": "rater",
            "name": rater.name,
            "source": "leniency",
            "value": rater.leniency,
            "value_n": rater.ratings,
        }
    for name, count in rated.preference.items():
        yield {"part": "preference", "name": name, "source": "ratings", "value": count, "value_n": rated.ratings}


def _compared(row: content.Comparison | content.Dimension) -> dict[str, Any]:
    return {
        **_figure("value", row.candidate),
        "value_n": row.candidate.n,
        **_figure("base", row.base),
        **_figure("delta", row.delta),
        "n": row.delta.n,
        "p": row.p,
        "is_adjusted": "yes" if row.in_family else "no",
        "reason": row.delta.reason,
        "method": row.method,
    }


def _figure(name: str, figure: content.Figure) -> dict[str, Any]:
    low, high = figure.ci or ("", "")
    return {name: figure.value, f"{name}_low": low, f"{name}_high": high}


def _safe(value: Any) -> Any:
    """A spreadsheet runs a text that begins like a formula: an apostrophe makes it a text. Numbers stay numbers."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return "" if value is None else value


FORMATS = {
    "html": Format("Page (HTML)", "text/html; charset=utf-8", _html),
    "csv": Format("Table (CSV)", "text/csv; charset=utf-8", _csv),
    "json": Format("Data (JSON)", "application/json", _json),
}
