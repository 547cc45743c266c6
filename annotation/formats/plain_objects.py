"""Many flat JSON objects at once: where no line of a block needs a second look, the parser in C goes over all of them.

Exactly what the slow way (`objects.ObjectParser`, line by line) gives, or nothing: with any doubt the block is read the slow way.
The lines are joined to one list where one ends with `}` and the next begins with `{`. If then there are as many elements as lines,
and as many objects in all, none holds another, so none went over the end of its line.
"""

import json
from itertools import chain

from annotation.formats.objects import ESCAPED_DEFECT, is_exact

_PLAIN = {str, int, bool, type(None)}  # of a float only its text tells whether it is exact


class _Objects:
    """Makes objects of their pairs, counts them, and remembers whether a key was there twice."""

    def __init__(self) -> None:
        self.count = 0
        self.doubled = False

    def __call__(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        made = dict(pairs)
        self.count += 1
        if len(made) != len(pairs):
            self.doubled = True
        return made


def plain_objects(text: str) -> list[dict[str, object]] | None:
    """The objects of whole lines, one a line; None where anything is not plain: nested, blank, faulty, a long number."""
    end = "\r\n" if text.endswith("\r\n") else "\n"
    body = text.removesuffix(end)
    if not (body.startswith("{") and body.endswith("}")) or ("\\u" in body and ESCAPED_DEFECT.search(body)):
        return None
    objects = _Objects()
    try:
        values = json.JSONDecoder(object_pairs_hook=objects).decode(f"[{body.replace('}' + end + '{', '},{')}]")
    except (ValueError, RecursionError):  # no JSON, or a number of thousands of digits
        return None
    if objects.doubled or not objects.count == len(values) == body.count(end) + 1:
        return None
    kinds = set(map(type, chain.from_iterable(map(dict.values, values))))
    if not kinds <= _PLAIN or (int in kinds and not _are_exact(values)):
        return None
    return values  # type: ignore[no-any-return]  # the decoder says Any


def _are_exact(values: list[dict[str, object]]) -> bool:
    whole = [value for value in chain.from_iterable(map(dict.values, values)) if type(value) is int]
    return is_exact(min(whole)) and is_exact(max(whole))
