"""Rows of a training file: rendered messages, the answer, and the weights of its parts."""

import hashlib
import math
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ftplatform.engines.events import EngineError

SHOWN_PROBLEMS = 20


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    role: Literal["system", "user", "assistant"]
    content: str


class Choice(BaseModel):
    """A place in the answer that holds one of several labels: [start, end) in code points of ``completion``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: str
    start: int
    end: int
    labels: Annotated[list[str], Field(min_length=1)]
    """As they would be written there, the right one among them."""


class Row(BaseModel):
    """One example to learn.

    ``spans`` are (start, end, weight) in code points of ``completion``, end exclusive: a token that shares a
    character with a span carries its weight in the loss, every other token of the answer weighs 1. An empty
    ``completion`` is a row that cannot be trained on; the render tells it beside the rows that are too long.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: str
    messages: Annotated[list[Message], Field(min_length=1)]
    completion: str
    spans: list[tuple[int, int, float]] = Field(default_factory=list)
    choices: list[Choice] = Field(default_factory=list)
    """Only looked at in validation rows: whether the model would choose right is told at each evaluation."""

    @model_validator(mode="after")
    def _the_model_speaks_next(self) -> Self:
        if self.messages[-1].role == "assistant":
            raise ValueError("the last message is the assistant's: the answer to learn belongs in completion")
        return self

    @model_validator(mode="after")
    def _spans_lie_in_the_answer(self) -> Self:
        last = 0
        for start, end, weight in sorted(self.spans):
            if not 0 <= start < end <= len(self.completion):
                raise ValueError(f"span {start}–{end} lies outside the answer of {len(self.completion)} characters")
            if start < last:
                raise ValueError(f"span {start}–{end} overlaps the one before it")
            if not (math.isfinite(weight) and weight >= 0):
                raise ValueError(f"weight {weight} of span {start}–{end} is not a number of at least 0")
            last = end
        return self

    @model_validator(mode="after")
    def _choices_stand_in_the_answer(self) -> Self:
        for choice in self.choices:
            if self.completion[choice.start : choice.end] not in choice.labels:
                raise ValueError(f"what stands at {choice.start}–{choice.end} is not a label of {choice.name}")
        return self


def read_rows(path: Path) -> list[Row]:
    """The rows of a JSONL file, in its order. EngineError ``rows`` names the line of each bad row."""
    rows: list[Row] = []
    problems: list[dict[str, object]] = []
    seen: set[str] = set()
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise EngineError("rows", f"The rows in {path} cannot be read: {error}") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = Row.model_validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            problems.append({"row": number, "field": where, "message": first["msg"]})
            continue
        if row.id in seen:
            problems.append({"row": number, "field": "id", "message": f"id {row.id!r} stands twice"})
            continue
        seen.add(row.id)
        rows.append(row)
    if problems:
        told = "; ".join(f"line {problem['row']} {problem['field']}: {problem['message']}" for problem in problems[:3])
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise EngineError("rows", f"{path}: {told}{more}", errors=problems[:SHOWN_PROBLEMS])
    if not rows:
        raise EngineError("rows", f"{path} holds no row")
    return rows


def data_hash(*files: Path | None) -> str:
    """sha256 over the bytes of the rows files, in this order; an absent file counts as such."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(b"-" if file is None else hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()
