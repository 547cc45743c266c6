"""Threats to validity in words: what these figures cannot show. Plain Python."""

from __future__ import annotations

from collections.abc import Sequence

from annotation import codecs
from evaluation.metrics import compute
from evaluation.scoring import content
from evaluation.scoring.automatic import Answers, TestSet, primary_metric
from evaluation.stats.clustered import RANDOM_RATERS
from ftplatform.projects.spec import TaskSpec

LEAKY_LENGTH = 0.15  # a tenth or so of a gain is noise; past this share we say so
FREE_PARSE = 0.5
FEW_TICKETS = 100


def of_comparison(
    test: TestSet,
    comparisons: Sequence[content.Comparison],
    human: content.Human | None,
    base: dict[str, Answers],
    candidate: Answers,
    *,
    candidates_on_set: int,
    looks: int,
    failures: Sequence[content.Failures],
    remarks: Sequence[str],
    rules_after_results: bool,
) -> list[str]:
    """One or two sentences per threat, the gravest first. looks: how often these answers were scored by their ratings, now included.
    remarks: what the rows alone tell of rules and campaigns."""
    threats: list[str] = []
    if rules_after_results:
        threats.append("The release rules were set after results could be seen: the verdict is exploratory.")
    if looks > 1:
        threats.append(
            f"Scored {looks} times while ratings came in; each interval is made for one look, and anyone who looks often enough sees a "
            "difference where there is none."
        )
    threats += remarks
    threats += of_failures(failures)
    threats += _no_gain(comparisons)
    threats += _facts(test, human)
    threats += _length(test, comparisons, base, candidate)
    threats += _format_failures(comparisons, base)
    threats += _few_raters(human)
    threats.append(
        "One training run with one seed: the intervals are over tickets and say nothing of how another seed would have come out."
    )
    if candidates_on_set > 1:
        threats.append(f"This test set has now judged {candidates_on_set} candidates. Small gains may be fitted to it.")
    if test.size < FEW_TICKETS:
        threats.append(
            f"The test set holds {test.size} tickets only; differences smaller than the intervals cannot be seen."
        )
    threats.append("The best base condition was chosen on the test set itself, which favours the baseline.")
    return threats


def of_baseline(
    test: TestSet,
    parse_rates: dict[str, dict[str, float | None]],
    failures: Sequence[content.Failures],
    *,
    has_shots: bool,
    has_references: bool,
) -> list[str]:
    """Of the base model alone. parse_rates: condition → field → share. has_shots: a condition showed it examples; has_references:
    answers that need no model stand beside it."""
    found = [
        *_easily_beaten(has_shots, has_references),
        *of_failures(failures),
        "The best condition per metric is chosen on the test set itself, which favours the baseline.",
    ]
    for field in test.spec.fields:
        rates = [rates.get(field.name) for key, rates in parse_rates.items() if "constrained" not in key]
        known = [rate for rate in rates if rate is not None]
        if known and max(known) < FREE_PARSE:
            found.append(
                f"Asked freely, the model gives {field.heading.lower()} in the asked form in at most {max(known):.0%} of its answers: "
                "those figures measure form, not knowledge."
            )
    if test.size < FEW_TICKETS:
        found.append(f"The test set holds {test.size} tickets only.")
    return found


def _easily_beaten(has_shots: bool, has_references: bool) -> list[str]:
    """What would make a stronger baseline and is not there: the lock opens all the same, so the card says it first."""
    if not has_references:
        return [
            "No training ticket was there: the model was shown no examples, and no majority class or most similar training answer stands "
            "beside it. A candidate beats this baseline too easily: draw the splits, then measure it again."
        ]
    if not has_shots:
        return ["The model was shown no examples (k-shot), which often lifts an untuned model most."]
    return []


def of_unframed_choices(spec: TaskSpec) -> list[str]:
    """Of a model whose labels could be scored by likelihood: which choices were asked freely only."""
    fields = codecs.unframed_choices(spec)
    if not fields:
        return []
    listed, has = " and ".join(field.heading for field in fields), "has" if len(fields) == 1 else "have"
    return [
        f"{listed} {has} no constrained condition, which would tell what the model knows apart from the form it writes in: labels are "
        "scored only where they begin an answer. A choice that stands first in the task gets one."
    ]


