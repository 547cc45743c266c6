"""Label Studio's JSON: tasks with their inputs under "data" and what people answered under "annotations".

A row an annotation, as in Label Studio's own tables; a task that nobody answered (or only skipped) is one row without answers.

    data.KEY                 → KEY
    a control's result       → the control's name, or answer.NAME where an input is called so
    task's id, meta, predictions, annotation's id, completed_by, … → task.KEY, annotation.KEY

A choice, text, rating or number stands as it is, several as a list. Regions of plain text become [{"start", "end", "label"}] in
code points (Label Studio counts UTF-16 units); other regions stay as they are. Of a list of one the file can't tell whether it
is one, so it comes as its element. Left out: counts and times that Label Studio keeps for itself.

Sources: labelstud.io/guide/task_format, labelstud.io/guide/export; files of Label Studio itself are in the tests.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import quoteattr

from annotation.formats.foreign_exports import Unfit, answer_column, read_export
from annotation.formats.json import write_json
from annotation.formats.rows import MAX_FIELD, MAX_RECORD, Format, FormatError, Output, Reader, Record

_OF_TASK = ("id", "meta", "predictions")
_OF_ANNOTATION = ("id", "completed_by", "created_at", "updated_at", "lead_time", "ground_truth")
_RELATIONS = "annotation.relations"
_TOLD = frozenset([_RELATIONS, *(f"task.{key}" for key in _OF_TASK), *(f"annotation.{key}" for key in _OF_ANNOTATION)])
_ANSWERED = ("annotations", "completions", "predictions")
_CONTROLS = {
    "choice": "choices",
    "multi": "choices",
    "text": "textarea",
    "number": "number",
    "rating": "rating",
    "spans": "labels",
}
"""The control of Label Studio for each kind of answer."""


# ------------------------------------------------------------------------------------------------------------ reading
def read_label_studio(
    path: Path,
    *,
    encoding: str | None = None,
    required: Sequence[str] = (),
    nested: bool = False,
    max_field: int = MAX_FIELD,
    max_record: int = MAX_RECORD,
) -> Reader:
    """Open an export ("JSON", not "JSON-MIN", which is a plain list), or a file of tasks to be imported; options as for JSON Lines.

    A task without "data" is a row error.
    """
    return read_export(
        path,
        "label-studio",
        _rows,
        encoding=encoding,
        required=required,
        nested=nested,
        max_field=max_field,
        max_record=max_record,
    )


def _is_task(first: Record) -> bool:
    return isinstance(first.get("data"), dict) and (
        any(isinstance(first.get(key), list) for key in _ANSWERED) or first.keys() <= {"id", "data", "meta"}
    )


def _rows(task: Record) -> Iterator[dict[str, object]]:
    data = task.get("data")
    if not isinstance(data, dict):
        raise Unfit("data", 'a task of Label Studio has its inputs as an object under "data"')
    annotations = _objects(task.get("annotations", task.get("completions")), "annotations")
    told = _told(task, _OF_TASK, "task")
    predictions = task.get("predictions")
    if isinstance(predictions, list) and all(isinstance(one, int) for one in predictions):
        told.pop("task.predictions", None)  # an export names predictions by their numbers there, which say nothing here
    shared = {**data, **{key: value for key, value in told.items() if key not in data}}
    given = [one for one in annotations if not (one.get("was_cancelled") or one.get("skipped"))]
    for annotation in given:
        yield {**shared, **_answers(annotation, data), **_told(annotation, _OF_ANNOTATION, "annotation")}
    if not given:
        yield shared


def _told(source: Record, keys: Sequence[str], prefix: str) -> dict[str, object]:
    """What is said under some keys; nothing of empty ones."""
    said = {key: source[key] for key in keys if source.get(key) is not None and source[key] is not False}
    return {f"{prefix}.{key}": value for key, value in said.items() if value not in ({}, [])}


def _objects(given: object, field: str) -> list[dict[str, object]]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise Unfit(field, "a list of objects was expected")
    return given


def _answers(annotation: Record, data: Record) -> dict[str, object]:
    """The answers of one annotation by their columns; results without a control are relations between its regions."""
    by_control: dict[str, list[dict[str, object]]] = {}
    relations = []
    for result in _objects(annotation.get("result"), "annotations"):
        if isinstance(name := result.get("from_name"), str):
            by_control.setdefault(name, []).append(result)
        else:
            relations.append(result)
    answers = {answer_column(name, data): _answer(results, data) for name, results in by_control.items()}
    return {**answers, _RELATIONS: relations} if relations else answers


def _answer(results: list[dict[str, object]], data: Record) -> object:
    parts: list[object] = []
    for result in results:
        value = result.get("value")
        if not isinstance(value, dict):
            parts.append(value)
        elif (spans := _spans(value, str(result.get("type")), data)) is not None:
            parts += spans
        elif len(value) == 1:
            [inner] = value.values()
            parts += inner if isinstance(inner, list) else [inner]
        else:
            parts.append(value)
    is_region = any(isinstance(part, dict) and "start" in part for part in parts)
    return parts[0] if len(parts) == 1 and not is_region else parts


def _spans(value: dict[str, object], control: str, data: Record) -> list[object] | None:
    """A region of plain text as one span per label; None for any other value."""
    start, end, labels, text = value.get("start"), value.get("end"), value.get(control), value.get("text")
    if not (isinstance(start, int) and isinstance(end, int) and isinstance(labels, list)):
        return None
    if isinstance(text, str):
        start, end = _in_code_points(start, end, text, data)
    return [{"start": start, "end": end, "label": label} for label in labels]


def _in_code_points(start: int, end: int, text: str, data: Record) -> tuple[int, int]:
    """Offsets of a browser, in UTF-16 units, as code points; as they are where they fit so or nothing fits."""
    inputs = [one for one in data.values() if isinstance(one, str)]
    if end - start == len(text) and any(one[start:end] == text for one in inputs):
        return start, end
    wanted = text.encode("utf-16-le", "surrogatepass")
    for one in inputs:
        units = one.encode("utf-16-le", "surrogatepass")
        if 2 * (end - start) == len(wanted) and units[2 * start : 2 * end] == wanted:
            first = len(units[: 2 * start].decode("utf-16-le", "surrogatepass"))
            return first, first + len(text)
    return start, end


# ------------------------------------------------------------------------------------------------------------ writing
def write_label_studio(
    output: Output, records: Iterable[Record], *, answers: Mapping[str, str] | None = None, to_name: str | None = None
) -> int:
    """Write a task a record, as Label Studio imports them; read back, they are the same rows.

    answers: column → kind (choice, multi, text, number, rating, spans) of what people answered; the other columns are inputs,
    but for `task.KEY` and `annotation.KEY`, which go where the reader found them. Records that follow each other and have the
    same task.id become one task. to_name: the name of the text that was answered on, by default the first input.
    A record with an object under "data" is taken for a task and written as it is.

    Label Studio shows answers whose controls its project has: see `labeling_config`. Raises FormatError for an unknown kind
    and an answer that is none of its kind.
    """
    kinds = dict(answers or {})
    if unknown := set(kinds.values()) - _CONTROLS.keys():
        raise FormatError(f"“{min(unknown)}” is not a kind of answer; kinds are {', '.join(_CONTROLS)}.")
    numbered = enumerate(records, start=1)
    written = 0

    def tasks() -> Iterator[Record]:
        nonlocal written
        for _, group in groupby(numbered, key=_same_task):
            rows = list(group)
            written += len(rows)
            yield _task(rows, kinds, to_name)

    write_json(output, tasks())
    return written


def _same_task(numbered: tuple[int, Record]) -> tuple[str, object]:
    number, record = numbered
    identifier = record.get("task.id")
    return ("row", number) if identifier is None else ("task", json.dumps(identifier, default=str))


def _task(rows: list[tuple[int, Record]], kinds: Mapping[str, str], to_name: str | None) -> Record:
    number, first = rows[0]
    if isinstance(first.get("data"), Mapping):
        return first
    data = {key: value for key, value in first.items() if key not in kinds and key not in _TOLD}
    target = to_name or next(iter(data), "text")
    annotations = [made for place, row in rows if (made := _annotation(row, place, kinds, data, target))]
    return {"id": number, "data": data, "annotations": annotations, "predictions": [], **_back(first, _OF_TASK, "task")}


def _back(row: Record, keys: Sequence[str], prefix: str) -> dict[str, object]:
    """What the reader put under `prefix.KEY`."""
    return {key: _parsed(row[f"{prefix}.{key}"]) for key in keys if row.get(f"{prefix}.{key}") is not None}


def _parsed(value: object) -> object:
    """A list or an object that stands as JSON text; any other value as it is."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _annotation(row: Record, number: int, kinds: Mapping[str, str], data: Record, target: str) -> Record | None:
    results: list[object] = []
    for column, kind in kinds.items():
        answer = row.get(column)
        if answer is None or answer == "" or answer == []:
            continue
        control = {
            "from_name": column.removeprefix("answer."),
            "to_name": target,
            "type": _CONTROLS[kind],
            "origin": "manual",
        }
        try:
            values = _values(kind, answer, data.get(target))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise FormatError(
                f"Record {number}: “{column}” cannot be written as {kind}: {str(answer)[:80]!r} ({error})."
            ) from error
        results += [
            {"id": f"{column}-{number}-{place}", **control, "value": value} for place, value in enumerate(values)
        ]
    if isinstance(relations := _parsed(row.get(_RELATIONS)), list):
        results += relations
    told = _back(row, _OF_ANNOTATION, "annotation")
    if not results and not told:
        return None
    # What is imported counts as ground truth there, unless it is said that it does not.
    return {"was_cancelled": False, "ground_truth": False, **told, "result": results}


