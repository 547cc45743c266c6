"""The end of an e-mail that says nothing: signature, closing formula, "Sent from my iPhone", confidentiality notice."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
    *(
        "sent from my ",
        "sent from yahoo",
        "sent from mail for",
        "sent from outlook for",
        "sent via ",
        "get outlook for ",
    ),
    *(
        "enviado desde mi ",
        "enviado desde el ",
        "enviado desde yahoo",
        "enviado desde correo",
        "enviado desde outlook",
        "obtener outlook para ",
    ),
    *(
        "von meinem ",
        "von meiner ",
        "gesendet von mein",
        "gesendet mit der ",
        "gesendet von outlook",
        "gesendet von mail",
        "diese nachricht wurde von mein",
    ),
    *("envoyé de mon ", "envoyé depuis ", "envoyé à partir de ", "télécharger outlook pour"),
    *(
        "skickat från min ",
        "skickat från mitt ",
        "skickat från outlook",
        "skickat från e-post",
        "skickat från yahoo",
        "hämta outlook för",
    ),
)
_ENDS_WITH_SENT = {"von meinem ": "gesendet", "von meiner ": "gesendet"}
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
    delimiters, closings, sent = _ends(text)
    begins = [start for line in (delimiters, closings) if (start := _only(line, value)) is not None]
    if (notice := _notice(text)) is not None:
        begins.append(notice)
    cut = min(begins, default=len(value))
    found = [Change(start, end, "") for start, end in sent if end <= cut]
    if cut < len(value):
        found.append(Change(cut, len(value), ""))
    if found and any(map(str.isalnum, apply_changes(value, found))):
        yield from found


def _ends(text: Text) -> tuple[list[Span], list[Span], list[Span]]:
    """Lines that are the delimiter, a closing formula, an advertisement of the mail program."""
    delimiters, closings, sent = [], [], []
    start = 0
    for line in text.value.split("\n"):
        span = (start, start + len(line))
        start += len(line) + 1
        shown = line.strip(_BLANKS)
        if not shown or len(shown) > MOST_SIGNS:
            continue
        lower = shown.lower()
        if lower == "--":
            delimiters.append(span)
        elif lower.rstrip(",.! ") in _CLOSINGS:
            closings.append(span)
        elif lower.startswith(_SENT_FROM) and all(
            lower.endswith(end) for begin, end in _ENDS_WITH_SENT.items() if lower.startswith(begin)
        ):
            sent.append(span)
    return tuple([span for span in spans if not text.in_code(*span)] for spans in (delimiters, closings, sent))  # type: ignore[return-value]


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
