"""What a task is, as plain values: inputs, fields, prompt, completion. Django-free; a TaskRevision stores one as JSON."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from ftplatform.keepable import NAMED, is_keepable

NAME = r"^[a-z][a-z0-9_]{0,39}$"
PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")
RESERVED_KEYS = frozenset("usnfrgjklb?/")
"""What the labelling page binds to its own buttons: no label has one of these."""

STORED = {"stored": True}
"""The context to validate a task in that was frozen already: it loads, although a new one could not have its labels' keys."""


def folded(text: str) -> str:
    """The form in which two labels count as the same: case, white space, and é in one sign or two are no difference."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


class Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="after")
    def _keepable(self) -> Self:
        for name, value in self:
            if isinstance(value, str) and not is_keepable(value):
                raise ValueError(f"{name} holds {NAMED}")
        return self


class InputColumn(Value):
    """A named column of a ticket."""

    name: str = Field(pattern=NAME)
    title: str = ""
    kind: Literal["text", "markdown", "code"] = "text"

    @property
    def heading(self) -> str:
        return self.title or self.name.replace("_", " ").capitalize()


def _composed(text: str) -> str:
    """NFC: answers are kept so, and é in one sign or two is one label."""
    return unicodedata.normalize("NFC", text)


class Choice(Value):
    """One label of a choice field. `value` is what the model writes."""

    value: Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_composed)]
    title: str = ""
    description: str = ""
    hotkey: str = Field(default="", max_length=1)

    @property
    def heading(self) -> str:
        return self.title or self.value


RATINGS = (1, 2, 3, 4, 5)


class FieldCondition(Value):
    """The field is asked only where another choice field has this value."""

    field: str = Field(pattern=NAME)
    equals: str


class TaskField(Value):
    """What a labeler fills in and the model must produce."""

    name: str = Field(pattern=NAME)
    title: str = ""
    kind: Literal["choice", "multi", "text", "number", "spans", "rating"]
    required: bool = True
    choices: tuple[Choice, ...] = ()
    guidelines: str = ""
    condition: FieldCondition | None = None
    primary_metric: str = ""
    max_length: int = Field(default=20_000, ge=1)

    @model_validator(mode="after")
    def _choices_fit_kind(self) -> TaskField:
        if self.kind in ("choice", "multi"):
            keys = [folded(choice.value) for choice in self.choices]
            if len(keys) < 2:
                raise ValueError(f"field {self.name}: a {self.kind} field needs at least two choices")
            if len(set(keys)) < len(keys):
                raise ValueError(
                    f"field {self.name}: two choices differ only in case or spaces; a model's answer could mean either"
                )
            if any("\n" in choice.value or "\r" in choice.value for choice in self.choices):
                raise ValueError(f"field {self.name}: a choice cannot hold a line break")
            if any(choice.value != choice.value.strip() for choice in self.choices):
                raise ValueError(f"field {self.name}: a choice cannot begin or end with a space")
        elif self.choices:
            raise ValueError(f"field {self.name}: a {self.kind} field has no choices")
        return self

    @model_validator(mode="after")
    def _hotkeys_are_free(self, info: ValidationInfo) -> TaskField:
        if (info.context or {}).get("stored"):
            return self
        labels: dict[str, str] = {}
        for choice in self.choices:
            key = choice.hotkey
            if key in RESERVED_KEYS:
                wrong = "is one that the labelling page itself has"
            elif key.isspace():
                wrong = "is no sign that one could print on a button"
            elif key in labels:
                wrong = f"is that of the label “{labels[key]}” already"
            else:
                if key:
                    labels[key] = choice.value
                continue
            raise ValueError(
                f"field {self.name}: the hotkey “{key}” of the label “{choice.value}” {wrong}; take another, or none for a digit. "
                f"Reserved are {' '.join(sorted(RESERVED_KEYS))}"
            )
        return self

    @property
    def heading(self) -> str:
        return self.title or self.name.replace("_", " ").capitalize()

    @property
    def labels(self) -> list[str]:
        return [choice.value for choice in self.choices]

    @property
    def scale(self) -> Sequence[Any]:
        """All possible values in order: a choice's labels, or a rating's steps. Empty for other kinds."""
        return RATINGS if self.kind == "rating" else self.labels if self.kind == "choice" else ()

    def hotkeys(self) -> dict[str, str]:
        """Value → key of a choice: the one asked for, else the next free digit, of which there are nine; a rating's steps have their own.
        A reserved key, or one given twice, is in old revisions only: it counts as none."""
        if self.kind == "rating":
            return {str(step): str(step) for step in RATINGS}
        labels: dict[str, str] = {}
        for choice in self.choices:
            if choice.hotkey and choice.hotkey not in RESERVED_KEYS:
                labels.setdefault(choice.hotkey, choice.value)
        keys = {value: key for key, value in labels.items()}
        free = iter(digit for digit in "123456789" if digit not in labels)
        for choice in self.choices:
            if choice.value not in keys and (digit := next(free, "")):
                keys[choice.value] = digit
        return keys


class TaskSpec(Value):
    """Everything that a task revision freezes. Its hash covers all of it."""

    inputs: tuple[InputColumn, ...] = Field(min_length=1)
    fields: tuple[TaskField, ...] = Field(min_length=1)
    system: str = ""
    user: str
    codec: Literal["plain", "lines", "json"] = "lines"
    guidelines: str = ""
    max_new_tokens: int = Field(default=64, ge=1, le=4096)

    @model_validator(mode="after")
    def _hangs_together(self) -> TaskSpec:
        inputs = [column.name for column in self.inputs]
        names = [field.name for field in self.fields]
        if len(set(inputs)) < len(inputs):
            raise ValueError("two inputs have the same name")
        if len(set(names)) < len(names):
            raise ValueError("two fields have the same name")
        used = set(PLACEHOLDER.findall(self.system + self.user))
        if unknown := used - set(inputs):
            raise ValueError(f"the prompt names {{{min(unknown)}}}, which is no input; inputs are {', '.join(inputs)}")
        if not used:
            raise ValueError(f"the prompt never names an input; write {{{inputs[0]}}} where the ticket's text belongs")
        if self.codec == "plain" and len(names) != 1:
            raise ValueError("the plain codec is one field; use lines or json for several")
        if self.codec == "lines":
            for field in self.fields[:-1]:
                if field.kind == "spans":
                    raise ValueError(
                        f"field {field.name}: spans cannot stand in the lines codec before the last field; use json"
                    )
        for field in self.fields:
            if field.condition:
                asked = self.field_named(field.condition.field)
                if asked.kind != "choice" or field.condition.equals not in asked.labels:
                    raise ValueError(f"field {field.name}: its condition names no choice of {field.condition.field}")
                if names.index(asked.name) >= names.index(field.name):
                    raise ValueError(f"field {field.name}: its condition must name an earlier field")
        return self

    def field_named(self, name: str) -> TaskField:
        """Raises ValueError with the names that exist."""
        for field in self.fields:
            if field.name == name:
                return field
        raise ValueError(f"{name!r} is not a field; fields are {', '.join(field.name for field in self.fields)}")

    @property
    def choice_fields(self) -> list[TaskField]:
        return [field for field in self.fields if field.kind == "choice"]

    @property
    def main_field(self) -> TaskField:
        """What of an answer people read and rate: the last text, else the last choice, else the last field."""
        return (self.text_fields or self.choice_fields or list(self.fields))[-1]

    @property
    def text_fields(self) -> list[TaskField]:
        return [field for field in self.fields if field.kind == "text"]

    def is_asked(self, field: TaskField, values: dict[str, Any]) -> bool:
        return field.condition is None or values.get(field.condition.field) == field.condition.equals

    def content_hash(self) -> str:
        return digest(self.model_dump(mode="json"))


def canonical(value: Any) -> str:
    """Canonical JSON: keys sorted, no spaces, every string NFC. Hashes are of this form; a golden test holds it."""
    return json.dumps(_nfc(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, 64 hex digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def _nfc(value: Any) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, dict):
        return {_nfc(key): _nfc(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_nfc(item) for item in value]
    return value
