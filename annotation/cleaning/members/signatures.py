"""The end of an e-mail that says nothing: signature, closing formula, "Sent from my iPhone", confidentiality notice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from annotation.cleaning.edits import apply_changes
from annotation.cleaning.rule import Change, Look, Rule
from annotation.cleaning.spans import Span
from annotation.cleaning.text import Text

MOST_LINES = 10
MOST_SIGNS = 80

_CLOSINGS = frozenset(
    closing.strip()
    for closings in (
        # English
        "best regards|kind regards|kindest regards|warm regards|warmest regards|many thanks and regards|thanks and regards|thanks & regards|"
        "with regards|regards|best wishes|all the best|yours sincerely|yours faithfully|yours truly|sincerely yours|sincerely|cordially",
        # Spanish
        "un cordial saludo|un saludo cordial|un saludo|saludos cordiales|saludos|cordialmente|atentamente|muy atentamente|le saluda atentamente|"
        "un abrazo|reciba un cordial saludo",
        # German
        "mit freundlichen grüßen|mit freundlichen grüssen|mit freundlichem gruß|mit freundlichem gruss|freundliche grüße|freundliche grüsse|"
        "viele grüße|viele grüsse|beste grüße|beste grüsse|schöne grüße|liebe grüße|liebe grüsse|herzliche grüße|herzliche grüsse|"
        "hochachtungsvoll|mfg|lg|vg",
        # French
        "bien cordialement|cordialement|sincères salutations|salutations distinguées|meilleures salutations|bien à vous|cdlt|amicalement|"
        "veuillez agréer mes salutations distinguées|veuillez agréer, madame, monsieur, mes salutations distinguées",
        # Swedish
        "med vänliga hälsningar|med vänlig hälsning|vänliga hälsningar|vänlig hälsning|bästa hälsningar|mvh|hälsningar",
    )
    for closing in closings.split("|")
)
_SENT_FROM = (
    "sent from my ", "sent from yahoo", "sent from mail for", "sent from outlook for", "sent via ", "get outlook for ",
    "enviado desde mi ", "enviado desde el ", "enviado desde yahoo", "enviado desde correo", "enviado desde outlook", "obtener outlook para ",
    "von meinem ", "von meiner ", "gesendet von mein", "gesendet mit der ", "gesendet von outlook", "gesendet von mail",
    "diese nachricht wurde von mein",
    "envoyé de mon ", "envoyé depuis ", "envoyé à partir de ", "télécharger outlook pour",
    "skickat från min ", "skickat från mitt ", "skickat från outlook", "skickat från e-post", "skickat från yahoo", "hämta outlook för",
)  # fmt: skip
_BLANKS = " \t\u00a0\r"
_NOTICE = re.compile(
    r"^[^\n]{0,80}(?:"
    r"(?:this|the information in this) (?:e-?mail|message|communication)[^\n]{0,80}(?:confidential|intended (?:only|solely))|confidentiality notice|"
    r"este (?:mensaje|correo)[^\n]{0,80}confidencial|aviso (?:legal|de confidencialidad)|"
    r"diese (?:e-?mail|nachricht)[^\n]{0,80}vertraulich|"
    r"ce (?:message|courriel|mail|e-mail)[^\n]{0,80}confidentiel|"
    r"det(?:ta|ta e-post)?(?: här)? (?:meddelande|e-postmeddelande|mejl)[^\n]{0,80}konfidentiell)",
    re.MULTILINE | re.IGNORECASE,
)


def prepare() -> Look:
    """Takes out what follows the delimiter "-- ", a closing formula with the name and address below it, "Sent from my …" and
    notices of confidentiality at the end, in five languages. Where a text has several closings it is left, since what stands
    between them may be said by someone."""
    return _look


def _look(text: Text) -> Iterator[Change]:
    value = text.value
    if "\n" not in value:
        return
    ends = _ends(text)
    begins = [_only(ends.delimiters, value), _only(ends.closings, value), _notice(text)]
    cut = min((start for start in begins if start is not None), default=len(value))
    found = [Change(start, end, "") for start, end in ends.advertisements if end <= cut]
    if cut < len(value):
        found.append(Change(cut, len(value), ""))
    if found and any(map(str.isalnum, apply_changes(value, found))):
        yield from found


class _Ends(NamedTuple):
    """Lines that end a message: the delimiter, closing formulas, advertisements of the mail program."""

    delimiters: list[Span]
    closings: list[Span]
    advertisements: list[Span]


def _ends(text: Text) -> _Ends:
    ends = _Ends([], [], [])
    end = -1
    for line in text.value.split("\n"):
        start, end = end + 1, end + 1 + len(line)
        shown = line.strip(_BLANKS).lower()
        if not shown or len(shown) > MOST_SIGNS:
            continue
        if shown == "--":
            kind = ends.delimiters
        elif shown.rstrip(",.! ") in _CLOSINGS:
            kind = ends.closings
        elif _is_advertisement(shown):
            kind = ends.advertisements
        else:
            continue
        if not text.in_code(start, end):
            kind.append((start, end))
    return ends


def _is_advertisement(line: str) -> bool:
    if not line.startswith(_SENT_FROM):
        return False
    return line.endswith("gesendet") if line.startswith("von mein") else True


def _only(lines: list[Span], value: str) -> int | None:
    """Where the only such line begins, if what stands below may be a name with addresses."""
    if len(lines) != 1:
        return None
    start, end = lines[0]
    below = value[end:]
    return start if "?" not in below and _is_short(below) else None


def _notice(text: Text) -> int | None:
    """The last paragraph, where it speaks of confidentiality."""
    start = max(text.value.rstrip().rfind("\n\n"), 0)
    match = _NOTICE.search(text.value, start)
    return match.start() if match and start and not text.in_code(*match.span()) else None


def _is_short(below: str) -> bool:
    """Whether it may be a name with addresses rather than more of the message."""
    lines = [line for line in below.splitlines() if line.strip()]
    return (len(lines) <= MOST_LINES and all(len(line) <= MOST_SIGNS for line in lines)) or _is_notice(lines)


def _is_notice(lines: list[str]) -> bool:
    """Short lines, then a notice of confidentiality of any length."""
    for number, line in enumerate(lines):
        if _NOTICE.match(line):
            return number <= MOST_LINES
        if len(line) > MOST_SIGNS:
            return False
    return False


RULE = Rule(
    name="signatures",
    title="E-mail signatures",
    prepare=prepare,
    leaves="Texts with several closings or delimiters, and closings with more of the message below.",
    source="RFC 3676, 4.3",
)
