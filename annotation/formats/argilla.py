"""Argilla's records: inputs under "fields", people's answers under "responses", models' under "suggestions".

Read are the files of `Dataset.to_disk` and `records.to_json` (2.x), and 1.x' feedback records, as a list or one per line. One row
per person who answered; a record that nobody answered is one row without answers.

    fields.KEY     → KEY
    a response     → the question's name, or answer.NAME where a field is called so; response.user_id says whose
    a suggestion   → NAME.suggestion, NAME.suggestion.score, NAME.suggestion.agent, as in Argilla's own tables
    metadata, vectors, id, status → metadata.KEY, vectors.KEY, record.id, record.status

Drafts and discarded answers of 1.x are no answers. Lists and objects (rankings, spans, chats) stand as JSON text.

Sources: docs.argilla.io, "Import and export datasets"; files of Argilla itself are in the tests.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from annotation.formats.foreign_exports import Unfit, answer_column, read_export
from annotation.formats.rows import MAX_FIELD, MAX_RECORD, Format, Reader, Record

_NO_ANSWER = ("draft", "discarded")


def read_argilla(
    path: Path,
    *,
    encoding: str | None = None,
    required: Sequence[str] = (),
    nested: bool = False,
    max_field: int = MAX_FIELD,
    max_record: int = MAX_RECORD,
) -> Reader:
    """Open a file of records; options as for JSON Lines. A record without "fields" is a row error."""
    return read_export(
        path,
        "argilla",
        _rows,
        encoding=encoding,
        required=required,
        nested=nested,
        max_field=max_field,
        max_record=max_record,
    )


def _is_record(first: Record) -> bool:
    return isinstance(first.get("fields"), dict) and "responses" in first and "suggestions" in first


def _rows(record: Record) -> Iterator[dict[str, object]]:
    fields = _object(record.get("fields"), "fields")
    beside = {
        **_suggested(record.get("suggestions")),
        **{f"metadata.{key}": value for key, value in _object(record.get("metadata") or {}, "metadata").items()},
        **{f"vectors.{key}": value for key, value in _object(record.get("vectors") or {}, "vectors").items()},
        **{f"record.{key}": record[key] for key in ("id", "external_id", "status") if record.get(key) is not None},
    }
    shared = {**fields, **{key: value for key, value in beside.items() if key not in fields}}
    answered = _answered(record.get("responses"))
    for user, answers in answered.items():
        named = {answer_column(question, fields): value for question, value in answers.items()}
        yield {**shared, **named, **({"response.user_id": user} if user else {})}
    if not answered:
        yield shared


def _object(given: object, field: str) -> Mapping[str, object]:
    if not isinstance(given, dict):
        raise Unfit(field, f'a record of Argilla has an object under "{field}"')
    return given


def _suggested(given: object) -> dict[str, object]:
    """Suggestions by their columns: of 2.x an object by question, of 1.x a list."""
    if isinstance(given, list):
        by_question = {str(one.get("question_name")): one for one in given if isinstance(one, dict)}
    else:
        by_question = {name: one for name, one in _object(given or {}, "suggestions").items() if isinstance(one, dict)}
    found: dict[str, object] = {}
    for question, suggestion in by_question.items():
        found[f"{question}.suggestion"] = suggestion.get("value")
        for key in ("score", "agent"):
            if suggestion.get(key) is not None:
                found[f"{question}.suggestion.{key}"] = suggestion[key]
    return found


def _answered(given: object) -> dict[str, dict[str, object]]:
    """The answers of each person, question by question: of 2.x an object by question, of 1.x a list by person."""
    found: dict[str, dict[str, object]] = {}
    if isinstance(given, list):
        for response in given:
            whole = _object(response, "responses")
            of_whom = {key: whole.get(key) for key in ("user_id", "status")}
            for question, answer in _object(whole.get("values") or {}, "responses").items():
                _add(found, question, {"value": _object(answer, "responses").get("value"), **of_whom})
    else:
        for question, answers in _object(given or {}, "responses").items():
            if not isinstance(answers, list):
                raise Unfit("responses", f'a list of answers was expected for the question "{question}"')
            for answer in answers:
                _add(found, question, _object(answer, "responses"))
    return found


def _add(found: dict[str, dict[str, object]], question: str, answer: Mapping[str, object]) -> None:
    if answer.get("status") not in _NO_ANSWER:
        found.setdefault(str(answer.get("user_id") or ""), {})[question] = answer.get("value")


FORMAT = Format(
    "argilla",
    "Records with responses and suggestions, JSON (Argilla)",
    read=read_argilla,
    choices=("encoding",),
    recognises=_is_record,
)
