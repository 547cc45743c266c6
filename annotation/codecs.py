"""Codecs: how the values of a task's fields are written as the model's completion, and read back out of what a model wrote.

Three members: `plain` (one field is itself), `lines` (`name: value`, fields in order, only the last may have several lines) and
`json`. For every set of values that `refuse_unparsable` lets pass, `parse(render(values)) == values` (a property test).

Parsing never guesses silently; it says per field
    ok         read as written
    recovered  a lone or last text field took the whole output because its header is missing, or a choice matched only after
               case, spaces and surrounding punctuation were set aside
    failed     nothing could be read: a failed choice counts as wrong for its true class, a text as `written` says

An optional field that was left out, or one that the other answers do not ask for, has no status.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from annotation import fieldvalues
from annotation.fieldvalues import UnparsableValue, check_value
from ftplatform.projects.spec import TaskField, TaskSpec

Status = Literal["ok", "recovered", "failed"]


@dataclass(frozen=True)
class Parsed:
    """values: only fields that could be read. status: every field that was asked."""

    values: dict[str, Any]
    status: dict[str, Status]


def render(spec: TaskSpec, values: dict[str, Any]) -> str:
    """The completion that the model should write for these values. Raises UnparsableValue."""
    refuse_unparsable(spec, values)
    return _render(spec, values)


def spans_of(spec: TaskSpec, values: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Field → [start, end) of its value in `render(spec, values)`, in code points. Fields without a value are absent."""
    if spec.codec == "json":
        return _json_spans(spec, values)
    spans: dict[str, tuple[int, int]] = {}
    at = 0
    for field in _asked(spec, values):
        if field.name not in values:
            continue
        text = fieldvalues.as_text(field, values[field.name])
        if spec.codec == "lines":
            at += len(f"{field.name}: ")
        spans[field.name] = (at, at + len(text))
        at += len(text) + 1
    return spans


@dataclass(frozen=True)
class ChoiceFrame:
    """What stands around a label at the beginning of a completion: with the ending in the likelihood, `tax` is not taken for
    the beginning of `tax and fees`. `labels`: the choice as it is written there → the value."""

    prefix: str
    labels: dict[str, str]
    ending: str
    end_of_turn: bool


def choice_frame(spec: TaskSpec, field: TaskField) -> ChoiceFrame:
    """How a model is asked for a field by constrained choice. Only the first field stands at a fixed place.

    Raises ValueError for a field that other answers come before, or that is no choice.
    """
    if field.kind != "choice" or spec.fields[0].name != field.name:
        raise ValueError(
            f"{field.name} is not a choice in the first place; constrained choice cannot tell what stands before it"
        )
    alone = len(spec.fields) == 1
    if spec.codec == "json":
        labels = {json.dumps(value, ensure_ascii=False)[1:-1]: value for value in field.labels}
        return ChoiceFrame(f'{{"{field.name}": "', labels, '"', end_of_turn=False)
    prefix = "" if spec.codec == "plain" else f"{field.name}: "
    return ChoiceFrame(prefix, {value: value for value in field.labels}, "" if alone else "\n", end_of_turn=alone)


def unframed_choices(spec: TaskSpec) -> list[TaskField]:
    """The choices that constrained choice cannot ask for, since other answers come before them."""
    return [field for field in spec.choice_fields if field.name != spec.fields[0].name]


def refuse_unparsable(spec: TaskSpec, values: dict[str, Any]) -> None:
    """Raises UnparsableValue when a value has the wrong type or would not parse back to itself."""
    known = {field.name for field in spec.fields}
    for name in values:
        if name not in known:
            raise UnparsableValue(name, f"{name} is not a field of this task; fields are {', '.join(sorted(known))}.")
    for field in _asked(spec, values):
        if field.name in values:
            check_value(field, values[field.name])
        elif field.required:
            raise UnparsableValue(field.name, f"{field.heading} is required.")
    for field in spec.fields:
        if field.name in values and not spec.is_asked(field, values):
            raise UnparsableValue(field.name, f"{field.heading} is not asked for these answers; leave it out.")
    back = parse(spec, _render(spec, values))
    for field in spec.fields:
        if field.name in values and back.values.get(field.name, _MISSING) != values[field.name]:
            raise UnparsableValue(field.name, _remedy(spec, field))
        if field.name not in values and field.name in back.values:
            raise UnparsableValue(
                field.name,
                f"Left out, {field.heading} would be read from another field's text; fill it in or reword that text.",
            )


def parse(spec: TaskSpec, output: str) -> Parsed:
    """Reads a model's output. Never raises."""
    reader = {"plain": _parse_plain, "lines": _parse_lines, "json": _parse_json}[spec.codec]
    texts, recovered = reader(spec, output)
    values: dict[str, Any] = {}
    status: dict[str, Status] = {}
    for field in spec.fields:
        if not spec.is_asked(field, values):
            continue
        if field.name not in texts:
            if field.required:
                status[field.name] = "failed"
            continue
        value, exact = fieldvalues.read(field, texts[field.name])
        if value is None:
            status[field.name] = "failed"
            continue
        values[field.name] = value
        status[field.name] = "ok" if exact and field.name not in recovered else "recovered"
    return Parsed(values, status)


def as_asked(field: TaskField) -> tuple[Status, ...]:
    """How a field stands in an answer that gave it as it was asked for. A choice is there whatever its case; a text that had to
    be taken out of the whole output is not, though its words count."""
    return ("ok",) if field.kind == "text" else ("ok", "recovered")


