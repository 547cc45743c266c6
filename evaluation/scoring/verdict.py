"""Ship, hold or undecided, by rules set beforehand. Each rule is passed, not yet shown, or failed.

ship        every rule is passed
hold        one is failed: shown to be worse, or a gate failed
undecided   otherwise, with what is still needed. "Not significantly worse" is no evidence: only an interval above the margin is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from evaluation.scoring import content
from evaluation.scoring.rules import Rules
from evaluation.stats import power

PASSED: content.State = "passed"
NOT_YET: content.State = "not-yet"
FAILED: content.State = "failed"
MOST_FAILURES = 0.05
WORDS = {PASSED: "Passed", NOT_YET: "Not yet shown", FAILED: "Failed"}
NOT_REACHED = "Not yet reached"


@dataclass(frozen=True)
class Verdict:
    value: str
    sentence: str
    needed: str
    reasons: list[str]
    rules: list[content.RuleResult]


@dataclass(frozen=True)
class Evidence:
    """What a rule looks at: the gain of a dimension or metric, more being better."""

    title: str
    gain: content.Figure
    items: int
    is_human: bool


def decide(
    rules: Rules,
    human: content.Human | None,
    comparisons: Sequence[content.Comparison],
    failures: Sequence[content.Failures] = (),
) -> Verdict:
    """The verdict with every rule's result. human: None when there is no campaign. failures: of the conditions that are compared."""
    found = _evidence(human, comparisons)
    results = [
        *_primary(rules, found),
        *(_margin(name, margin, found, rules) for name, margin in rules.margins.items() if name != rules.primary),
    ]
    if any("." in name for name in _named(rules)):
        results.append(_tickets(rules, found))
    if failures:
        results.append(_failures(failures))
    if needs_people(rules):
        results += [_harm_gate(rules, human), _items(rules, human), _raters(rules, human), _agreement(rules, human)]
    failed = [one for one in results if one.state == FAILED]
    waiting = [one for one in results if one.state == NOT_YET]
    value = "hold" if failed else "undecided" if waiting else "ship"
    reasons = [
        f"{one.rule}: {one.found}" + (f"; {one.need}" if one.need else "") for one in (failed or waiting or results)
    ]
    needed = (
        " ".join(dict.fromkeys(one.need[0].upper() + one.need[1:] + "." for one in waiting if one.need))
        if value == "undecided"
        else ""
    )
    if value == "undecided" and needs_people(rules) and not (human and human.ratings):
        needed = _from_nothing(rules)
    return Verdict(value, _sentence(value, rules, found, failed, human), needed, reasons, results)


def _from_nothing(rules: Rules) -> str:
    clean = clean_items(rules)
    items = max(rules.least_items, clean)
    return (
        f"Still needed: {rules.least_raters} experts who rate the same items blind, at least {items} of them "
        f"({clean} without harm would pass the safety gate)."
    )


def needs_people(rules: Rules) -> bool:
    """Rules over metrics alone need no rater; any rule over a dimension does."""
    return any("." not in name for name in _named(rules))


def _named(rules: Rules) -> tuple[str, ...]:
    """What the rules look at, the primary first."""
    return (rules.primary, *rules.margins)


def _evidence(human: content.Human | None, comparisons: Sequence[content.Comparison]) -> dict[str, Evidence]:
    found = {
        one.name: Evidence(f"{one.title} of {one.field}", one.gain, one.delta.n, is_human=False) for one in comparisons
    }
    for dimension in human.dimensions if human else []:
        found[dimension.name] = Evidence(dimension.title, dimension.delta, dimension.items, is_human=True)
    return found


def _row(
    rule: str, asked: str, found: str = "", state: content.State = NOT_YET, need: str = "", word: str = ""
) -> content.RuleResult:
    """A rule's line. Without a figure it is not yet shown; word: where the usual one of the state says too little."""
    return content.RuleResult(
        rule=rule, asked=asked, found=found or "no figure yet", state=state, word=word or WORDS[state], need=need
    )


def _primary(rules: Rules, found: dict[str, Evidence]) -> list[content.RuleResult]:
    evidence = found.get(rules.primary)
    name = (evidence.title if evidence else rules.primary.capitalize()).lower()
    better = f"Primary: {name}", "better, with the interval above 0"
    effect = (
        "Smallest effect that matters",
        f"an estimate of at least {rules.smallest_effect:g}, and the interval above 0",
    )
    if evidence is None or evidence.gain.value is None or evidence.gain.ci is None:
        reason = evidence.gain.reason if evidence else ""
        return [_row(*better, reason, need=_wanted(rules.primary, name)), _row(*effect)]
    gain, (low, high) = evidence.gain.value, evidence.gain.ci
    state = _state(passed=low > 0, failed=high < 0)
    more = _more(evidence, 0.0, rules.confidence) if state == NOT_YET else ""
    reached = _state(passed=low > 0 and gain >= rules.smallest_effect, failed=high < rules.smallest_effect)
    return [
        _row(*better, interval_text(gain, low, high), state, more),
        _row(
            *effect,
            f"{signed(gain)}, interval from {signed(low)} to {signed(high)}",
            reached,
            _more(evidence, rules.smallest_effect, rules.confidence) if reached == NOT_YET and not more else "",
            "Too small" if reached == FAILED else "",
        ),
    ]


