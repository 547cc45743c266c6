"""What may be stored of what people type: values that are read back as they are, and text that PostgreSQL keeps."""

from collections.abc import Iterator
from typing import Any

from annotation import codecs, texts
from annotation.fieldvalues import UnparsableValue
from ftplatform.errors import Refused
from ftplatform.keepable import shown
from ftplatform.projects.spec import TaskSpec

MOST_CHARACTERS = 1_000_000
"""Of one text."""


def refuse_bad(spec: TaskSpec, values: dict[str, Any]) -> None:
    """Raises Refused at the field whose value could not be stored, or would not be read back from what a model learns to write."""
    try:
        codecs.refuse_unparsable(spec, values)
    except UnparsableValue as error:
        raise Refused("bad-value", str(error), field=error.field) from error
    for name, value in values.items():
        for problem in unstorable(value):
            raise Refused("bad-value", f"{name}: {problem}.", field=name)


def unstorable(value: Any) -> Iterator[str]:
    """Why a text anywhere in the value cannot be kept: NUL, half characters, excessive length."""
    if isinstance(value, str):
        yield from texts.problems(value, MOST_CHARACTERS)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from unstorable(name)
            yield from unstorable(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from unstorable(inner)


def plain(text: str) -> str:
    """A note or reason as it can be kept: ends stripped, NUL and half characters shown as such."""
    return shown(text).strip()
