"""Everything that a scorecard's page and its export show: the stored content as tables, and the texts that it points to."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from annotation.models import DatasetItem, DatasetVersion
from evaluation import selectors
from evaluation.campaigns.blinding import shown_text
from evaluation.making import making_of
from evaluation.models import Campaign, Scorecard
from evaluation.scorecards import cardview
from evaluation.scoring import content
from evaluation.scoring.measures import measure_in, metric_of
from evaluation.scoring.rules import Rules
from ftplatform.projects.spec import TaskSpec
from inference.models import Generation

LONGEST = 700
"""Characters of an answer among wins and losses; the whole text stands side by side in the compare page."""
VERDICTS = {"ship": ("good", "good"), "hold": ("bad", "bad"), "undecided": ("undecided", "wait")}
"""Verdict → (glyph, colour of the band)."""
RULE_GLYPHS = {"passed": "good", "not-yet": "wait", "failed": "bad"}


@dataclass(frozen=True)
class RuleLine:
    result: content.RuleResult
    glyph: str


@dataclass(frozen=True)
class CaseTexts:
    """An item with the answers of the best base condition and of the candidate, as they were generated."""

    item: int
    position: int
    question: str
    difference: float
    base: str | None
    candidate: str | None


@dataclass(frozen=True)
class Station:
    """One step of the lineage."""

    name: str
    note: str
    state: str
    href: str = ""


@dataclass(frozen=True)
class ParseRate:
    condition: str
    rates: tuple[tuple[str, float | None], ...]


@dataclass(frozen=True)
class CardPage:
    card: Scorecard
    content: content.Content
    title: str
    glyph: str
    tone: str
    candidate_name: str
    rules: tuple[RuleLine, ...]
    human: cardview.Table | None
    automatic: cardview.Table
    conditions: list[cardview.FieldTable]
    parse_rates: tuple[ParseRate, ...]
    slices: list[cardview.SliceTable]
    cases_metric: str
    improved: tuple[CaseTexts, ...]
    worse: tuple[CaseTexts, ...]
    lineage: tuple[Station, ...]
    follower: Scorecard | None
    open_campaign: Campaign | None
    new_ratings: int

    @property
    def is_baseline(self) -> bool:
        return self.card.kind == Scorecard.Kind.BASELINE


def page_of(card: Scorecard) -> CardPage:
    made = content.Content.model_validate(card.content)
    glyph, tone = VERDICTS.get(card.verdict or "", ("good", "good"))
    rules = Rules.model_validate(card.rules.content) if card.rules else None
    metric, improved, worse = _cases(card, made)
    is_comparison = card.kind == Scorecard.Kind.COMPARISON
    return CardPage(
        card=card,
        content=made,
        title=f"{card.candidate} against the baseline" if card.candidate else f"Baseline of {card.base_model}",
        glyph=glyph,
        tone=tone,
        candidate_name=str(card.candidate or ""),
        rules=tuple(RuleLine(one, RULE_GLYPHS[one.state]) for one in made.rules),
        human=cardview.human(made.human, rules) if made.human else None,
        automatic=cardview.automatic(made, rules),
        conditions=cardview.conditions(made),
        parse_rates=tuple(ParseRate(key, tuple(rates.items())) for key, rates in made.parse_rate.items()),
        slices=cardview.slices(made),
        cases_metric=metric,
        improved=improved,
        worse=worse,
        lineage=_lineage(card, made),
        follower=Scorecard.objects.filter(supersedes=card).first(),
        open_campaign=_campaign(card) if is_comparison else None,
        new_ratings=selectors.new_ratings(card) if is_comparison else 0,
    )


def _campaign(card: Scorecard) -> Campaign | None:
    """The newest campaign on this card's answers, whether or not it counts in the card yet."""
    return (
        Campaign.objects.filter(arms__is_baseline=False, arms__cell__run=card.generation_run_id)
        .order_by("-number")
        .first()
    )