def of_failures(failures: Sequence[content.Failures]) -> list[str]:
    """An answer that failed is scored as a wrong one: right for a user, wrong for a comparison of models."""
    if not failures:
        return []
    rows = "; ".join(f"{one.text} ({one.share:.0%})" for one in failures)
    return [
        f"Answers could not be generated and count as wrong ones: {rows}. These stay as they are: "
        "make a new comparison, or a new baseline where the base model's failed, before you trust a difference."
    ]


def _no_gain(comparisons: Sequence[content.Comparison]) -> list[str]:
    """Said plainly, field by field: a table of hollow points is easily read past."""
    primary = [one for one in comparisons if one.is_primary]
    unproven = [one for one in primary if not (one.gain.ci and one.gain.ci[0] > 0)]
    if not unproven:
        return []
    if len(unproven) == len(primary):
        return [
            "Nothing is shown to be gained over the best base condition: no primary metric's interval lies on the better side of zero."
        ]
    listed = ", ".join(f"{one.field} in {one.title}" for one in unproven)
    return [f"No gain is shown for {listed}: the interval does not lie on the better side of zero."]


def _facts(test: TestSet, human: content.Human | None) -> list[str]:
    if not any(field.kind == "text" for field in test.spec.fields):
        return []
    factuality = next((one for one in human.dimensions if one.name == "factuality"), None) if human else None
    if factuality and factuality.delta.ci and factuality.delta.ci[0] > 0:
        return []
    if factuality and factuality.delta.ci:
        return ["Facts are not shown to be better: the raters' interval for factuality holds zero or lies below it."]
    return [
        "Facts are not shown to be better. Overlap with a reference rewards its form and words; a reply may have both and "
        "invent the rule it cites. Only experts who rate factuality can tell."
    ]


def _length(
    test: TestSet, comparisons: Sequence[content.Comparison], base: dict[str, Answers], candidate: Answers
) -> list[str]:
    """How much of a text's gain is left when both answers are cut to the same number of words, item by item."""
    threats = []
    for field in test.spec.text_fields:
        row = next(
            (one for one in comparisons if one.field == field.name and one.metric == primary_metric(field)), None
        )
        if row is None or row.delta.value is None or row.delta.value <= 0:
            continue
        ours, theirs, references = [], [], []
        for at, reference in enumerate(test.references):
            if field.name in reference:
                a = _words(test.spec, candidate, field.name, at)
                b = _words(test.spec, base[row.base_condition], field.name, at)
                shortest = min(len(a), len(b))
                ours.append(" ".join(a[:shortest]))
                theirs.append(" ".join(b[:shortest]))
                references.append(reference[field.name])
        left_ours, left_theirs = (compute(row.metric, texts, references).value for texts in (ours, theirs))
        if left_ours is None or left_theirs is None:
            continue
        share = 1 - (left_ours - left_theirs) / row.delta.value
        if share >= LEAKY_LENGTH:
            lost = f"{min(share, 1):.0%}" if share < 1 else "all"
            threats.append(
                f"{lost} of the gain of {field.heading.lower()} in {row.title} is length: cut to the same number of words, "
                f"{_signed(left_ours - left_theirs)} of {_signed(row.delta.value)} is left."
            )
    return threats


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _words(spec: TaskSpec, answers: Answers, field: str, at: int) -> list[str]:
    return codecs.written(spec, field, answers.values[at], answers.outputs[at]).split()


def _format_failures(comparisons: Sequence[content.Comparison], base: dict[str, Answers]) -> list[str]:
    threats = []
    for row in comparisons:
        if row.metric == "parse_rate" and row.base.value is not None and row.base.value < FREE_PARSE:
            threats.append(
                f"The base model, asked freely, hardly ever gives {row.field} in the asked form ({row.base.value:.0%} at best): its "
                "figures there measure form, not knowledge. Where it could, constrained choice stands in as the honest baseline."
            )
    return threats


def _few_raters(human: content.Human | None) -> list[str]:
    if human is None or not human.ratings:
        return ["No human has rated these answers yet; automatic metrics alone decide nothing about use."]
    raters = len(human.raters)
    if raters >= RANDOM_RATERS:
        return []
    people = "One rater only. The" if raters == 1 else f"{raters} raters only. Their"
    return [f"{people} intervals treat these raters as fixed; another panel may judge otherwise."]
