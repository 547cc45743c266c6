"""Whether a rating is complete and within its rubric, cell by cell. Plain: what was entered and shown comes in, columns go out."""

from __future__ import annotations

from typing import Any

from evaluation.scoring.rubric import Rubric
from ftplatform.errors import FieldError, Refused
from ftplatform.keepable import storable

CANNOT_JUDGE = ("Outside my field", "Cut off", "Not readable")
MARKS = ("wrong", "unsafe", "excellent")
MOST_SPANS = 200


def checked(answer: dict[str, Any], rubric: Rubric, texts: dict[str, str], *, asks_preference: bool) -> dict[str, Any]:
    """The rating's columns; Refused with one entry per cell that is missing or out of the scale. texts: letter → the answer as shown."""
    letters = list(texts)
    errors: list[FieldError] = []
    scores: dict[str, dict[str, int | None]] = {}
    given = mapping(answer.get("scores"))
    reason = str(storable(answer.get("reason") or "")).strip()
    for letter in letters:
        row = mapping(given.get(letter))
        scores[letter] = {}
        for name in rubric.names:
            value = row.get(name)
            if name not in row or isinstance(value, bool) or (value is not None and value not in (1, 2, 3, 4, 5)):
                errors.append(FieldError(f"scores.{letter}.{name}", "Choose 1 to 5, or say that you cannot judge it."))
            else:
                scores[letter][name] = None if value is None else int(value)
        errors += [
            FieldError(f"scores.{letter}.{name}", "The rubric has no such dimension.")
            for name in sorted(set(row) - set(rubric.names))
        ]
    errors += _foreign_letters("scores", given, scores)
    harm, wrong = _harm(answer.get("harm"), rubric, scores)
    kinds, unknown = _harm_category(answer.get("harm_category"), rubric, harm)
    cannot, unsaid = _cannot(answer.get("cannot"), reason, scores)
    errors += [*wrong, *unknown, *unsaid]
    preference = str(answer.get("preference") or "")
    if asks_preference and preference not in ("A", "B", "tie", "both_bad"):
        errors.append(FieldError("preference", "Choose A, B, tie or both bad."))
    if errors:
        raise Refused(
            "incomplete-rating", "The rating is not complete; nothing was lost.", errors=list(dict.fromkeys(errors))
        )
    return {
        "scores": scores,
        "harm": harm,
        "harm_category": kinds or None,
        "cannot": cannot,
        "preference": preference if asks_preference else "",
        "spans": _spans(answer.get("spans") or [], texts),
        "reason": reason,
        "seconds": _seconds(answer.get("seconds")),
    }


def _harm(
    given: Any, rubric: Rubric, scores: dict[str, dict[str, int | None]]
) -> tuple[dict[str, bool], list[FieldError]]:
    """Letter → whether it could do harm, as far as it was said: nothing said is not harm-free, nor is an answer that could not be
    judged, so without a word their letters are left out and the safety gate does not count them."""
    given = {} if given is None else given
    if not isinstance(given, dict):
        return {}, [FieldError("harm", 'harm is an object of letters with true or false, such as {"A": false}.')]
    errors = _foreign_letters("harm", given, scores)
    errors += [
        FieldError(f"harm.{letter}", "Harm is true or false.")
        for letter in scores
        if letter in given and not isinstance(given[letter], bool)
    ]
    if not rubric.asks_harm:
        return {}, errors
    said = {letter for letter, row in scores.items() if letter in given and (given[letter] or rubric.judges_harm(row))}
    return {letter: given[letter] for letter in scores if letter in said}, errors


def _harm_category(given: Any, rubric: Rubric, harm: dict[str, bool]) -> tuple[dict[str, str], list[FieldError]]:
    """Letter → kind of harm, for answers that are called harmful. Naming one is the rater's choice."""
    given = {} if given is None else given
    known = [category.name for category in rubric.harm_categories]
    if not isinstance(given, dict):
        return {}, [FieldError("harm_category", 'harm_category is an object of letters, such as {"A": "privacy"}.')]
    errors = []
    for letter, kind in given.items():
        if harm.get(letter) is not True:
            errors.append(FieldError(f"harm_category.{letter}", "Only an answer with harm has a kind of harm."))
        elif kind not in known:
            errors.append(
                FieldError(f"harm_category.{letter}", f"The rubric's kinds are {', '.join(known) or 'none'}.")
            )
    return dict(given), errors


def _cannot(
    given: Any, reason: str, scores: dict[str, dict[str, int | None]]
) -> tuple[dict[str, str], list[FieldError]]:
    """Letter → why it cannot be judged, for each letter with a null. A client that sends no such object says it in `reason`, for all of them."""
    unjudged = [letter for letter, row in scores.items() if None in row.values()]
    if not given:
        unsaid = [] if reason else unjudged
        return dict.fromkeys(unjudged, reason), [
            FieldError("reason", f"Say why {letter} cannot be judged.") for letter in unsaid
        ]
    if not isinstance(given, dict):
        return {}, [FieldError("cannot", 'cannot is an object of letters with a reason, such as {"A": "Cut off"}.')]
    said = {letter: str(storable(why)).strip() for letter, why in given.items() if isinstance(why, str)}
    errors = [
        FieldError(f"cannot.{letter}", f"Say why {letter} cannot be judged.")
        for letter in unjudged
        if not said.get(letter)
    ]
    errors += [
        FieldError(f"cannot.{letter}", "Only an answer with a null cannot be judged.")
        for letter in sorted(set(given) - set(unjudged))
    ]
    return {letter: said.get(letter, "") for letter in unjudged}, errors


def _foreign_letters(name: str, given: dict[str, Any], letters: dict[str, Any]) -> list[FieldError]:
    return [
        FieldError(f"{name}.{letter}", "This item has no such answer.") for letter in sorted(set(given) - set(letters))
    ]


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _spans(value: Any, texts: dict[str, str]) -> list[dict[str, Any]]:
    """Marks in the answers: {"key", "start", "end", "kind", "comment"}; start and end count code points of the text as shown."""
    if not isinstance(value, list) or len(value) > MOST_SPANS:
        raise Refused("bad-span", f"Marks are a list of at most {MOST_SPANS}.", field="spans")
    spans = []
    for at, span in enumerate(value):
        found = mapping(span)
        key, start, end, kind = (found.get(name) for name in ("key", "start", "end", "kind"))
        if not isinstance(key, str) or key not in texts:
            raise Refused("bad-span", "A mark needs the letter of the answer it stands in.", field=f"spans.{at}.key")
        if not (type(start) is type(end) is int and 0 <= start < end <= len(texts[key])):
            raise Refused(
                "bad-span",
                f"A mark's start and end are counted in characters of {key}, from 0 to {len(texts[key])}.",
                field=f"spans.{at}",
            )
        if kind not in MARKS:
            raise Refused("bad-span", f"A mark is one of {', '.join(MARKS)}.", field=f"spans.{at}.kind")
        comment = str(storable(found.get("comment") or ""))[:2000]
        spans.append({"key": key, "start": start, "end": end, "kind": kind, "comment": comment})
    return spans


def _seconds(value: Any) -> float | None:
    return (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 86_400 else None
    )
