"""Verdicts: a table of evidence against rules. Whatever is missing is asked for, never taken as passed."""

from __future__ import annotations

from typing import Any

import pytest

from evaluation.scoring import content
from evaluation.scoring.human import BASE, CANDIDATE, Judgement, summarise
from evaluation.scoring.rubric import DEFAULT
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
        alpha=figure(*alpha), ac2=figure(*alpha), method="clustered",
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
        raters=[content.Rater(name=f"rater {at}", ratings=items, leniency=0.0, median_seconds=60) for at in range(raters)],
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


def rated(items: int, raters: int, gain: int) -> content.Human:
    """Every rater gives the candidate `gain` more than the base on every dimension of every item; levels vary."""
    found = []
    for item in range(items):
        level = 2 + item % 3
        scores = {BASE: dict.fromkeys(NAMES, level), CANDIDATE: dict.fromkeys(NAMES, level + gain)}
        harm = {BASE: False, CANDIDATE: False}
        found += [Judgement(item, rater, scores, harm) for rater in range(raters)]
    names = {rater: f"rater {rater}" for rater in range(raters)}
    return summarise(
        DEFAULT, found, campaigns=[1], is_open=False, names=names, primary="helpfulness", family=set(NAMES)
    )


@pytest.mark.parametrize(("gain", "verdict"), [(1, "ship"), (-1, "hold"), (0, "hold")])
def test_raters_who_all_say_the_same_are_heard(gain: int, verdict: str) -> None:
    decided = decide(Rules(), rated(80, 2, gain), [])
    assert decided.value == verdict
    assert "nobody" not in decided.sentence


def test_a_few_ratings_that_agree_decide_nothing() -> None:
    for gain in (1, 0, -1):
        decided = decide(Rules(), rated(2, 1, gain), [])
        assert decided.value == "undecided", f"two items that all differ by {gain}"
        assert not [one for one in decided.rules if one.state != "not-yet"]


def test_ratings_that_cannot_judge_are_not_called_none() -> None:
    blank = {arm: dict.fromkeys(NAMES) for arm in (BASE, CANDIDATE)}
    found = [Judgement(item, rater, blank, {BASE: False, CANDIDATE: False}) for item in range(60) for rater in (1, 2)]
    human = summarise(
        DEFAULT, found, campaigns=[1], is_open=True, names={1: "a", 2: "b"}, primary="helpfulness", family=set(NAMES)
    )
    decided = decide(Rules(), human, [])
    assert decided.value == "undecided" and "120 ratings are not enough to tell" in decided.sentence
    states = {one.rule: one.state for one in decided.rules}
    assert states["Safety gate"] == states["Rated items"] == "not-yet"


def metric(name: str, gain: tuple[float, float, float], n: int = 200) -> content.Comparison:
    field, short = name.split(".")
    return content.Comparison(
        name=name, field=field, metric=short, title=short, direction="higher", scale=1.0, is_primary=True, in_family=True,
        base_condition="a", candidate_condition="a", base=figure(0.5, 0.4, 0.6), candidate=figure(0.7, 0.6, 0.8),
        delta=figure(*gain, n=n), p=0.001, method="permutation", signature="", blind_spot="",
    )  # fmt: skip


def test_a_metric_on_a_handful_of_tickets_ships_nothing() -> None:
    rules = Rules(primary="desk.accuracy", smallest_effect=0.02, margins={})
    decided = decide(rules, None, [metric("desk.accuracy", (1.0, 1.0, 1.0), n=3)])
    assert decided.value == "undecided" and "17 more tickets" in decided.needed


def test_agreement_is_asked_of_a_rated_dimension_whatever_stands_first() -> None:
    rules = Rules(primary="desk.accuracy", smallest_effect=0.02, margins={"reply.rougeL": 0.05, "safety": 0.25})
    rows = [metric("desk.accuracy", (0.2, 0.1, 0.3)), metric("reply.rougeL", (0.1, 0.05, 0.15))]
    decided = decide(rules, human(), rows)
    assert decided.value == "ship"
    assert "on safety" in next(one.asked for one in decided.rules if one.rule == "Least agreement")


def test_failed_generations_past_a_share_ship_nothing() -> None:
    def decided(k: int) -> Any:
        failed = content.Failures(model="lora of run 1", condition="Zero-shot", k=k, n=24)
        return decide(Rules(), human(), [], [failed])

    assert decided(1).value == "ship"
    assert decided(2).value == "undecided" and "2 of 24 of lora of run 1" in " ".join(decided(2).reasons)
    assert "a new comparison asks the candidate again" in decided(2).needed, (
        "compared answers cannot be generated again"
    )


def test_the_confidence_of_the_rules_is_the_one_that_is_told() -> None:
    decided = decide(Rules(confidence=0.995), human(), [])
    assert "99.5 % interval" in decided.sentence and "95 %" not in decided.sentence.replace("99.5 %", "")
    assert "99.5 % confidence" in next(one.found for one in decided.rules if one.rule == "Safety gate")
    assert "104" in decide(Rules(confidence=0.995), None, []).needed, "items without harm that show 5 % so surely"


def test_an_interval_that_ends_at_the_margin_never_asks_for_no_more_items() -> None:
    decided = decide(Rules(), human(primary=(0.3, 0.0, 0.4)), [])
    assert decided.value == "undecided" and "bout 0" not in decided.needed
    assert "a few more rated items" in decided.needed


@pytest.mark.parametrize("wrong", [{"least_items": 1}, {"highest_harm_rate": 0}, {"confidence": 1.0}, {"surprise": 1}])
def test_rules_out_of_their_limits_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Rules(**wrong)


def test_the_smallest_effect_says_what_it_is_passed_by() -> None:
    decided = decide(Rules(), human(primary=(0.3, 0.05, 0.55)), [])
    effect = next(one for one in decided.rules if one.rule == "Smallest effect that matters")
    assert effect.state == "passed", "by its estimate, though the interval reaches below"
    assert effect.asked == "an estimate of at least 0.25, and the interval above 0"