def _values(kind: str, answer: object, text: object) -> list[dict[str, object]]:
    """The values of an answer's results: one, or one per span."""
    if kind in ("multi", "spans"):
        answer = _parsed(answer)
    if kind == "choice":
        return [{"choices": [str(answer)]}]
    if kind == "multi":
        return [{"choices": [str(one) for one in answer] if isinstance(answer, list) else [str(answer)]}]
    if kind == "text":
        return [{"text": [str(answer)]}]
    if kind == "rating":
        return [{"rating": int(str(answer))}]
    if kind == "number":
        return [{"number": answer if isinstance(answer, int | float) else float(str(answer))}]
    if not isinstance(answer, list):
        raise ValueError("a list of spans was expected")
    return [_region(span, text) for span in answer]


def _region(span: dict[str, object], text: object) -> dict[str, object]:
    start, end, label = span["start"], span["end"], span["label"]
    if not (isinstance(start, int) and isinstance(end, int)):
        raise ValueError('each span is {"start", "end", "label"}')
    if not isinstance(text, str):
        return {"start": start, "end": end, "labels": [label]}
    before, inside = (len(part.encode("utf-16-le", "surrogatepass")) // 2 for part in (text[:start], text[start:end]))
    return {"start": before, "end": before + inside, "text": text[start:end], "labels": [label]}


def labeling_config(inputs: Sequence[str], answers: Mapping[str, str], labels: Mapping[str, Sequence[str]]) -> str:
    """The labeling configuration of a project that shows what `write_label_studio` writes: each input as a text, each answer's control.

    answers: column → kind, as there; labels: column → the labels of choice, multi and spans. Controls refer to the first input.
    """
    lines = [f"  <Text name={quoteattr(name)} value={quoteattr('$' + name)}/>" for name in inputs]
    for column, kind in answers.items():
        heads = {
            "choice": '<Choices choice="single"',
            "multi": '<Choices choice="multiple"',
            "text": "<TextArea",
            "number": "<Number",
            "rating": "<Rating",
            "spans": "<Labels",
        }
        head = f"{heads[kind]} name={quoteattr(column.removeprefix('answer.'))} toName={quoteattr(inputs[0])}"
        item = "Label" if kind == "spans" else "Choice"
        inner = "".join(f"<{item} value={quoteattr(label)}/>" for label in labels.get(column, ()))
        lines.append(f"  {head}>{inner}</{heads[kind][1:].split()[0]}>")
    return "\n".join(["<View>", *lines, "</View>"])


FORMAT = Format(
    "label-studio",
    "Tasks with their annotations, one JSON list (Label Studio)",
    read=read_label_studio,
    write=write_label_studio,
    choices=("encoding",),
    ending=".json",
    takes="answers",
    recognises=_is_task,
)
