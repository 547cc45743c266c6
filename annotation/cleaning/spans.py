"""Where a text is not prose: code, and what else is written for machines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

Span = tuple[int, int]


class Fence(NamedTuple):
    """A fenced code block from its opening line to its closing one; `body` is what stands between the two lines."""

    start: int
    end: int
    body_start: int
    body_end: int
    indent: str
    """What stands before the fence on its own line."""


# CommonMark 0.31, 4.5: a fence that nobody closes reaches to the end of the text.
_FENCE = re.compile(r"^([ \t]{0,12})(```+|~~~+)[^\n`]*\n(.*?)(?:^[ \t]*\2[`~]*[ \t\r]*$|\Z)", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)(`{1,2})(?!`)([^`\n]++)\1(?!`)")
_INDENTED = re.compile(r"(?:^(?: {4}|\t)[^\n]*\S[^\n]*(?:\n|\Z)){2,}", re.MULTILINE)
_LOOKS_LIKE_CODE = re.compile(
    r"[;{}]\s*$|^\s*(?:def |class |import |from \w+ import|return\b|if .*:$|for .*:$|SELECT |[\w.]+ ?=[^=]|\w+\(.*\)|</?\w|#include|@\w+|\$ )"
)

# What is written for machines, and a sign without which it cannot occur: the search for the sign is cheap. Where a word before the
# sign belongs to it too, it is left out: no rule touches a word next to "/" or "@".
_MACHINE = (
    ("://", re.compile(r"\b(?:https?|ftp|file|ssh|git)://[^\s<>\"]+")),
    ("www.", re.compile(r"\bwww\.[^\s<>\"]+")),
    ("@", re.compile(r"@[\w-]{1,63}(?:\.[\w-]{1,63})+")),
    (
        "/",
        re.compile(r"/(?:(?<![\w/]/)(?:[\w.@-]+/)*|(?<=[A-Za-z_.-]/)(?:[\w.@-]+/)+)[\w.@-]+"),
    ),  # /usr/lib, src/app/main.py
    (":\\", re.compile(r"\b[A-Za-z]:\\[^\s<>\"]+")),
    ("[", re.compile(r"\[[A-Z]{2,}(?:_[A-Z]+)*\]")),  # placeholders
    ("{", re.compile(r"\{\{?[\w .]+\}?\}")),  # template fields
    ("%", re.compile(r"%\(?\w+\)s")),
    ("<", re.compile(r"<[A-Za-z/!][^<>\n]{0,200}>")),
)

# Lines of code that nobody fenced. Only what prose hardly ever looks like, and only for rules of words and numbers: see `fixed`.
_CLAUSE = r"FROM|WHERE|AND|OR|(?:LEFT |RIGHT |INNER |OUTER |CROSS |FULL )*JOIN|ON|GROUP BY|ORDER BY|HAVING|LIMIT|OFFSET|SET|VALUES|UNION|RETURNING"
_SQL = re.compile(
    rf"\b(?:SELECT\s(?=[^;]{{0,400}}?\bFROM\s)|INSERT\s+INTO\s|UPDATE\s+[\w.\"`]+\s+SET\s|DELETE\s+FROM\s|"
    rf"(?:CREATE|ALTER|DROP|TRUNCATE)\s+(?:TABLE|VIEW|INDEX|DATABASE)\s|(?i:select\s+(?:\*|count\(\*\))\s+from\s))"
    rf"[^\n]*(?:\n[ \t]*(?:{_CLAUSE})\b[^\n]*)*"
)
_ENDS_LINE = r"[ \t]*+\r?$"
_VALUE = rf"(?:[\"'\[{{(]|-?\d[\w.]*[ \t]*;|[\w.]+[(\[]|[A-Za-z_][\w.]*+(?:[ \t]*(?:[-+*/%|&]|==)[ \t]*[\w.]++)*[ \t]*+;?{_ENDS_LINE})"
_CODE_LINE = re.compile(
    r"^[ \t]*+(?:"
    rf"[\w.\[\]]+[ \t]?[-+*/:|&]?=[ \t]?{_VALUE}"  # x = recieve(y)
    rf"|[\w.]+\([^\n]*\)[ \t]*+[;{{]?{_ENDS_LINE}|(?=[^\n]*[;{{]{_ENDS_LINE})[^\n]*?(?:\w\(|[ \t][-+*/]?=[ \t]|[-=]>)"  # recieve(x);
    r"|(?:const|let|var)[ \t]+\w+[ \t]*[=:;]"
    r"|(?:(?:static|public|private|protected|async|export|final)[ \t]+)+(?:[\w.<>\[\]]+[ \t]+)?\w+[ \t]*(?:\(|=[ \t])"
    r"|(?:def|function|func|fn|class|interface|struct)[ \t]+\w+[ \t]*[(:{<]"
    rf"|(?:if|for|while|switch|catch)\b(?=[^\n]*\{{{_ENDS_LINE})|(?:else|try|finally)[ \t]*[{{:]{_ENDS_LINE}"
    rf"|(?:if|elif|for|while)\b(?=[^\n]*:{_ENDS_LINE})[^\n]*?(?:[=!<>]=|\w[(\[])|for[ \t]+\w+[ \t]+in[ \t]+[\w.]+:{_ENDS_LINE}"
    rf"|import[ \t]+[\w.]+(?:[ \t]+as[ \t]+\w+|(?:[ \t]*,[ \t]*[\w.]+)+)?[ \t]*+;?{_ENDS_LINE}|import\b[^\n]*[ \t]from[ \t]+['\"]|#include\b"
    rf"|from[ \t]+[\w.]+[ \t]+import[ \t]+(?:[*(]|\w+(?:[ \t]*,[ \t]*\w+)*(?:[ \t]+as[ \t]+\w+)?{_ENDS_LINE})"
    r"|(?:\{[ \t]*+)?\"[\w.-]+\"[ \t]*:[ \t]"  # JSON
    r"|\$[ \t]+[a-z]|>>>[ \t]+[\w.]+(?:\(|[ \t]*=|[ \t]+\w+$)|(?:sudo|git|docker|kubectl|npm|pip|curl|apt|apt-get)[ \t][^\n]*[ \t]--?[A-Za-z]"  # a shell
    r"|at[ \t]+[\w.$<>]+\(|File[ \t]+\"[^\"\n]+\",[ \t]line[ \t]"  # a traceback
    r")[^\n]*",
    re.MULTILINE,
)
_SIGNS_OF_SQL = ("SELECT", "INSERT", "UPDATE", "DELETE", "TABLE", "VIEW", "INDEX", "DATABASE", "select ", "Select ")
_SIGNS_OF_CODE = ("(", "=", "{", '":', "$ ", ">>> ", "import ", " -", "#include", 'File "')


def fences(text: str) -> list[Fence]:
    """Fenced code blocks, in order."""
    if "```" not in text and "~~~" not in text:
        return []
    return [Fence(m.start(), m.end(), m.start(3), m.end(3), m[1]) for m in _FENCE.finditer(text)]


def code(text: str, fenced: list[Fence]) -> list[Span]:
    """Fenced blocks, code between backticks, and indented blocks that look like code; in order and apart."""
    found = [(fence.start, fence.end) for fence in fenced]
    if "`" in text:
        found += [m.span() for m in _INLINE.finditer(text)]
    if "    " in text or "\t" in text:
        found += [m.span() for m in _INDENTED.finditer(text) if _is_code(m[0])]
    return _merged(found)


def fixed(text: str, known_code: list[Span]) -> list[Span]:
    """Code, also single lines of it, web and mail addresses, paths, placeholders, template fields and tags; in order and apart."""
    found = [m.span() for sign, pattern in _MACHINE if sign in text for m in pattern.finditer(text)]
    if any(sign in text for sign in _SIGNS_OF_CODE):
        found += [m.span() for m in _CODE_LINE.finditer(text)]
    if any(word in text for word in _SIGNS_OF_SQL):
        found += [m.span() for m in _SQL.finditer(text)]
    return _merged([*known_code, *found]) if found else known_code


def _is_code(block: str) -> bool:
    lines = block.splitlines()
    return sum(_LOOKS_LIKE_CODE.search(line) is not None for line in lines) * 2 >= len(lines)


def _merged(found: Iterable[Span]) -> list[Span]:
    apart: list[Span] = []
    for start, end in sorted(found):
        if apart and start < apart[-1][1]:
            apart[-1] = (apart[-1][0], max(end, apart[-1][1]))
        else:
            apart.append((start, end))
    return apart
