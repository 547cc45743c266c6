"""People's text on a page. Ticket and model text is never trusted: it is escaped; only guidelines are Markdown, and are cleaned."""

import re

import nh3
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
_TAGS = {
    "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "strong", "em", "s", "code", "pre",
    "blockquote", "a", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_SCHEMES = {"http", "https", "mailto"}
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


def markdown(text: str) -> SafeString:
    """Markdown as HTML, with the few tags that guidelines need; raw HTML is shown as text, pictures and scripts are dropped."""
    html = nh3.clean(
        _MARKDOWN.render(text or ""),
        tags=_TAGS,
        attributes={"a": {"href", "title"}, "ol": {"start"}},
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(html)  # noqa: S308 - cleaned above


def paragraphs(text: str) -> SafeString:
    """Plain text as escaped paragraphs: a blank line begins a new one, a line break stays a line break."""
    parts = _BLANK_LINES.split((text or "").replace("\r\n", "\n").replace("\r", "\n").strip("\n"))
    return format_html_join("\n", "<p>{}</p>", ((_lines(part),) for part in parts if part.strip()))


def _lines(text: str) -> SafeString:
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in text.split("\n"))) or SafeString("")
