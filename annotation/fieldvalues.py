"""The value of one field: whether it may be one, how it is written in a line, and how it is read out of what a model wrote.

What a codec puts around the values of several fields is in `codecs`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, assert_never

from ftplatform.projects.spec import RATINGS, TaskField, folded


class UnparsableValue(ValueError):
    """A value that would not be read back as it is. `field` names it, the message says why and what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def check_value(field: TaskField, value: Any) -> None:
    """Raises UnparsableValue when the value has the wrong type or lies outside the field's choices or scale."""

    def wrong(message: str) -> UnparsableValue:
        return UnparsableValue(field.name, f"{field.heading}: {message}")

    match field.kind:
        case "choice":
            if value not in field.labels:
                raise wrong(f"{value!r} is not a choice; choices are {_listed(field.labels)}.")
        case "multi":
            if not isinstance(value, list) or any(one not in field.labels for one in value):
                raise wrong(f"a list of its choices is needed: {_listed(field.labels)}.")
            if len(set(value)) < len(value):
                raise wrong("a choice stands twice.")
        case "text":
            if not isinstance(value, str):
                raise wrong("a text is needed.")
            if "\x00" in value:
                raise wrong("holds a NUL character, which no text field can keep.")
            if len(value) > field.max_length:
                raise wrong(f"is {len(value):,} characters long; at most {field.max_length:,} fit.")
            if field.required and not value.strip():
                raise wrong("is empty and required.")
        case "number" | "rating":
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise wrong("a finite number is needed.")
            if field.kind == "rating" and value not in RATINGS:
                raise wrong("a whole number from 1 to 5 is needed.")
        case "spans":
            _check_spans(value, wrong)
        case kind:
            assert_never(kind)


def _check_spans(value: Any, wrong: Callable[[str], UnparsableValue]) -> None:
    if not isinstance(value, list):
        raise wrong("a list of spans is needed.")
    for span in value:
        if not _is_span(span):
            raise wrong(
                f'{str(span)[:80]} is not a span: {{"start", "end", "label"}} is, with the code points at which it begins and ends.'
            )


def _is_span(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"start", "end", "label"} or not isinstance(value["label"], str):
        return False
    start, end = value["start"], value["end"]
    return type(start) is int and type(end) is int and 0 <= start < end


def _listed(labels: list[str]) -> str:
    return ", ".join(labels[:12]) + (f" and {len(labels) - 12} more" if len(labels) > 12 else "")


def as_text(field: TaskField, value: Any) -> str:
    """A value as it is written in a line of its own."""
    match field.kind:
        case "multi":
            return ", ".join(value)
        case "spans":
            return json.dumps(value, ensure_ascii=False)
        case "number" | "rating":
            return _number_text(value)
        case "choice" | "text":
            return str(value)
        case kind:
            assert_never(kind)


def _number_text(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def read(field: TaskField, raw: Any) -> tuple[Any, bool]:
    """(value, exact) of what a codec found for a field; (None, False) when it cannot be read."""
    match field.kind:
        case "choice":
            return _read_choice(field, raw)
        case "multi":
            parts = raw if isinstance(raw, list) else [part.strip() for part in str(raw).split(",") if part.strip()]
            choices = [_read_choice(field, part) for part in parts]
            if any(value is None for value, _ in choices):
                return None, False
            return list(dict.fromkeys(value for value, _ in choices)), all(exact for _, exact in choices)
        case "text":
            return (raw, True) if isinstance(raw, str) else (None, False)
        case "number" | "rating":
            return _read_number(field, raw)
        case "spans":
            return _read_spans(raw)
        case kind:
            assert_never(kind)


def _read_choice(field: TaskField, raw: Any) -> tuple[str | None, bool]:
    if not isinstance(raw, str):
        return None, False
    if raw in field.labels:
        return raw, True
    known = {folded(label): label for label in field.labels}
    value = known.get(folded(raw)) or known.get(folded(raw.strip(" \t.,;:!\"'`*[]()<>")))
    return value, False


def _read_number(field: TaskField, raw: Any) -> tuple[float | int | None, bool]:
    if isinstance(raw, bool):
        return None, False
    try:
        number = float(raw)
    except (TypeError, ValueError, OverflowError):
        return None, False
    if not math.isfinite(number) or (field.kind == "rating" and number not in RATINGS):
        return None, False
    return (int(number) if number.is_integer() and abs(number) < 1e15 else number), True


def _read_spans(raw: Any) -> tuple[list[dict[str, Any]] | None, bool]:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except (json.JSONDecodeError, RecursionError):
            return None, False
    if not isinstance(raw, list) or not all(_is_span(span) for span in raw):
        return None, False
    return raw, True
