"""Ticket and model text is never trusted, and guidelines are cleaned."""

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftplatform.ui import texts

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:x)",
    "![x](https://elsewhere.example/pixel.gif)",
    "<svg/onload=alert(1)>",
    '<a href="x" style="position:fixed">x</a>',
    "<iframe src=https://elsewhere.example></iframe>",
    "`</code><script>alert(1)</script>`",
    "[x](https://a.example 'title\" onmouseover=\"alert(1)')",
]
ALLOWED = {
    "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "strong", "em", "s", "code", "pre",
    "blockquote", "a", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


class Tags(HTMLParser):
    """Collects what a browser would see in a piece of HTML that must not be there."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.bad: list[object] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALLOWED:
            self.bad.append(tag)
        for name, value in attrs:
            scheme = urlsplit((value or "").strip()).scheme.lower() if name == "href" else ""
            if name not in {"href", "title", "rel", "start"} or scheme not in {"", "http", "https", "mailto"}:
                self.bad.append((tag, name, value))


@pytest.mark.parametrize("attack", ATTACKS)
def test_markdown_drops_what_could_run(attack: str) -> None:
    assert not Tags(texts.markdown(attack)).bad


@given(st.text() | st.sampled_from(ATTACKS).flatmap(lambda attack: st.text(max_size=8).map(lambda text: text + attack)))
def test_markdown_and_paragraphs_let_nothing_through(text: str) -> None:
    assert not Tags(texts.markdown(text)).bad
    assert set(re.findall(r"</?\w+", texts.paragraphs(text))) <= {"<p", "</p", "<br"}


def test_markdown_renders_what_guidelines_need() -> None:
    html = texts.markdown("Choose **one**.\n\n- cite the rule\n- no promises\n\n| a | b |\n|---|---|\n| 1 | 2 |")
    assert "<strong>one</strong>" in html
    assert "<li>no promises</li>" in html
    assert "<td>2</td>" in html


def test_a_link_of_guidelines_tells_nothing_of_where_it_was() -> None:
    assert 'rel="noopener noreferrer nofollow"' in texts.markdown("[rules](https://rules.example/)")


def test_blank_lines_begin_paragraphs_and_line_breaks_stay() -> None:
    assert texts.paragraphs("a\r\nb\n \n\nc & <d>") == "<p>a<br>b</p>\n<p>c &amp; &lt;d&gt;</p>"


def test_no_text_is_no_paragraph() -> None:
    assert texts.paragraphs("\n \n") == ""