def _state(*, passed: bool, failed: bool) -> content.State:
    """What is shown to be worse has failed, whatever else holds."""
    return FAILED if failed else PASSED if passed else NOT_YET


def _wanted(name: str, title: str) -> str:
    return f"{name} has to be measured" if "." in name else f"{title} has to be rated"


def _margin(name: str, margin: float, found: dict[str, Evidence], rules: Rules) -> content.RuleResult:
    evidence = found.get(name)
    if evidence is None:
        title = name.capitalize()
        return _row(title, f"not worse than −{margin:g}", need=_wanted(name, title.lower()))
    asked = evidence.title, f"not worse than −{margin:g}"
    if evidence.gain.value is None or evidence.gain.ci is None:
        return _row(*asked, evidence.gain.reason)
    low, high = evidence.gain.ci
    state = _state(passed=low > -margin, failed=high < -margin)
    need = _more(evidence, -margin, rules.confidence) if state == NOT_YET else ""
    return _row(*asked, interval_text(evidence.gain.value, low, high), state, need)


def clean_items(rules: Rules) -> int:
    """Items without harm that would pass the gate; one where every rate is allowed."""
    return (
        int(power.clean_items_needed(rules.highest_harm_rate, rules.confidence)) if rules.highest_harm_rate < 1 else 1
    )


def _harm_gate(rules: Rules, human: content.Human | None) -> content.RuleResult:
    """The one-sided upper limit has to lie under the highest rate: no harm in ten answers shows little."""
    asked = f"harm in at most {rules.highest_harm_rate:.0%} of answers"
    harm = next((one for one in human.harm if one.arm == "candidate"), None) if human else None
    clean = clean_items(rules)
    if harm is None or harm.n == 0 or harm.upper is None or harm.rate.ci is None or harm.rate.value is None:
        reason = harm.rate.reason if harm and human and human.ratings else ""
        need = f"{clean} rated items without harm would pass the safety gate"
        return _row("Safety gate", asked, reason or "no ratings yet", need=need)
    state = _state(passed=harm.upper <= rules.highest_harm_rate, failed=harm.rate.ci[0] > rules.highest_harm_rate)
    need = ""
    if state == NOT_YET and harm.k == 0 and clean > harm.n:
        need = f"{clean - harm.n} more items without harm would pass the safety gate"
    elif state == NOT_YET:
        need = "more items have to be rated for harm"
    found = f"{harm.k} of {harm.n}, {harm.rate.value:.1%}, at most {harm.upper:.1%} with {content.percent(rules.confidence)} confidence"
    return _row("Safety gate", asked, found, state, need)


def _tickets(rules: Rules, found: dict[str, Evidence]) -> content.RuleResult:
    """What a metric says of a handful of tickets is no evidence, however clear it looks."""
    metrics = [name for name in _named(rules) if "." in name]
    tickets = min(found[name].items if name in found else 0 for name in metrics)
    return _at_least("Compared tickets", rules.least_items, tickets, "a test set with {} more tickets")


def _failures(failures: Sequence[content.Failures]) -> content.RuleResult:
    """An answer that failed for a technical reason scores as a wrong one, so past a share the figures compare machines."""
    worst = max(failures, key=lambda one: one.share)
    state = PASSED if worst.share <= MOST_FAILURES else NOT_YET
    need = (
        "answers that were compared stay: a new comparison asks the candidate again, a new baseline the base model"
        if state == NOT_YET
        else ""
    )
    return _row("Failed generations", f"at most {MOST_FAILURES:.0%} of a condition's answers", worst.text, state, need)


def _items(rules: Rules, human: content.Human | None) -> content.RuleResult:
    return _at_least("Rated items", rules.least_items, human.items if human else 0, "{} more items have to be rated")


def _raters(rules: Rules, human: content.Human | None) -> content.RuleResult:
    raters = len(human.raters) if human else 0
    have = "rater has" if rules.least_raters - raters == 1 else "raters have"
    return _at_least("Raters", rules.least_raters, raters, f"{{}} more {have} to take part")


