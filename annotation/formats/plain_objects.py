"""Many flat JSON objects at once: where no line of a block needs a second look, the parser in C goes over all of them.

Exactly what the slow way (`objects.ObjectParser`, line by line) gives, or nothing: with any doubt the block is read the slow way.

The lines become one list where each ends with `}` and the next begins with `{`. No line holds two objects, so there are at most as
many as lines, and as many only if each line is one. That no key stands twice is counted, since asking for each object's pairs would
take three quarters of the time: as many keys as in the objects are followed by a colon in the text.
"""

import json
import re
from itertools import chain

from annotation.formats.objects import ESCAPED_DEFECT, is_exact

_PLAIN = {str, int, bool, type(None)}  # of a float only its text tells whether it is exact
_TWO_ON_A_LINE = re.compile(r"\}[ \t\r\n]*,[ \t\r\n]*\{")
_COLON_APART = re.compile(r'"[ \t\r\n]+:')


def plain_objects(text: str) -> list[dict[str, object]] | None:
    """The objects of whole lines, one per line; None where anything is not plain: nested, blank, faulty, a long number."""
    end = "\r\n" if text.endswith("\r\n") else "\n"
    body = text.removesuffix(end)
    if not _is_a_list_of_lines(body, end) or ("\\u" in body and ESCAPED_DEFECT.search(body)):
        return None
    try:
        values: list[dict[str, object]] = json.loads(f"[{body.replace('}' + end + '{', '},{')}]")
    except (ValueError, RecursionError):  # no JSON, or a number of thousands of digits
        return None
    if len(values) != body.count("\n") + 1 or set(map(type, values)) != {dict} or _may_double_a_key(values, body):
        return None
    kinds = set(map(type, chain.from_iterable(map(dict.values, values))))
    if not kinds <= _PLAIN or (int in kinds and not _are_exact(values)):
        return None
    return values


def _is_a_list_of_lines(body: str, end: str) -> bool:
    """Whether each line looks like an object, and objects are parted by line ends alone."""
    ends = body.count("}" + end + "{")
    return (
        body.startswith("{")
        and body.endswith("}")
        and body.count("\n") == ends
        and body.count("\r") == (ends if end == "\r\n" else 0)
        and not _TWO_ON_A_LINE.search(body)
    )


def _may_double_a_key(values: list[dict[str, object]], body: str) -> bool:
    """Whether the text may hold more keys than the objects have.

    A quote before a colon ends a key, unless it is an escaped one within a text (a key that ends with a backslash looks like that,
    too) or begins a text whose first character is the colon: such a text makes it look like more, so the answer errs to yes.
    """
    colons = body.count('":') - (escaped := body.count('\\":'))
    if colons != sum(map(len, values)) or _COLON_APART.search(body):
        return True
    return escaped > 0 and any(key.endswith("\\") for key in chain.from_iterable(values))


def _are_exact(values: list[dict[str, object]]) -> bool:
    whole = [value for value in chain.from_iterable(map(dict.values, values)) if type(value) is int]
    return is_exact(min(whole)) and is_exact(max(whole))
