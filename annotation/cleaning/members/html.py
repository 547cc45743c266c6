"""HTML as plain text: entities decoded, tags gone, paragraphs, lists and code blocks kept as Markdown has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from html.entities import html5

from annotation.cleaning.rule import Change, Look, Rule
from annotation.cleaning.text import Text

_BLOCKS = (
    "address", "article", "aside", "blockquote", "body", "center", "dd", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form",
    "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "main", "nav", "ol", "p", "pre", "section", "table", "tbody", "tfoot", "thead",
    "tr", "ul",
)  # fmt: skip
_INLINE = (
    "a", "abbr", "acronym", "b", "base", "bdi", "bdo", "big", "button", "caption", "cite", "code", "col", "colgroup", "data", "del", "dfn", "em",
    "embed", "font", "i", "iframe", "img", "input", "ins", "kbd", "label", "legend", "link", "mark", "meta", "o:p", "option", "picture", "q", "s",
    "samp", "select", "small", "source", "span", "st1:place", "strike", "strong", "sub", "sup", "svg", "td", "textarea", "th", "time", "tt", "u",
    "var", "video", "wbr",
)  # fmt: skip
_LINES = ("br", "li")
_HIDDEN = ("script", "style", "head", "title", "noscript", "template")
_WHOLE = frozenset((*_HIDDEN, "pre"))  # what stands in them goes with them, or is kept as it is
_NAMES = frozenset((*_BLOCKS, *_INLINE, *_LINES, *_HIDDEN))
_NAME = "[a-zA-Z][a-zA-Z0-9:]{0,14}"  # whether HTML has it, says the table, which is quicker than to try all names

# No part may run over another "<", which keeps the search linear; where an element ends is looked for apart.
_TAG = re.compile(
    rf"""
    <(?: (?P<comment>!--)
       | (?i: !\[(?:end)?if[^<>]*\] | !doctype[^<>]* | \?xml[^<>]*\? )>
       | (?P<close>/?)(?P<name>{_NAME})(?=[\s/>])(?P<rest>(?:[^<>"']|"[^"<]*"|'[^'<]*'|["'])*+)>
    )
    """,
    re.VERBOSE,
)
_END = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in _WHOLE} | {"!": re.compile("-->")}
_ANY_TAG = re.compile(rf"</?(?:{'|'.join(sorted(_NAMES, key=len, reverse=True))})\b[^<>]*>", re.IGNORECASE)
_ENTITY = re.compile(
    r"&(?:amp;|#0*38;|#x0*26;)*(?P<bare>#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};|"
    r"(?:nbsp|amp|lt|gt|quot)(?![A-Za-z0-9;=]))"  # browsers read these without the semicolon too
)
_HREF = re.compile(r"""href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)


def prepare() -> Look:
    """Takes out tags that HTML has (with the contents of script and style, and comments) and decodes entities, also those
    encoded several times. Blocks become lines of their own, list items "- ", a link its text with the address behind it,
    `<pre>` a fenced code block."""
    return _look


def _look(text: Text) -> Iterable[Change]:
    return _changes(text) if "<" in text.value or "&" in text.value else ()


def _changes(text: Text) -> Iterator[Change]:
    value = text.value
    links: list[tuple[str, int]] = []
    endless: set[str] = set()
    place = 0
    for match in _both(value):
        start, end = match.span()
        if start < place or text.in_code(start, end):
            continue
        if match.re is _ENTITY:
            after = _decoded(match)
        elif element := _element(match):
            closing = None if element in endless else _END[element].search(value, end)
            if closing:
                after = _fenced(value[end : closing.start()]) if element == "pre" else ""
                end = closing.end()
            else:
                endless.add(element)
                after = match[0] if match["comment"] else ""
        else:
            after = _replacement(match, value, links)
        place = end
        if after != value[start:end]:
            yield Change(start, end, after)


def _both(value: str) -> list[re.Match[str]]:
    """Tags and entities in order of their places."""
    found = [tag for tag in _TAG.finditer(value) if tag["name"] is None or tag["name"].lower() in _NAMES]
    if "&" in value:
        found += _ENTITY.finditer(value)
        found.sort(key=lambda match: match.start())
    return found


def _element(tag: re.Match[str]) -> str:
    """What the tag opens if that ends elsewhere and goes as a whole: script, style, pre …, or "!" for a comment."""
    if tag["comment"]:
        return "!"
    name = (tag["name"] or "").lower()
    return name if name in _WHOLE and not tag["close"] else ""


def _replacement(tag: re.Match[str], text: str, links: list[tuple[str, int]]) -> str:
    """What stands for a tag in plain text. `links` holds addresses of links that are open, and where their text begins."""
    name = (tag["name"] or "").lower()
    if name == "a":
        return _link(tag, text, links)
    if name == "br":
        return "\n"
    if name == "li":
        return "" if tag["close"] else "\n- "
    if name in ("td", "th"):
        return " " if tag["close"] else ""
    if name in ("tr", "dt", "dd"):
        return "\n"
    return "\n\n" if name in _BLOCKS else ""


def _link(tag: re.Match[str], text: str, links: list[tuple[str, int]]) -> str:
    if not tag["close"]:
        found = _HREF.search(tag["rest"])
        links.append((unescape(found[1] or found[2] or found[3] or "") if found else "", tag.end()))
        return ""
    if not links:
        return ""
    address, begins = links.pop()
    shown = unescape(_ANY_TAG.sub("", text[begins : tag.start()])).strip()
    bare = address.removeprefix("mailto:")
    if not re.match(r"(?:https?|mailto):[^\s<>&]+\Z", address) or shown.rstrip("/") in (address.rstrip("/"), bare):
        return ""
    return f" ({bare})"


def _fenced(code: str) -> str:
    """A code block of Markdown, with a fence that the code does not contain."""
    plain = _ENTITY.sub(_decoded, _ANY_TAG.sub("", code)).strip("\n")
    if not plain.strip():
        return "\n\n"
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"\n{fence}\n{plain}\n{fence}\n"


def _decoded(entity: re.Match[str]) -> str:
    """The sign of an entity, however often its ampersand was encoded; the entity itself where HTML has none such."""
    bare = "&" + entity["bare"]
    if bare[1] != "#" and bare[1:] not in html5:
        return bare
    decoded = unescape(bare)
    return bare if decoded in ("\ufffd", "") else decoded


RULE = Rule(
    name="html",
    title="HTML",
    prepare=prepare,
    leaves="Code between fences or backticks, and what is no tag of HTML: <order number>, a < b, List<String>.",
    source="HTML Living Standard, 4 and 13.5",
)
