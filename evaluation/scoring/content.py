"""A scorecard's content: what is stored, shown, exported and hashed. Plain values, no figure without n and interval.

Every figure that cannot be had is None with its reason.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

State = Literal["passed", "not-yet", "failed"]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(Part):
    """A value with its interval. n counts what it rests on."""

    value: float | None
    ci: tuple[float, float] | None = None
    n: int
    reason: str = ""
    method: str = Field(default="", description="How the interval was made, for the small print.")


def limits(low: float, high: float) -> tuple[float, float] | None:
    """An interval as it is stored: None where either end is NaN."""
    return None if math.isnan(low) or math.isnan(high) else (float(low), float(high))


def number(value: float) -> float | None:
    """A figure as it is stored: None for NaN, which JSON does not have."""
    return None if math.isnan(value) else float(value)


def percent(share: float) -> str:
    """95 %, 99.5 %: a confidence as it is said."""
    return f"{100 * share:g} %"


class Condition(Part):
    """One way of asking one model: its figures per metric, and what it cannot answer."""

    name: str
    title: str
    model: str
    model_version: int | None
    metrics: dict[str, Figure]
    note: str = ""


class Measure(Part):
    """A metric as the card shows it, whatever becomes of the metric."""

    title: str
    blind_spot: str = Field(description="What it does not show.")
    scale: float | None = Field(description="The end of its axis, 1 or 100; None for a unit of its own.")
    direction: Literal["higher", "lower"]


class Comparison(Part):
    """Candidate − best base condition on one metric, paired over the items of the evaluation set."""

    name: str
    field: str
    metric: str
    title: str
    direction: Literal["higher", "lower"]
    scale: float = Field(description="1, or 100 for metrics on sacrebleu's scale")
    is_primary: bool
    in_family: bool = Field(description="Its p is adjusted within the family; all else is exploratory, unadjusted.")
    base_condition: str
    candidate_condition: str
    base: Figure
    candidate: Figure
    delta: Figure
    p: float | None = None
    method: str
    signature: str
    blind_spot: str

    @property
    def gain(self) -> Figure:
        """delta turned so that more is better."""
        if self.direction == "higher" or self.delta.value is None:
            return self.delta
        ci = (-self.delta.ci[1], -self.delta.ci[0]) if self.delta.ci else None
        return self.delta.model_copy(update={"value": -self.delta.value, "ci": ci})


class Dimension(Part):
    """A rated dimension: means of both, paired difference, agreement."""

    name: str
    title: str
    is_primary: bool
    in_family: bool
    base: Figure
    candidate: Figure
    delta: Figure
    p: float | None
    items: int
    cannot_judge: int
    alpha: Figure
    ac2: Figure = Field(
        validation_alias=AliasChoices("ac2", "ac1"), description="Gwet's AC2, quadratic weights; n counts tickets."
    )
    method: str


class Harm(Part):
    """Answers of an arm that a rater called harmful: k of the n that were judged, with an exact interval."""

    arm: Literal["base", "candidate"]
    k: int
    n: int
    rate: Figure
    upper: float | None = Field(description="One-sided upper limit at the rules' confidence (Clopper–Pearson).")
    categories: dict[str, int] = Field(
        default={}, description="Kind of harm → items; a kind is named where a rater chose one."
    )


class Rater(Part):
    """Named by number until the campaign closes."""

    name: str
    ratings: int
    leniency: float | None = Field(
        validation_alias=AliasChoices("leniency", "severity"), description="Above the others on the same answers."
    )
    median_seconds: float | None


class Human(Part):
    campaign: int
    campaigns: list[int] = Field(
        default=[], description="All whose ratings are counted together; `campaign` is the newest."
    )
    ratings: int
    items: int
    raters: list[Rater]
    dimensions: list[Dimension]
    harm: list[Harm]
    preference: dict[str, int]
    is_open: bool
    confidence: float = 0.95

    @property
    def level(self) -> str:
        return percent(self.confidence)

    @property
    def agreement_methods(self) -> list[str]:
        return list(dict.fromkeys(one.alpha.method for one in self.dimensions if one.alpha.method))


class RuleResult(Part):
    rule: str
    asked: str
    found: str
    state: State
    word: str
    need: str = Field(default="", description="What would decide it.")


class Slice(Part):
    label: str
    n: int
    delta: Figure
    p: float | None


class Slices(Part):
    field: str
    metric: str
    title: str
    rows: list[Slice]


class Case(Part):
    item: int
    difference: float


class Failures(Part):
    """Answers of a condition that ended in an error of the machine. They score as wrong answers."""

    model: str
    condition: str
    k: int
    n: int

    @property
    def share(self) -> float:
        return self.k / self.n if self.n else 0.0

    @property
    def text(self) -> str:
        return f"{self.k} of {self.n} of {self.model}, {self.condition}"


class Cost(Part):
    """Measured on one backend, machine and number of answers under way; never compared across them."""

    measure: str
    unit: str
    base: float | None
    candidate: float | None
    place: str
    reason: str = ""


class Content(Part):
    format: int = 1
    evaluation_set: int
    evaluation_hash: str
    items: int
    groups: int
    conditions: list[Condition]
    trivial: list[Condition]
    best: dict[str, str] = Field(description="Metric → the best base condition for it.")
    primary: dict[str, str] = Field(description="Field → its primary metric, as field.metric.")
    metrics: dict[str, Measure] = Field(
        default={}, description="Metric → its words; none on cards made before it was kept."
    )
    parse_rate: dict[str, dict[str, float | None]] = Field(description="Condition key → field → share parsed.")
    comparisons: list[Comparison] = []
    human: Human | None = None
    rules: list[RuleResult] = []
    rules_note: str = ""
    sentence: str = ""
    needed: str = ""
    slices: list[Slices] = []
    improved: list[Case] = []
    worse: list[Case] = []
    cost: list[Cost] = []
    failures: list[Failures] = Field(
        default=[], description="Conditions with answers that failed; none where all were given."
    )
    threats: list[str] = []
    settings: dict[str, str] = {}
    confidence: float = Field(default=0.95, description="Of every interval and limit on the card.")

    @property
    def level(self) -> str:
        return percent(self.confidence)
