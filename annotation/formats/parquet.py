"""Apache Parquet, through pyarrow (installed with `datasets`), batch by batch."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from annotation.formats.csv import columns_of
from annotation.formats.objects import cell_text, written_cell
from annotation.formats.rows import (
    MAX_FIELD,
    Detected,
    Format,
    FormatError,
    Output,
    Reader,
    Record,
    Row,
    RowError,
    require_columns,
    row_error,
)
from annotation.texts import problems

_BATCH = 1_000


def read_parquet(path: Path, *, required: Sequence[str] = (), max_field: int = MAX_FIELD) -> Reader:
    """Open a Parquet file; a row's number is its ordinal, from 1.

    Dates and times become ISO 8601, decimals their digits, lists and structs JSON text, NaN (pandas' missing number) None.
    Bytes are a row error. Raises FormatError for a damaged file or a missing column.
    """
    import pyarrow as pa  # slow to import, and few files are Parquet
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            columns = tuple(str(name) for name in file.schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise FormatError(f"{path.name} is not a Parquet file, or is damaged: {error}") from error
    if len(set(columns)) < len(columns):
        raise FormatError(f"{path.name} has two columns of the same name: {', '.join(columns)}. Rename one.")
    require_columns(path, columns, required)

    def iterate() -> Iterator[Row | RowError]:
        number = 0
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=_BATCH):
                    for values in batch.to_pylist():
                        number += 1
                        yield _row(number, values, max_field)
        except (pa.ArrowException, OSError) as error:
            raise FormatError(f"{path.name} can't be read beyond row {number}: {error}") from error

    return Reader(Detected("parquet", columns, counts="record"), iterate)


def _row(number: int, values: dict[str, Any], max_field: int) -> Row | RowError:
    row: dict[str, object] = {}
    for name, value in values.items():
        try:
            row[name] = plain = _plain(value)
        except TypeError as error:
            return row_error(number, name, str(error), str(values))
        if isinstance(plain, str) and (reasons := problems(plain, max_field)):
            return row_error(number, name, "; ".join(reasons), str(values))
    return Row(number, row)


def _plain(value: object) -> object:
    """A value of Arrow as one of JSON; TypeError where there is none."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, list | dict):
        return cell_text(_nested(value))
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    raise TypeError(f"it holds {type(value).__name__}, which is no text; convert the column to text")


def _nested(value: object) -> object:
    if isinstance(value, list):
        return [_nested(inner) for inner in value]
    if isinstance(value, dict):
        return {str(key): _nested(inner) for key, inner in value.items()}
    return _plain(value)


def write_parquet(output: Output, records: Iterable[Record], *, columns: Sequence[str] | None = None) -> int:
    """Write records, a row group a thousand; nested values stand as JSON text.

    Columns as for CSV; a column's type is that of its first value that is not None (text if there is none in the first
    thousand). A later value of another type raises FormatError.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    records, names = columns_of(records, columns)
    if not names:
        raise FormatError("There is nothing to write: no record has a column.")
    stream = iter(records)
    schema: Any = None
    writer: Any = None
    number = 0
    try:
        while (chunk := list(islice(stream, _BATCH))) or schema is None:
            rows = [
                {name: _flat(record.get(name), place, name) for name in names}
                for place, record in enumerate(chunk, start=number + 1)
            ]
            number += len(chunk)
            if schema is None:
                schema = _schema(rows, names)
                writer = pq.ParquetWriter(output, schema)
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))
    except (pa.ArrowException, UnicodeEncodeError, OverflowError) as error:
        raise FormatError(f"A value in or shortly before record {number} does not fit its column: {error}") from error
    finally:
        if writer is not None:
            writer.close()
    return number


def _flat(value: object, number: int, column: str) -> object:
    return written_cell(value, number, column) if isinstance(value, list | dict) else value


def _schema(rows: list[dict[str, object]], names: list[str]) -> Any:  # pyarrow has no types
    import pyarrow as pa

    types = {name: pa.array([row[name] for row in rows]).type for name in names}
    return pa.schema([(name, pa.string() if pa.types.is_null(kind) else kind) for name, kind in types.items()])


FORMAT = Format(
    "parquet",
    "A table in Apache Parquet",
    (".parquet", ".pq"),
    read_parquet,
    write_parquet,
    ending=".parquet",
    takes="table",
)
