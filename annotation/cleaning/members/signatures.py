"""The end of an e-mail that says nothing: signature, closing formula, "Sent from my iPhone", confidentiality notice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from annotation.cleaning.closings import FIRST_WORDS, Kind, closing, is_name, is_slashed_name
from annotation.cleaning.edits import apply_changes
from annotation.cleaning.rule import Change, Look, Rule
from annotation.cleaning.spans import Span
from annotation.cleaning.text import Text

MOST_LINES = 10
MOST_SIGNS = 80
MOST_OF_CLOSING = 200  # signs of a closing formula: a French one is a whole sentence
MOST_WORDS, MOST_SHARE = 3, 0.6  # in lower case, of a line that is a name, a title or an address

_SENT_FROM = (
    "sent from my ", "sent from yahoo", "sent from mail for", "sent from outlook for", "sent from proton", "sent with proton", "sent via ", "get outlook for ",
    "enviado desde mi ", "enviado desde el ", "enviado desde yahoo", "enviado desde correo", "enviado desde outlook", "obtener outlook para ",
    "von meinem ", "von meiner ", "gesendet von mein", "gesendet mit der ", "gesendet von outlook", "gesendet von mail",
    "diese nachricht wurde von mein",
    "envoyé de mon ", "envoyé depuis ", "envoyé à partir de ", "télécharger outlook pour",
    "skickat från min ", "skickat från mitt ", "skickat från outlook", "skickat från e-post", "skickat från yahoo", "hämta outlook för",
)  # fmt: skip
_SAYS_NOTICE = (
    "confiden", "intended", "aviso", "vertraulich", "konfiden", "environment", "imprim", "umwelt", "miljö",
)  # fmt: skip
_POSTSCRIPT = re.compile(r"(?:p\.? ?s|p\.? ?d|n\.? ?b|obs)\b", re.IGNORECASE)
_BLANKS = " \t\u00a0\r"
_BEGINS = re.compile(rf"[{_BLANKS}]*+([^\W\d_]+|--|_|[^{_BLANKS}])")
# What a line of interest begins with: most lines begin with something else.
_BEGINNINGS = FIRST_WORDS | {"--", "_", "/", *(words.split()[0] for words in _SENT_FROM)}
_NOTICE = re.compile(
    r"^[^\n]{0,80}(?:"
    r"(?:this|the information in this) (?:e-?mail|message|communication)[^\n]{0,80}(?:confidential|intended (?:only|solely))|confidentiality notice|"
    r"este (?:mensaje|correo)[^\n]{0,80}confidencial|aviso (?:legal|de confidencialidad)|"
    r"diese (?:e-?mail|nachricht)[^\n]{0,80}vertraulich|"
    r"ce (?:message|courriel|mail|e-mail)[^\n]{0,80}confidentiel|"
    r"det(?:ta|ta e-post)?(?: här)? (?:meddelande|e-postmeddelande|mejl)[^\n]{0,80}konfidentiell|"
    r"consider the environment|antes de imprimir|denken sie an die umwelt|avant d['’]imprimer|tänk på miljön)",
    re.MULTILINE | re.IGNORECASE,
)


def prepare() -> Look:
    """Takes out what follows the delimiter "-- ", a closing formula ("Best regards", also "Thanks" before a name) with the name and
    address below it, "Sent from my …" and notices of confidentiality at the end, in five languages. Where a text has several
    closings, or something is said below one, it is left."""
    return _look


def _look(text: Text) -> Sequence[Change]:
    value = text.value
    if "\n" not in value:
        return ()
    ends = _ends(text)
    begins = [_only(ends.delimiters, value), _closing(ends.closings, value), _notice(text)]
    cut = min((start for start in begins if start is not None), default=len(value))
    found = [Change(start, end, "") for start, end in _last(ends.advertisements, value, cut)]
    if cut < len(value):
        found.append(Change(cut, len(value), ""))
    return found if found and any(map(str.isalnum, apply_changes(value, found))) else ()


def _last(lines: list[Span], value: str, cut: int) -> list[Span]:
    """Those of the lines below which nothing else stands before `cut`, in order."""
    last: list[Span] = []
    for start, end in reversed(lines):
        if end <= cut:
            if value[end:cut].strip():
                break
            last.append((start, end))
            cut = start
    return last[::-1]


class _Closing(NamedTuple):
    """Closing formulas on lines that follow each other, and the kind of the last or, where one is of that, regards."""

    start: int
    end: int
    kind: Kind


class _Ends(NamedTuple):
    """Lines that end a message: the delimiter, closing formulas, advertisements of the mail program."""

    delimiters: list[Span]
    closings: list[_Closing]
    advertisements: list[Span]


def _ends(text: Text) -> _Ends:
    ends = _Ends([], [], [])
    end = -1
    goes_on = False  # the line before is a closing formula
    for line in text.value.split("\n"):
        start, end = end + 1, end + 1 + len(line)
        begins = _BEGINS.match(line)
        if begins is None:
            continue
        before, goes_on = goes_on, False
        shown = line.strip(_BLANKS)
        if begins[1].lower() not in _BEGINNINGS or len(shown) > MOST_OF_CLOSING or text.in_code(start, end):
            continue
        if shown == "--":
            ends.delimiters.append((start, end))
        elif begins[1] == "/":
            if not before and _is_signed_with_slash(shown, text, start):
                ends.closings.append(_Closing(start, end, "signed"))
        elif len(shown) <= MOST_SIGNS and _is_advertisement(shown.lower()):
            ends.advertisements.append((start, end))
        elif kind := closing(shown) if shown.strip("_") else "maybe":
            goes_on = True
            if before:
                first = ends.closings.pop()
                start, kind = first.start, "regards" if first.kind == "regards" else kind
            ends.closings.append(_Closing(start, end, kind))
    return ends


def _is_signed_with_slash(line: str, text: Text, start: int) -> bool:
    """Whether the line is a Swedish signature (/Anna) below what is said, and no path (/Admin) in a sentence."""
    said = text.value[max(0, start - MOST_SIGNS) : start].rstrip(_BLANKS + "\n")
    return is_slashed_name(line) and said.endswith((".", "!", "?", ")")) and text.language == "sv"


def _is_advertisement(line: str) -> bool:
    if not line.startswith(_SENT_FROM):
        return False
    return line.rstrip(".! ").endswith("gesendet") if line.startswith("von mein") else True


def _only(lines: list[Span], value: str) -> int | None:
    """Where the only such line begins, if what stands below may be a name with addresses."""
    if len(lines) != 1:
        return None
    start, end = lines[0]
    certain = value[start:end].rstrip("\r") == "-- "  # as RFC 3676 has it, with its space
    return start if _is_address(value[end:], may_say=certain) else None


def _closing(closings: list[_Closing], value: str) -> int | None:
    """Where the only closing formula begins that has below it what its kind asks for."""
    ending = [one for one in closings if one.kind == "regards" or _ends_message(one, value)]
    return _only([(one.start, one.end) for one in ending], value)


def _ends_message(one: _Closing, value: str) -> bool:
    below = value[one.end : one.end + MOST_SIGNS * 2].strip(_BLANKS + "\n")
    return not below if one.kind == "signed" else is_name(below.partition("\n")[0].strip(_BLANKS))


def _notice(text: Text) -> int | None:
    """The last paragraph, where it speaks of confidentiality."""
    if not text.says(_SAYS_NOTICE):
        return None
    start = max(text.value.rstrip().rfind("\n\n"), 0)
    match = _NOTICE.search(text.value, start)
    return match.start() if match and start and not text.in_code(*match.span()) else None


def _is_address(below: str, *, may_say: bool) -> bool:
    """Whether it may be a name with addresses rather than more of the message; a notice may follow.

    may_say  whether a sentence may be among them, as a motto is
    """
    if "?" in below:
        return False
    lines = [line.strip(_BLANKS) for line in below.split("\n") if line.strip(_BLANKS)]
    for number, line in enumerate(lines):
        if _is_notice(line):
            return number <= MOST_LINES
        if len(line) > MOST_SIGNS or (not may_say and _says(line)):
            return False
    return len(lines) <= MOST_LINES


def _is_notice(line: str) -> bool:
    return Text(line).says(_SAYS_NOTICE) and _NOTICE.match(line) is not None


def _says(line: str) -> bool:
    """Whether it is a sentence or a postscript."""
    words = line.split()
    small = sum(word[0].islower() for word in words)
    return _POSTSCRIPT.match(line) is not None or (small >= MOST_WORDS and small > MOST_SHARE * len(words) - 1)


RULE = Rule(
    name="signatures",
    title="E-mail signatures",
    prepare=prepare,
    leaves="Texts with several closings or delimiters, and closings with more of the message below.",
    source="RFC 3676, 4.3",
)