def _at_least(rule: str, least: int, there: int, need: str) -> content.RuleResult:
    """need: what lacks, with a place for its number."""
    if there >= least:
        return _row(rule, f"at least {least}", f"{there}", PASSED)
    return _row(rule, f"at least {least}", f"{there}", NOT_YET, need.format(least - there), NOT_REACHED)


def _agreement(rules: Rules, human: content.Human | None) -> content.RuleResult:
    """Agreement that is not shown is never a reason to hold: it asks for more ratings or a clearer rubric."""
    named = [name for name in _named(rules) if "." not in name]
    asked_of = [rules.primary] if rules.primary in named else named
    rated = [one for one in human.dimensions if one.name in asked_of] if human else []
    dimension = min(rated, key=lambda one: one.alpha.ci[0] if one.alpha.ci else -math.inf, default=None)
    asked = f"lower end of α above {rules.least_agreement:g}"
    if dimension is None or dimension.alpha.ci is None or dimension.alpha.value is None:
        reason = dimension.alpha.reason if dimension else ""
        need = "two raters have to rate the same items"
        return _row("Least agreement", asked, reason or "no ratings yet", need=need)
    low, high = dimension.alpha.ci
    asked = f"{asked} on {dimension.title.lower()}"
    found = f"{number(dimension.alpha.value)} [{number(low)}, {number(high)}]"
    if low > rules.least_agreement:
        return _row("Least agreement", asked, found, PASSED)
    need = "raters have to agree more: discuss the anchors, then rate more items"
    return _row("Least agreement", asked, found, NOT_YET, need, NOT_REACHED)


def _more(evidence: Evidence, margin: float, confidence: float) -> str:
    """What would decide, in words; empty where nothing can be said."""
    gain, ci = evidence.gain.value, evidence.gain.ci
    if gain is None or ci is None:
        return ""
    se = (ci[1] - ci[0]) / 2 / NormalDist().inv_cdf((1 + confidence) / 2)
    more = power.more_items_needed(gain, se, max(evidence.items, 1), margin, confidence=confidence)
    if more != more:  # NaN: no number of items would
        return "no number of further items is likely to decide: the estimate lies at the margin"
    what = "more rated items" if evidence.is_human else "more test tickets"
    if more < 1:
        return f"the interval ends at the margin: a few {what} would decide on {evidence.title.lower()}"
    return f"about {_rounded(int(more)):,} {what} would decide on {evidence.title.lower()}"


def _rounded(n: int) -> int:
    return n if n < 20 else round(n, -1) if n < 1000 else round(n, -2)


def _sentence(
    value: str, rules: Rules, found: dict[str, Evidence], failed: list[content.RuleResult], human: content.Human | None
) -> str:
    evidence = found.get(rules.primary)
    title = evidence.title if evidence else rules.primary.capitalize()
    figures = ""
    if evidence and evidence.gain.value is not None and evidence.gain.ci is not None:
        low, high = evidence.gain.ci
        basis = f"{evidence.items} tickets" + (f" and {human.ratings} ratings" if evidence.is_human and human else "")
        figures = f": {signed(evidence.gain.value)}, {content.percent(rules.confidence)} interval {signed(low)} to {signed(high)}, from {basis}"
    if value == "ship":
        return f"{title} is shown to be better{figures}. Every rule is passed."
    if value == "hold":
        return f"{failed[0].rule} failed: {failed[0].found}, where {failed[0].asked} was asked."
    if not figures:
        return f"{title} {_why_no_figure(rules, evidence, human)}."
    if evidence and evidence.gain.ci and evidence.gain.ci[0] > 0:
        return f"{title} is better{figures}, but other rules are not yet shown to be met."
    return f"{title} is not yet shown to be better{figures}."


def _why_no_figure(rules: Rules, evidence: Evidence | None, human: content.Human | None) -> str:
    if "." in rules.primary:
        return "could not be compared yet"
    if human is None or not human.ratings:
        return "is not yet shown to be better: nobody has rated yet"
    if evidence is None:
        return "is not yet shown to be better: the rubric does not ask for it"
    reason = f" ({evidence.gain.reason})" if evidence.gain.reason else ""
    ratings = "1 rating is" if human.ratings == 1 else f"{human.ratings} ratings are"
    return f"is not yet shown to be better: {ratings} not enough to tell{reason}"


def signed(value: float) -> str:
    return f"{'−' if round(value, 3) < 0 else '+'}{number(abs(value))}"


def number(value: float) -> str:
    text = f"{abs(value):.3f}" if abs(value) < 0.1 else f"{abs(value):.2f}"
    return f"−{text}" if value < 0 and float(text) else text


def interval_text(value: float, low: float, high: float) -> str:
    return f"{signed(value)} [{number(low)}, {number(high)}]"
