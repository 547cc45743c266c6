"""From a row of a file to a ticket: what the mapping says of each column, and every reason why a row cannot be one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, assert_never

from django.utils.dateparse import parse_date, parse_datetime

from annotation import codecs, texts
from annotation.fieldvalues import UnparsableValue, check_value
from annotation.formats.objects import cell_text
from annotation.numbers import read_number
from annotation.render import render_messages
from ftplatform.errors import FieldError, Refused
from ftplatform.projects.spec import TaskField, TaskSpec, folded

MOST_CHARACTERS = 100_000
FIRST_YEAR, LAST_YEAR = 1900, 2200  # PostgreSQL keeps years that Python cannot read back
RAW, GROUP, OCCURRED_AT = "raw", "group", "occurred_at"


@dataclass(frozen=True)
class Ticket:
    """A row that can be imported. values: the labels that the file brings, perhaps only some of the fields."""

    raw: dict[str, Any]
    inputs: dict[str, str]
    values: dict[str, Any]
    group: str
    occurred_at: datetime | None
    neutralised: int


class BadRow(Exception):
    """Why a row cannot be a ticket: field names the column of the file."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


class ColumnMapping:
    """A checked mapping: column of the file → `input:NAME`, `field:NAME`, `group`, `occurred_at` or `raw`."""

    def __init__(self, spec: TaskSpec, mapping: Mapping[str, str]) -> None:
        self.spec = spec
        self.inputs: dict[str, str] = {}
        self.fields: dict[str, str] = {}
        self.group = self.occurred_at = ""
        errors: list[FieldError] = []
        for column, target in mapping.items():
            problem = self._take(column, target)
            if problem:
                errors.append(FieldError(column, problem))
        missing = [column.name for column in spec.inputs if column.name not in self.inputs]
        errors += [FieldError(f"input:{name}", f"No column becomes the input {name}; choose one.") for name in missing]
        if errors:
            raise Refused(
                "bad-mapping",
                f"The columns cannot be used as mapped: {errors[0].field}: {errors[0].message}",
                errors=errors,
            )
        # Labels that the file does not bring may still be missing; the text of those that it brings must be read back all the same.
        self._lenient = spec.model_copy(
            update={"fields": tuple(field.model_copy(update={"required": False}) for field in spec.fields)}
        )
        self._folded = {field.name: {folded(label): label for label in field.labels} for field in spec.fields}

    def _take(self, column: str, target: str) -> str:
        kind, _, name = target.partition(":")
        if kind == "input":
            if name not in {one.name for one in self.spec.inputs}:
                return f"{name!r} is not an input of the task; inputs are {', '.join(one.name for one in self.spec.inputs)}."
            if name in self.inputs:
                return f"The input {name} comes from {self.inputs[name]} already."
            self.inputs[name] = column
        elif kind == "field":
            if name not in {one.name for one in self.spec.fields}:
                return f"{name!r} is not a field of the task; fields are {', '.join(one.name for one in self.spec.fields)}."
            if name in self.fields:
                return f"The field {name} comes from {self.fields[name]} already."
            self.fields[name] = column
        elif target == GROUP:
            self.group = column
        elif target == OCCURRED_AT:
            self.occurred_at = column
        elif target != RAW:
            return f"{target!r} is none of input:NAME, field:NAME, group, occurred_at, raw."
        return ""

    def ticket(self, raw: Mapping[str, Any]) -> Ticket:
        """The row as a ticket. Raises BadRow with the column and what to do."""
        inputs = {name: self._text(raw, column) for name, column in self.inputs.items()}
        first = self.spec.inputs[0].name
        if not inputs[first].strip():
            raise BadRow(self.inputs[first], f"Empty, and {first} is required.")
        values: dict[str, Any] = {}
        for field in self.spec.fields:
            column = self.fields.get(field.name)
            text = self._text(raw, column).strip() if column else ""
            if column and text:
                values[field.name] = self._value(field, column, text)
        if values:
            self.check_together(values)
        return Ticket(
            raw={column: cell_text(value) for column, value in raw.items()},
            inputs=inputs,
            values=values,
            group=self._text(raw, self.group).strip() if self.group else "",
            occurred_at=self._moment(raw),
            neutralised=render_messages(self.spec, inputs).neutralised,
        )

    def _text(self, raw: Mapping[str, Any], column: str) -> str:
        text = cell_text(raw.get(column, ""))
        for problem in texts.problems(text, MOST_CHARACTERS):
            raise BadRow(column, problem)
        return text

    def _value(self, field: TaskField, column: str, text: str) -> Any:
        try:
            value = self._read(field, text)
            check_value(field, value)
        except UnparsableValue as error:
            raise BadRow(column, str(error)) from error
        except ValueError as error:
            raise BadRow(column, f"{field.name}: {error}.") from error
        return value

    def _read(self, field: TaskField, text: str) -> Any:
        """A cell as a value of the field. Raises ValueError with the reason and the remedy."""
        match field.kind:
            case "choice":
                return self._choice(field, text)
            case "number" | "rating":
                return read_number(text)
            case "multi":
                parts = _json_list(text)
                if parts is None:
                    parts = [part.strip() for part in text.split(",") if part.strip()]
                return [self._choice(field, part) for part in parts]
            case "spans":
                spans = _json_list(text)
                if spans is None:
                    raise ValueError(f"{text[:80]!r} is not a list of spans; write it as JSON, as an export does")
                return spans
            case "text":
                return text
            case kind:
                assert_never(kind)

    def _choice(self, field: TaskField, text: Any) -> str:
        """The label that the text is, or is but for case and spaces."""
        if text in field.labels:
            return str(text)
        value = self._folded[field.name].get(folded(cell_text(text)))
        if value is None:
            listed = ", ".join(field.labels[:8]) + (" …" if len(field.labels) > 8 else "")
            raise ValueError(
                f"{cell_text(text)[:80]!r} is not a choice ({listed}). Change the cell, or add the choice to the task"
            )
        return value

    def check_together(self, values: dict[str, Any]) -> None:
        """What the model should learn has to be read back as it is, however much of it the file brings. Raises BadRow."""
        try:
            codecs.refuse_unparsable(self._lenient, values)
        except UnparsableValue as error:
            raise BadRow(self.fields.get(error.field, error.field), str(error)) from error

    def _moment(self, raw: Mapping[str, Any]) -> datetime | None:
        text = self._text(raw, self.occurred_at).strip() if self.occurred_at else ""
        if not text:
            return None
        try:
            moment = parse_datetime(text) or parse_date(text)
        except ValueError:
            raise BadRow(self.occurred_at, f"{text[:40]!r}: there is no such day or time.") from None
        if moment is None:
            raise BadRow(self.occurred_at, f"{text[:40]!r} is not an ISO date; write 2026-03-02 or 2026-03-02T14:07.")
        if isinstance(moment, date) and not isinstance(moment, datetime):
            moment = datetime(moment.year, moment.month, moment.day)
        try:
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except OverflowError:
            moment = None
        if moment is None or not FIRST_YEAR <= moment.year <= LAST_YEAR:
            raise BadRow(
                self.occurred_at,
                f"{text[:40]!r} is outside the years {FIRST_YEAR} to {LAST_YEAR}. If it stands for “never”, empty the cell.",
            )
        return moment


def _json_list(text: str) -> list[Any] | None:
    """The list that our own export writes into a cell, or None where the text is no such thing."""
    try:
        value = json.loads(text) if text.startswith("[") else None
    except (json.JSONDecodeError, RecursionError):
        return None
    return value if isinstance(value, list) else None


def state_of(spec: TaskSpec, values: dict[str, Any]) -> str:
    """The state of a ticket of which a file says this much."""
    if not values:
        return "new"
    return "resolved" if is_complete(spec, values) else "labelled"


def is_complete(spec: TaskSpec, values: dict[str, Any]) -> bool:
    """Every required field that is asked has a value."""
    return all(field.name in values for field in spec.fields if field.required and spec.is_asked(field, values))
