"""JSON objects as rows: exact numbers, no doubled keys, no text that can't be stored; and values as cells of text."""

import json
import re

from annotation.formats.rows import MAX_FIELD, FormatError, Row, RowError, row_error
from annotation.texts import problems

# JSON has numbers of any size, but a float has 17 digits and PostgreSQL's bigint 19: what would change is kept as text.
_EXACT_DIGITS = 18
_LEAST: int = -(10 ** (_EXACT_DIGITS - 1))  # a minus is a digit, too
_MOST: int = 10**_EXACT_DIGITS
ESCAPED_DEFECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


class ObjectParser:
    """Parses JSON values one by one and remembers what is wrong with the last one."""

    def __init__(self) -> None:
        self._fault: str | None = None
        self._is_exact = True
        # Nearly all integers are short, and C makes them; only a value with a long one is parsed once more, digit by digit.
        self._quick = json.JSONDecoder(
            object_pairs_hook=self._object, parse_float=_decimal, parse_constant=self._constant
        )
        self._exact = json.JSONDecoder(
            object_pairs_hook=self._object, parse_int=_whole, parse_float=_decimal, parse_constant=self._constant
        )

    def parse(self, text: str, start: int = 0) -> tuple[object, int, str | None]:
        """The value at `start`, where it ends, and the fault in it (a doubled key, NaN) or None.

        Raises json.JSONDecodeError where there is no JSON, RecursionError where it is nested too deeply.
        """
        self._fault, self._is_exact = None, True
        try:
            value, end = self._quick.raw_decode(text, start)
        except json.JSONDecodeError:
            raise
        except ValueError:  # Python makes no integer of more than some thousand digits
            self._is_exact = False
        if not self._is_exact:
            value, end = self._exact.raw_decode(text, start)
        return value, end, self._fault

    def _object(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        if len(made) != len(pairs):
            seen: set[str] = set()
            doubled = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            self._fault = f'the key "{doubled}" occurs twice in one object'
        for value in made.values():
            kind = type(value)
            if (kind is int or kind is list) and not is_exact(value):
                self._is_exact = False
        return made

    def _constant(self, name: str) -> None:
        self._fault = f"{name} is not a value of JSON; write null or text"


def first_object(text: str) -> dict[str, object] | None:
    """The object with which a list or lines of JSON begin; None where that is not an object, or not all there."""
    begin = text.find("{")
    if begin < 0 or text[:begin].strip(" \t\r\n["):
        return None
    try:
        value, _ = json.JSONDecoder(parse_int=str).raw_decode(text, begin)
    except (json.JSONDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_exact(value: object) -> bool:
    """Whether an integer, or every one in a list, is short enough to be kept as a number."""
    if isinstance(value, int):
        return _LEAST < value < _MOST
    return not isinstance(value, list) or all(map(is_exact, value))


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _EXACT_DIGITS else digits


def _decimal(digits: str) -> float | str:
    number = float(digits)
    if len(digits) <= 15 and "e" not in digits and "E" not in digits:
        return number
    # 0.1000 is 0.1, but 3.14159265358979323846 and 1e400 would come back as another number.
    written = json.dumps(number)
    return number if _significant(written) == _significant(digits) else digits


def _significant(digits: str) -> tuple[str, int] | str:
    """A decimal number as (its significant digits, exponent), equal for equal numbers however written."""
    match = re.fullmatch(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?", digits)
    if match is None:
        return digits  # Infinity
    sign, whole, fraction, exponent = match[1], match[2], match[3] or "", int(match[4] or 0)
    stripped = (whole + fraction).rstrip("0")
    power = exponent - len(fraction) + len(whole + fraction) - len(stripped)
    return sign + (stripped.lstrip("0") or "0"), power if stripped.lstrip("0") else 0


def row_of(
    value: object, number: int, raw: str, fault: str | None, *, nested: bool, max_field: int = MAX_FIELD
) -> Row | RowError:
    """A parsed value as a row, or why it cannot be one. `nested`: keep lists and objects instead of writing them as JSON text."""
    if fault is not None:
        return row_error(number, None, fault, raw)
    if not isinstance(value, dict):
        kind = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(type(value), "a number")
        return row_error(number, None, f'an object {{"column": value, …}} was expected, {kind} found', raw)
    if len(raw) > max_field or ESCAPED_DEFECT.search(raw):
        for key, inner in value.items():
            text = cell_text(inner)
            if reasons := problems(text, max_field) + [f"its name: {reason}" for reason in problems(key, max_field)]:
                return row_error(number, key.encode("utf-8", "backslashreplace").decode(), "; ".join(reasons), raw)
    if nested:
        return Row(number, value)
    flat = {key: cell_text(inner) if isinstance(inner, list | dict) else inner for key, inner in value.items()}
    return Row(number, flat)


def written_cell(value: object, number: int, column: str) -> str:
    """`cell_text` for a writer: FormatError names the record and the column whose value JSON can't hold (bytes, a date)."""
    try:
        return cell_text(value)
    except (TypeError, ValueError) as error:
        raise FormatError(f'Record {number}: the value of "{column}" can\'t be written as text: {error}.') from error


def cell_text(value: object) -> str:
    """A value as the text of a table's cell: None is empty, text itself, all else JSON (`true`, `1.5`, `["a"]`)."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False)
