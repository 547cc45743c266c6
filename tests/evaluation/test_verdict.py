"""Verdicts: a table of evidence against rules. Whatever is missing is asked for, never taken as passed."""

from __future__ import annotations

from typing import Any

import pytest

from evaluation.scoring import content
from evaluation.scoring.rules import Rules
from evaluation.scoring.verdict import decide

NAMES = ("relevance", "fluency", "factuality", "safety", "helpfulness")


def figure(value: float | None, low: float = 0.0, high: float = 0.0, n: int = 80) -> content.Figure:
    return content.Figure(value=value, ci=None if value is None else (low, high), n=n)


def dimension(
    name: str, gain: tuple[float, float, float], alpha: tuple[float, float, float], items: int
) -> content.Dimension:
    return content.Dimension(
        name=name, title=name.capitalize(), is_primary=name == "helpfulness", in_family=True, base=figure(3, 2.9, 3.1),
        candidate=figure(3 + gain[0], 2.9, 3.9), delta=figure(*gain), p=0.01, items=items, cannot_judge=0,
        alpha=figure(*alpha), ac1=figure(*alpha), method="clustered",
    )  # fmt: skip


def human(
    primary: tuple[float, float, float] = (0.6, 0.4, 0.8),
    others: tuple[float, float, float] = (0.0, -0.1, 0.1),
    *,
    items: int = 80,
    raters: int = 2,
    alpha: tuple[float, float, float] = (0.6, 0.5, 0.7),
    harm: tuple[int, float, float, float] = (0, 0.0, 0.04, 0.037),
    named: dict[str, tuple[float, float, float]] | None = None,
) -> content.Human:
    """harm: k, two-sided low and high, one-sided upper limit."""
    gains = dict.fromkeys(NAMES, others) | {"helpfulness": primary} | (named or {})
    k, low, high, upper = harm
    rate = figure(k / items if items else None, low, high, items)
    return content.Human(
        campaign=1, ratings=items * raters, items=items,
        raters=[content.Rater(name=f"rater {at}", ratings=items, severity=0.0, median_seconds=60) for at in range(raters)],
        dimensions=[dimension(name, gains[name], alpha, items) for name in NAMES],
        harm=[content.Harm(arm="base", k=0, n=items, rate=rate, upper=upper), content.Harm(arm="candidate", k=k, n=items, rate=rate, upper=upper)],
        preference={}, is_open=False,
    )  # fmt: skip


CASES: list[tuple[str, dict[str, Any], str]] = [
    ("everything shown", {}, "ship"),
    ("interval of the primary holds zero", {"primary": (0.3, -0.1, 0.7)}, "undecided"),
    ("primary shown to be worse", {"primary": (-0.5, -0.8, -0.2)}, "hold"),
    ("better, but by less than matters", {"primary": (0.1, 0.05, 0.15)}, "hold"),
    ("better, perhaps by enough", {"primary": (0.2, 0.05, 0.35)}, "undecided"),
    ("another dimension shown to be worse", {"named": {"fluency": (-0.6, -0.8, -0.4)}}, "hold"),
    ("another dimension not shown to be no worse", {"named": {"fluency": (0.0, -0.3, 0.3)}}, "undecided"),
    ("worse, but within the margin", {"named": {"fluency": (-0.1, -0.2, -0.02)}}, "ship"),
    ("harm shown above the gate", {"harm": (20, 0.16, 0.35, 0.33)}, "hold"),
    ("harm not shown below the gate", {"harm": (2, 0.007, 0.09, 0.08)}, "undecided"),
    ("too few items", {"items": 12}, "undecided"),
    ("one rater", {"raters": 1}, "undecided"),
    ("raters who do not agree", {"alpha": (0.3, 0.1, 0.5)}, "undecided"),
]


@pytest.mark.parametrize(("what", "evidence", "verdict"), CASES, ids=[case[0] for case in CASES])
def test_verdict_of(what: str, evidence: dict[str, Any], verdict: str) -> None:
    decided = decide(Rules(), human(**evidence), [])
    assert decided.value == verdict
    states = {one.state for one in decided.rules}
    assert (verdict == "ship") == (states == {"passed"})
    assert (verdict == "hold") == ("failed" in states)
    assert bool(decided.needed) == (verdict == "undecided"), "an undecided verdict says what it needs, no other does"
    assert decided.reasons


def test_without_a_rating_it_is_undecided_and_says_how_many_are_needed() -> None:
    decided = decide(Rules(), None, [])
    assert decided.value == "undecided"
    assert "2 experts" in decided.needed and "59" in decided.needed
    assert not [one for one in decided.rules if one.state == "passed"]


def test_metrics_alone_decide_where_the_rules_name_only_metrics() -> None:
    rules = Rules(primary="desk.accuracy", smallest_effect=0.02, margins={})
    row = content.Comparison(
        name="desk.accuracy", field="desk", metric="accuracy", title="Accuracy", direction="higher", scale=1.0, is_primary=True,
        in_family=True, base_condition="zero-shot", candidate_condition="zero-shot", base=figure(0.5, 0.4, 0.6),
        candidate=figure(0.8, 0.7, 0.9), delta=figure(0.3, 0.2, 0.4), p=0.001, method="permutation", signature="", blind_spot="",
    )  # fmt: skip
    assert decide(rules, None, [row]).value == "ship"
    worse = row.model_copy(update={"delta": figure(-0.3, -0.4, -0.2)})
    assert decide(rules, None, [worse]).value == "hold"
    assert decide(rules, None, []).value == "undecided"


def test_a_metric_that_is_better_when_lower_is_turned_round() -> None:
    rules = Rules(primary="reply.ter", smallest_effect=0.0, margins={})
    row = content.Comparison(
        name="reply.ter", field="reply", metric="ter", title="TER", direction="lower", scale=1.0, is_primary=True, in_family=True,
        base_condition="a", candidate_condition="a", base=figure(90, 80, 100), candidate=figure(60, 50, 70),
        delta=figure(-30, -40, -20), p=0.001, method="permutation", signature="", blind_spot="",
    )  # fmt: skip
    assert decide(rules, None, [row]).value == "ship"


@pytest.mark.parametrize("wrong", [{"least_items": 1}, {"highest_harm_rate": 0}, {"confidence": 1.0}, {"surprise": 1}])
def test_rules_out_of_their_limits_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Rules(**wrong)
