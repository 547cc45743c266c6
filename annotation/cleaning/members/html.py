"""HTML as plain text: entities decoded, tags gone, paragraphs, lists and code blocks kept as Markdown has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import unescape
from html.entities import html5

from annotation.cleaning.rule import Change, Look, Remark, Rule
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
# Words as well as names, which people put between < and > for what is to be filled in. Without attributes and without an end they are no tags.
_WORDS = frozenset((
    "address", "article", "button", "caption", "code", "data", "form", "input", "label", "legend", "link", "option", "picture", "section", "select",
    "source", "template", "time", "title", "video",
))  # fmt: skip
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
# How attributes begin: a name with its value, or one of those that have none. Any other word is prose: a<b and c>d.
_ATTRIBUTES = re.compile(
    r"\s*+(?:[\"'/]|[^\s\"'<>/=]++\s*=(?!=)|(?:data|aria)-|(?:disabled|selected|checked|readonly|required|multiple|nowrap|noshade|compact|hidden|autofocus|"
    r"async|defer|controls|autoplay|loop|muted|open|ismap|novalidate|allowfullscreen|reversed|default|itemscope|download)(?=[\s/]|\Z))",
    re.IGNORECASE,
)
_GLUED_BREAK = re.compile(r"[\w.,!?;]<br\s*/?>\s?(?:[^\W_]|[¿¡]|<br)", re.IGNORECASE)
_ENTITY = re.compile(
    r"&(?:amp;|#0*38;|#x0*26;)*(?P<bare>#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};|"
    r"(?:nbsp|amp|lt|gt|quot)(?![A-Za-z0-9;=]))"  # browsers read these without the semicolon too
)
_HREF = re.compile(r"""href\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)

_Match = re.Match[str]


def prepare() -> Look:
    """Takes out tags that HTML has (with the contents of script and style, and comments) and decodes entities, also those
    encoded several times. Blocks become lines of their own, list items "- ", a link its text with the address behind it,
    `<pre>` a fenced code block. An escaped tag (&lt;b&gt;) is what the text speaks of: it is noted and stays escaped, but in a
    text that is encoded as a whole."""
    return _look


def _look(text: Text) -> Iterable[Change | Remark]:
    return _changes(text) if "<" in text.value or "&" in text.value else ()


def _changes(text: Text) -> Iterator[Change | Remark]:
    value = text.value
    tags = _tags(value)
    entities = [one for one in _ENTITY.finditer(value) if not text.in_code(*one.span())] if "&" in value else []
    escaped = _escaped_tags(value, tags, entities) if any(one["bare"][0] in "#lgLG" for one in entities) else []
    yield from (
        Remark(angles[0].start(), angles[-1].end(), "an escaped tag, which is taken for text") for angles in escaped
    )
    stays = {entity.start() for angles in escaped for entity in angles}
    links: list[tuple[str, int]] = []
    endless: set[str] = set()
    place = 0
    for match in sorted((*tags, *entities), key=lambda match: match.start()) if entities else tags:
        start, end = match.span()
        if start < place or text.in_code(start, end) or (match.re is _ENTITY and start in stays):
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


def _tags(value: str) -> list[_Match]:
    """Tags and comments in order of their places, without what only looks like a tag."""
    ended: dict[str, bool] = {}
    found = []
    for tag in _TAG.finditer(value):
        name = (tag["name"] or "").lower()
        if name in _WORDS and not tag["close"] and name not in ended:
            ended[name] = f"</{name}" in value.lower()
        if tag["name"] is None or (name in _NAMES and _is_tag(tag, ended.get(name, True))):
            found.append(tag)
    return found


def _is_tag(tag: _Match, is_ended: bool) -> bool:
    """Whether attributes stand in it, or nothing; in the latter case it has to have an end where its name is a word too."""
    if tag["rest"].strip("/ \t\r\n"):
        return _ATTRIBUTES.match(tag["rest"]) is not None
    return is_ended or bool(tag["close"])


def _escaped_tags(value: str, tags: list[_Match], entities: list[_Match]) -> list[list[_Match]]:
    """For each tag that only decoding makes one, the entities of its brackets: both, or one where the other stands as it is.
    None where the text is encoded as a whole."""
    angles: dict[int, _Match] = {}
    pieces: list[str] = []
    place = length = 0
    for entity in entities:
        sign = _decoded(entity)
        pieces += (value[place : entity.start()], sign)
        length += entity.start() - place
        if sign in ("<", ">"):
            angles[length] = entity
        length += len(sign)
        place = entity.end()
    if not angles:
        return []
    decoded = "".join((*pieces, value[place:]))
    made = [tag for tag in _tags(decoded) if tag.start() in angles or tag.end() - 1 in angles]
    if not tags and made and _is_page(decoded, made):
        return []
    return [[angles[place] for place in (tag.start(), tag.end() - 1) if place in angles] for tag in made]


def _is_page(decoded: str, tags: list[_Match]) -> bool:
    """Whether decoding makes HTML of the text: it begins with a tag that ends somewhere and ends with one that ends or breaks, or
    breaks stand between its words without a space, as nobody mentions them."""
    first, last = tags[0], tags[-1]
    if (
        not decoded[: first.start()].strip()
        and not decoded[last.end() :].strip()
        and (last["close"] or last["name"] == "br")
    ):
        return first["name"] is None or f"</{first['name']}" in decoded
    return _GLUED_BREAK.search(decoded) is not None


def _without_tags(code: str) -> str:
    """The text between tags, as it is written."""
    pieces, place = [], 0
    for tag in _tags(code):
        if tag["name"]:
            pieces.append(code[place : tag.start()])
            place = tag.end()
    return "".join((*pieces, code[place:]))


def _element(tag: _Match) -> str:
    """What the tag opens if that ends elsewhere and goes as a whole: script, style, pre …, or "!" for a comment."""
    if tag["comment"]:
        return "!"
    name = (tag["name"] or "").lower()
    return name if name in _WHOLE and not tag["close"] else ""


def _replacement(tag: _Match, text: str, links: list[tuple[str, int]]) -> str:
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


def _link(tag: _Match, text: str, links: list[tuple[str, int]]) -> str:
    if not tag["close"]:
        found = _HREF.search(tag["rest"])
        links.append((unescape(found[1] or found[2] or found[3] or "") if found else "", tag.end()))
        return ""
    if not links:
        return ""
    address, begins = links.pop()
    shown = unescape(_without_tags(text[begins : tag.start()])).strip()
    bare = address.removeprefix("mailto:")
    if not re.match(r"(?:https?|mailto):[^\s<>&]+\Z", address) or shown.rstrip("/") in (address.rstrip("/"), bare):
        return ""
    return f" ({bare})"


def _fenced(code: str) -> str:
    """A code block of Markdown, with a fence that the code does not contain."""
    plain = _ENTITY.sub(_decoded, _without_tags(code)).strip("\n")
    if not plain.strip():
        return "\n\n"
    longest = max((len(run) for run in re.findall("`+", plain)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"\n{fence}\n{plain}\n{fence}\n"


def _decoded(entity: _Match) -> str:
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
    leaves="Code between fences or backticks, escaped tags, and what is no tag of HTML: <order number>, a<b and c>d, List<String>.",
    source="HTML Living Standard, 4 and 13.5",
)