def _cases(card: Scorecard, made: content.Content) -> tuple[str, tuple[CaseTexts, ...], tuple[CaseTexts, ...]]:
    """Texts are read from the answers themselves: the card keeps only which items they are."""
    spec = card.task_revision.spec
    field = spec.main_field
    name = made.primary.get(field.name, "")
    cases = [*made.improved, *made.worse]
    if not cases or card.baseline is None or name not in made.best:
        return "", (), ()
    ids = [case.item for case in cases]
    items = DatasetItem.objects.in_bulk(ids)
    base = _texts(spec, card.baseline.generation_run_id, card.base_model_id, made.best[name], ids)
    ours = _texts(spec, card.generation_run_id, card.candidate_id, made.settings.get("serving", ""), ids)
    found = []
    for case in cases:
        item = items.get(case.item)
        inputs = item.content["inputs"] if item else {}
        question = " ".join(str(inputs.get(column.name) or "") for column in spec.inputs).strip()
        position = item.position + 1 if item else 0
        found.append(
            CaseTexts(case.item, position, question, case.difference, base.get(case.item), ours.get(case.item))
        )
    cut = len(made.improved)
    return f"{measure_in(made, metric_of(name)).title} of {field.name}", tuple(found[:cut]), tuple(found[cut:])


def _texts(spec: TaskSpec, run: int, version: int | None, condition: str, items: list[int]) -> dict[int, str]:
    """By item, what each answer says in the task's main field."""
    rows = Generation.objects.filter(
        cell__run=run, cell__model_version=version, cell__condition__name=condition, item__in=items
    )
    return {row.item_id: shown_text(spec, spec.main_field.name, row)[:LONGEST] for row in rows}


def _lineage(card: Scorecard, made: content.Content) -> tuple[Station, ...]:
    slug = card.project.slug
    stations = [
        Station(
            "Test set",
            f"{made.items:,} tickets, frozen, {made.evaluation_hash[:7]}",
            "done",
            _dataset_href(slug, card.evaluation_set),
        ),
        Station(str(card.base_model), "base model", "done", _href("inference:model", slug, card.base_model.number)),
    ]
    if card.baseline:
        stations.append(_baseline(slug, "Baseline", card.baseline))
    if card.candidate:
        stations += _making(card, slug)
        stations.append(
            Station(
                str(card.candidate),
                card.candidate.method,
                "done",
                _href("inference:model", slug, card.candidate.number),
            )
        )
    run = card.generation_run
    stations.append(
        Station(str(run), f"{len(made.conditions)} conditions", "done", _href("inference:generation", slug, run.number))
    )
    if card.kind == Scorecard.Kind.COMPARISON:
        rated = made.human
        stations.append(
            Station(
                f"{rated.ratings:,} ratings" if rated else "No ratings",
                f"{len(rated.raters)} raters" if rated else "yet",
                "done" if rated and rated.ratings else "todo",
                _href("evaluation:campaign", slug, card.campaign.number) if card.campaign else "",
            )
        )
    glyph = VERDICTS.get(card.verdict or "", ("done", ""))[0]
    stations.append(Station(str(card), card.get_verdict_display() if card.verdict else "baseline", glyph))  # type: ignore[attr-defined]
    return tuple(stations)


def _making(card: Scorecard, slug: str) -> list[Station]:
    """The candidate's dataset, the run that made it, and that run's baseline where the card has another."""
    assert card.candidate
    making = making_of(card.candidate)
    if making is None:
        return []
    stations = [
        Station(str(making.dataset), "what it was trained on", "done", _dataset_href(slug, making.dataset)),
        Station(making.title, making.detail, "done", making.href),
    ]
    if making.baseline.pk != card.baseline_id:
        stations.insert(0, _baseline(slug, "Baseline of the run", making.baseline))
    return stations


def _baseline(slug: str, name: str, baseline: Scorecard) -> Station:
    return Station(name, str(baseline).lower(), "done", _href("evaluation:scorecard", slug, baseline.number))


def _dataset_href(slug: str, version: DatasetVersion) -> str:
    return _href("annotation:dataset", slug, version.kind, version.number)


def _href(name: str, *arguments: object) -> str:
    """Nothing where a room's pages are not installed."""
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""