def written(spec: TaskSpec, name: str, values: dict[str, Any], output: str) -> str:
    """What an answer says in a text field, for scores and raters alike: what was read; all that was written where nothing at all could
    be read; else what was written and belongs to no other field, which is nothing where the field was left out (decision 018).

    values: those that `parse` read out of this output.
    """
    if name in values:
        return str(values[name])
    if not values:
        return output
    if parse(spec, output).status.get(name) != "failed":
        return ""
    return _other_value(spec, name, output) if spec.codec == "json" else _unclaimed(spec, output)


# ── writing ──

_MISSING = object()


def _asked(spec: TaskSpec, values: dict[str, Any]) -> list[TaskField]:
    return [field for field in spec.fields if spec.is_asked(field, values)]


def _render(spec: TaskSpec, values: dict[str, Any]) -> str:
    present = [field for field in _asked(spec, values) if field.name in values]
    if spec.codec == "json":
        return json.dumps({field.name: values[field.name] for field in present}, ensure_ascii=False)
    texts = [(field, fieldvalues.as_text(field, values[field.name])) for field in present]
    if spec.codec == "plain":
        return texts[0][1] if texts else ""
    return "\n".join(f"{field.name}: {text}" for field, text in texts)


def _json_spans(spec: TaskSpec, values: dict[str, Any]) -> dict[str, tuple[int, int]]:
    spans: dict[str, tuple[int, int]] = {}
    at = 1
    for field in _asked(spec, values):
        if field.name not in values:
            continue
        key = json.dumps(field.name) + ": "
        text = json.dumps(values[field.name], ensure_ascii=False)
        inner = 1 if text.startswith('"') else 0
        spans[field.name] = (at + len(key) + inner, at + len(key) + len(text) - inner)
        at += len(key) + len(text) + 2
    return spans


def _remedy(spec: TaskSpec, field: TaskField) -> str:
    if field.kind == "text" and spec.codec != "json":
        return (
            f"{field.heading} would not be read back as it is: it begins or ends with white space, has several lines without "
            "being the last field, or a line looks like another field's header. Change that, or use the json codec."
        )
    return f"{field.heading} would not be read back as it is; use the json codec for this task."


# ── reading ──


def _parse_plain(spec: TaskSpec, output: str) -> tuple[dict[str, Any], set[str]]:
    text = output.strip()
    return ({spec.fields[0].name: text} if text else {}), set()


def _parse_lines(spec: TaskSpec, output: str) -> tuple[dict[str, Any], set[str]]:
    """A text before the first header is set aside."""
    texts: dict[str, Any] = {}
    found = _headers(spec, output)
    for index, (field, _, begin) in enumerate(found):
        last = field.name == spec.fields[-1].name
        end = found[index + 1][1] if index + 1 < len(found) else len(output)
        text = output[begin:end]
        texts[field.name] = text.strip() if last else text.split("\n", 1)[0].strip()
    last_field = spec.fields[-1]
    recovered: set[str] = set()
    if last_field.kind == "text" and last_field.name not in texts:
        rest = output
        if found:
            rest = output[found[-1][2] :].partition("\n")[2]
        if rest.strip():
            texts[last_field.name] = rest.strip()
            recovered.add(last_field.name)
    return {name: text for name, text in texts.items() if text != "" or name not in recovered}, recovered


def _headers(spec: TaskSpec, output: str) -> list[tuple[TaskField, int, int]]:
    """(field, begin and end of its header): matched at line start, in the order of the fields, ignoring case."""
    found: list[tuple[TaskField, int, int]] = []
    at = 0
    for field in spec.fields:
        header = re.compile(rf"^[ \t]*{re.escape(field.name)}[ \t]*:[ \t]*", re.IGNORECASE | re.MULTILINE)
        if match := header.search(output, at):
            found.append((field, match.start(), match.end()))
            at = match.end()
    return found


def _unclaimed(spec: TaskSpec, output: str) -> str:
    """What stands under no header: before the first one, and after the one line of a field that is not the last."""
    pieces, at = [], 0
    for field, start, begin in _headers(spec, output):
        pieces.append(output[at:start])
        line = output.find("\n", begin)
        at = len(output) if line < 0 or field.name == spec.fields[-1].name else line
    pieces.append(output[at:])
    return "\n".join(piece.strip() for piece in pieces if piece.strip())


def _other_value(spec: TaskSpec, name: str, output: str) -> str:
    """What JSON holds under the name, where that is no text."""
    value = _parse_json(spec, output)[0].get(name)
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _parse_json(spec: TaskSpec, output: str) -> tuple[dict[str, Any], set[str]]:
    """The first JSON object in the output; what stands around it (a code fence, a remark) makes its fields `recovered`."""
    text = output.strip()
    begin = text.find("{")
    names = {field.name for field in spec.fields}
    while begin >= 0:
        try:
            value, end = json.JSONDecoder().raw_decode(text, begin)
        except (json.JSONDecodeError, RecursionError):
            begin = text.find("{", begin + 1)
            continue
        if isinstance(value, dict) and names & value.keys():
            clean = begin == 0 and end == len(text)
            kept = {name: item for name, item in value.items() if name in names}
            return kept, (set() if clean else set(kept))
        begin = text.find("{", begin + 1)
    last = spec.fields[-1]
    if last.kind == "text" and text and "{" not in text:
        return {last.name: text}, {last.name}
    return {}, set()
