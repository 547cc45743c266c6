"""The end of an e-mail that says nothing: signature, closing formula, "Sent from my iPhone", confidentiality notice."""

from __future__ import annotations

import re
from collections.abc import Iterator

from annotation.cleaning.rule import Change, Look, Rule
from annotation.cleaning.text import Text

MOST_LINES = 10
MOST_SIGNS = 80

_DELIMITER = re.compile(r"^--[ \t\u00a0\r]*$", re.MULTILINE)

_CLOSINGS = (
    # English
    "best regards|kind regards|kindest regards|warm regards|warmest regards|many thanks and regards|thanks and regards|thanks & regards|with regards|"
    "regards|best wishes|all the best|yours sincerely|yours faithfully|yours truly|sincerely yours|sincerely|cordially|"
    # Spanish
    "un cordial saludo|un saludo cordial|un saludo|saludos cordiales|saludos|cordialmente|atentamente|muy atentamente|le saluda atentamente|un abrazo|"
    "reciba un cordial saludo|"
    # German
    "mit freundlichen grüßen|mit freundlichen grüssen|mit freundlichem gruß|mit freundlichem gruss|freundliche grüße|freundliche grüsse|viele grüße|"
    "viele grüsse|beste grüße|beste grüsse|schöne grüße|liebe grüße|liebe grüsse|herzliche grüße|herzliche grüsse|hochachtungsvoll|mfg|lg|vg|"
    # French
    "bien cordialement|cordialement|sincères salutations|salutations distinguées|meilleures salutations|bien à vous|cdlt|amicalement|"
    "veuillez agréer[^\n]{0,120}|"
    # Swedish
    "med vänliga hälsningar|med vänlig hälsning|vänliga hälsningar|vänlig hälsning|bästa hälsningar|mvh|hälsningar"
)
_CLOSING = re.compile(rf"^[ \t\u00a0]*(?:{_CLOSINGS})[ \t\u00a0]*[,.!]?[ \t\u00a0\r]*$", re.MULTILINE | re.IGNORECASE)

_SENT_FROM = re.compile(
    r"^[ \t\u00a0]*(?:sent from (?:my|yahoo|mail for|outlook for)\b|sent via\b|get outlook for\b|enviado desde (?:mi|el|yahoo|correo|outlook)\b|"
    r"obtener outlook para\b|von mein(?:em|er) [^\n]{2,40} gesendet|gesendet (?:von mein|mit der|von outlook|von mail)|diese nachricht wurde von mein|"
    r"envoyé (?:de mon|depuis|à partir de)\b|télécharger outlook pour|skickat från (?:min|mitt|outlook|e-post|yahoo)\b|hämta outlook för)[^\n]{0,80}$",
    re.MULTILINE | re.IGNORECASE,
)

_NOTICE = re.compile(
    r"^[^\n]{0,80}(?:"
    r"(?:this|the information in this) (?:e-?mail|message|communication)[^\n]{0,80}(?:confidential|intended (?:only|solely))|confidentiality notice|"
    r"este (?:mensaje|correo)[^\n]{0,80}confidencial|aviso (?:legal|de confidencialidad)|"
    r"diese (?:e-?mail|nachricht)[^\n]{0,80}vertraulich|"
    r"ce (?:message|courriel|mail|e-mail)[^\n]{0,80}confidentiel|"
    r"det(?:ta|ta e-post)?(?: här)? (?:meddelande|e-postmeddelande|mejl)[^\n]{0,80}konfidentiell)",
    re.MULTILINE | re.IGNORECASE,
)
_HINT = re.compile(
    r"^--|regards|wishes|the best|yours|sincerely|cordial|salud|atentamente|abrazo|gr[uü](?:ß|ss)|hochacht|mfg|^[ \t]*[lv]g\b|salutations|bien à|cdlt|amical|"
    r"agréer|h[äa]lsning|mvh|sent |get outlook|enviado|obtener|gesendet|diese|envoyé|télécharger|skickat|hämta|confiden|konfiden|vertraulich|aviso",
    re.MULTILINE | re.IGNORECASE,
)


def prepare() -> Look:
    """Takes out what follows the delimiter "-- ", a closing formula with the name and address below it, "Sent from my …" and
    notices of confidentiality at the end, in five languages. Where a text has several closings it is left, since what stands
    between them may be said by someone."""
    return _look


def _look(text: Text) -> Iterator[Change]:
    value = text.value
    if not _HINT.search(value):
        return
    begins = [start for find in (_delimiter, _closing, _notice) if (start := find(text)) is not None]
    cut = min(begins, default=len(value))
    found = [Change(*m.span(), "") for m in _SENT_FROM.finditer(value, 0, cut) if not text.in_code(*m.span())]
    if cut < len(value):
        found.append(Change(cut, len(value), ""))
    rest = value[:cut]
    for change in reversed(found[: len(found) - (cut < len(value))]):
        rest = rest[: change.start] + rest[change.end :]
    if any(map(str.isalnum, rest)):
        yield from found


def _delimiter(text: Text) -> int | None:
    found = list(_DELIMITER.finditer(text.value))
    if len(found) != 1 or text.in_code(*found[0].span()):
        return None
    return found[0].start() if _is_short(text.value[found[0].end() :]) else None


def _closing(text: Text) -> int | None:
    found = list(_CLOSING.finditer(text.value))
    if len(found) != 1 or text.in_code(*found[0].span()):
        return None
    below = text.value[found[0].end() :]
    return found[0].start() if _is_short(below) and "?" not in below else None


def _notice(text: Text) -> int | None:
    """The last paragraph, where it speaks of confidentiality."""
    start = max(text.value.rstrip().rfind("\n\n"), 0)
    match = _NOTICE.search(text.value, start)
    return match.start() if match and start and not text.in_code(*match.span()) else None


def _is_short(below: str) -> bool:
    """Whether it may be a name with addresses rather than more of the message."""
    lines = [line for line in below.splitlines() if line.strip()]
    return len(lines) <= MOST_LINES and all(len(line) <= MOST_SIGNS for line in lines) or _is_notice(lines)


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
