"""What somebody else wrote earlier in the thread: quoted lines, and all below the header of an older message."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from annotation.cleaning.edits import apply_changes
from annotation.cleaning.rule import Change, Look, Rule
from annotation.cleaning.text import Text

_ORIGINAL = (
    r"original message|original appointment|mensaje original|ursprüngliche nachricht|originalnachricht|"
    r"message d['’]origine|message original|ursprungligt meddelande|originalmeddelande|reply above this line"
)
_DIVIDER = re.compile(
    rf"^[ \t]*[-_=*#]{{2,40}}[ \t]*(?:{_ORIGINAL})[ \t]*[-_=*#]{{0,40}}[ \t\r]*$", re.MULTILINE | re.IGNORECASE
)

# Outlook and webmail: three fields of a header, one per line. The first is who wrote.
_FIELD = r"(?:[ \t]|\*){0,4}"
_WHO = r"from|von|de|från"
_REST = r"sent|to|cc|bcc|subject|date|reply-to|gesendet|an|betreff|datum|enviado(?: el)?|fecha|para|asunto|envoyé|date|à|objet|skickat|till|ämne|kopia"
_HEADER = re.compile(
    rf"(?:^[ \t]*_{{10,80}}[ \t\r]*\n\s*)?^{_FIELD}(?:{_WHO}){_FIELD}[ \u00a0]?:[^\n]+\n(?:^{_FIELD}(?:{_REST}){_FIELD}[ \u00a0]?:[^\n]*(?:\n|\Z)){{2,}}",
    re.MULTILINE | re.IGNORECASE,
)

# "On Tue, 5 Mar 2024 at 10:00, Ann <a@b.se> wrote:", over up to three lines, with all that it introduces below. Right before
# quoted lines the words that say who wrote them may be others, and only those lines are quoted: answers may stand between.
_VERBS = "wrote|escribió|a écrit|skrev|schrieb"
_BEGINS = r"[ \t]*(?:on|el|le|den|am)\b"
_WROTE = re.compile(
    rf"^{_BEGINS}[^\n]{{0,40}}\d[^\n]{{4,200}}(?:\n(?!\s*>)[^\n]{{1,120}}){{0,2}}?(?:{_VERBS})[^\n]{{0,80}}[ \u00a0]?:[ \t\r]*$(?!\s*\n[ \t]*>)",
    re.MULTILINE | re.IGNORECASE,
)
_INTRODUCES = re.compile(
    rf"{_BEGINS}[^\n]*\d[^\n]*(?<![.!?:])\n.*\b(?:{_VERBS})\b.*|[^\n]*\b(?:{_VERBS})\b[^\n]*|[^\n]*\d[^\n]*@[^\n]*",
    re.DOTALL | re.IGNORECASE,
)
_LONGEST_INTRODUCTION = 400
_QUOTED = re.compile(r"(?:^[ \t]*>(?!>> )(?![ \t]?\d)[^\n]*(?:\n|\Z))+", re.MULTILINE)  # > 50 m² is no quote
_FORWARDED = re.compile(
    r"forwarded message|weitergeleitete nachricht|mensaje reenviado|message transféré|vidarebefordrat", re.IGNORECASE
)
_SAYS_WROTE = ("wrote", "escribió", "schrieb", "écrit", "skrev")  # without one of which nobody did


def prepare() -> Look:
    """Takes out lines quoted with ">", with the line that says who wrote them, and all below "-----Original Message-----",
    "On … wrote:" or the header of an older message, in five languages. Answers between quoted lines stay, and so does a message
    that is nothing but quotes."""
    return _look


def _look(text: Text) -> Sequence[Change]:
    value = text.value
    if "\n" not in value:
        return ()
    end = _older_message(text)
    found: list[Change] = []
    if ">" in value:
        for match in _lines(_QUOTED, value, end):
            start = _introduction(value, match.start(), found[-1].end if found else 0)
            if not text.in_code(start, match.end()):
                found.append(Change(start, match.end(), ""))
    if end < len(value):
        found.append(Change(end, len(value), ""))
    return found if found and any(map(str.isalnum, apply_changes(value, found))) else ()


def _older_message(text: Text) -> int:
    """Where the older message begins that the rest of the text is; the text's length where there is none."""
    value = text.value
    first = len(value)
    for pattern in (_DIVIDER, _HEADER, _WROTE) if text.says(_SAYS_WROTE) else (_DIVIDER, _HEADER):
        match = next(_lines(pattern, value, len(value)), None)
        if match and not text.in_code(*match.span()):
            first = min(first, match.start())
    if first < len(value) and _FORWARDED.search(value, max(0, first - 200), first):
        return len(value)  # what was forwarded is what the message is about
    return first


def _lines(pattern: re.Pattern[str], value: str, end: int) -> Iterator[re.Match[str]]:
    """Matches that begin a line, one after the other: sooner than a search with ^, which tries every sign."""
    start = 0
    while start < end:
        match = pattern.match(value, start, end)
        if match:
            yield match
        line_end = value.find("\n", match.end() - 1 if match else start, end)
        start = line_end + 1 if line_end >= 0 else end


def _introduction(value: str, quoted: int, free: int) -> int:
    """Where the line begins that says who wrote what is quoted from `quoted` on, or `quoted` itself. It has up to three lines,
    and none before `free`."""
    least = max(free, quoted - _LONGEST_INTRODUCTION)
    line_end = len(value[least:quoted].rstrip()) + least
    if not value.endswith(":", least, line_end):
        return quoted
    introduction, start = quoted, line_end
    for _ in range(3):
        newline = value.rfind("\n", least, start)
        if newline < 0 and least > free:
            break  # a long line
        start = newline + 1 if newline >= 0 else free
        if _INTRODUCES.fullmatch(value, start, line_end):
            introduction = start
        if start == free or value.startswith((">", "\n"), start):
            break
        start -= 1
    return introduction


RULE = Rule(
    name="quoted_replies",
    title="Quoted replies",
    prepare=prepare,
    leaves="Forwarded messages, messages that are only quotes, quotes inside code, Python's >>>.",
    source="RFC 3676, 4.5; the formats of Outlook, Gmail, Apple Mail and Thunderbird",
)
