"""The tags and filters of every template, built in by settings: no `{% load %}` needed. Markup is that of the look."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, RadioSelect, Select, Textarea
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from ftplatform.jobs.models import Job
from ftplatform.ui import glyphs, numbers, texts
from ftplatform.ui.jobs import STATE_GLYPHS, STATE_WORDS, pace_text

register = template.Library()

register.simple_tag(glyphs.icon, name="icon")
register.simple_tag(glyphs.badge, name="badge")
register.filter("thousands", numbers.thousands)
register.filter("duration", numbers.duration)
register.filter("markdown", texts.markdown)
register.filter("plain_paragraphs", texts.paragraphs)
register.filter("number", numbers.number)
register.filter("signed", numbers.signed)
register.filter("interval", numbers.interval)
register.filter("percent", numbers.percent)


@register.filter
def pairs(mapping: dict[str, Any] | None) -> list[tuple[str, Any]]:
    """A mapping's (name, value) pairs. A template that asked for `.items` would get the key "items" where there is one."""
    return list(mapping.items()) if mapping else []


@register.simple_tag
def glyph(state: str, percent: float | None = None, tone: bool = True) -> SafeString:
    """`{% glyph "run" 62 %}`; `tone=False` where the surroundings bring the colour."""
    return glyphs.glyph(state, percent, tone=tone)


@register.simple_tag
def ago(at: datetime | None) -> SafeString:
    """A relative time with the exact one on hover; a dash where there is none."""
    if at is None:
        return format_html("{}", numbers.MISSING)
    text, title = numbers.relative(at, now=timezone.now()), numbers.exact(at)
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(timespec="seconds"), title, text)


@register.simple_tag
def key(key: str, text: str, icon: str = "") -> SafeString:
    """A key cap with its word, bound through `data-key`."""
    picture = glyphs.icon(icon) if icon else ""
    return format_html('<button type="button" data-key="{}"><kbd>{}</kbd>{}{}</button>', key, key, picture, text)


@register.simple_block_tag
def progress(content: str, done: float, total: float | None, label: str, right: str = "", kind: str = "") -> SafeString:
    """`{% progress 124 200 "Run 9" "12 min left" %}<b>124</b> of 200 steps{% endprogress %}`; kind: `failed` or `ended`."""
    css = format_html(' class="{}"', kind) if kind else ""
    value = format_html(' value="{}" max="{}"', done, total) if total else ""
    return format_html(
        '<div class="progress">\n  <progress{}{} aria-label="{}"></progress>\n'
        '  <p><span>{}</span><span class="soft">{}</span></p>\n</div>',
        css, value, label, content, right,
    )  # fmt: skip


@register.simple_tag
def forest(
    point: float | None,
    lo: float | None,
    hi: float | None,
    min: float,
    max: float,
    margin: float | None = None,
    label: str = "",
) -> SafeString:
    """A point with its interval on the axis min…max, in percent of the cell. Hollow when the interval holds zero.

    margin: the half-width of the grey band that is too small to matter. Empty where the point or an end is missing.
    """
    values = [point, lo, hi]
    if any(value is None or not math.isfinite(value) for value in values) or max <= min:
        return SafeString("")

    def x(value: float) -> str:
        share = (value - min) / (max - min) * 100
        return f"{sorted((-1.0, share, 101.0))[1]:.1f}%"

    band: str = ""
    if margin:
        left, right = sorted((0.0, (-margin - min) / (max - min) * 100, 100.0))[1], (margin - min) / (max - min) * 100
        width = f"{sorted((0.0, right - left, 100.0))[1]:.1f}%"
        band = format_html('<rect class="margin" x="{}" width="{}" y="-8" height="36"/>', f"{left:.1f}%", width)
    zero: str = ""
    if min <= 0 <= max:
        zero = format_html('<line class="zero" x1="{0}" x2="{0}" y1="-8" y2="28"/>', x(0))
    return format_html(
        '<svg class="forest" role="img" aria-label="{}">{}{}<line class="ci" x1="{}" x2="{}" y1="10" y2="10"/>'
        '<circle class="{}" cx="{}" cy="10" r="5"/></svg>',
        label, band, zero, x(lo or 0), x(hi or 0), "open" if (lo or 0) <= 0 <= (hi or 0) else "point", x(point or 0),
    )  # fmt: skip


@register.simple_tag
def axis(ticks: Sequence[Any], min: float, max: float) -> SafeString:
    """The axis of a column of forests. ticks: values, or pairs (value, text)."""
    pairs = [tick if isinstance(tick, tuple | list) else (tick, numbers.signed(tick, 1)) for tick in ticks]
    marks = ((f"{(value - min) / (max - min) * 100:.1f}%", text) for value, text in pairs)
    return format_html(
        '<svg class="forest" aria-hidden="true">{}</svg>',
        format_html_join("", '<text x="{}" y="15">{}</text>', marks),
    )


@register.simple_tag
def bar(percent: float | None, own: bool = False) -> SafeString:
    """A bar in a table's cell; percent of the cell's width."""
    css = mark_safe(' class="own"') if own else ""
    return format_html(
        '<svg class="bars" aria-hidden="true"><rect{} width="{}%" height="8" y="0"/></svg>', css, round(percent or 0, 1)
    )


@register.inclusion_tag("components/job_progress.html")
def job_progress(job: Job) -> dict[str, Any]:
    """A job's bar with done, total, rate and time left, or why it stands still."""
    kind = "failed" if job.state == Job.State.FAILED else "" if job.is_live else "ended"
    return {
        "job": job,
        "kind": kind,
        "right": pace_text(job, now=timezone.now()),
        "word": STATE_WORDS[Job.State(job.state)],
    }


@register.simple_tag
def job_badge(job: Job) -> SafeString:
    """A job's state as glyph and word."""
    state = Job.State(job.state)
    return glyphs.badge(STATE_GLYPHS[state], STATE_WORDS[state], job.percent)


@register.filter
def error_head(text: str) -> str:
    """The sentence of an error, without the lines of a log that may follow it."""
    return text.strip().partition("\n")[0]


@register.filter
def error_rest(text: str) -> str:
    return text.strip().partition("\n")[2].strip()


@register.inclusion_tag("components/field.html")
def field(bound: BoundField, wide: bool = False) -> dict[str, Any]:
    """One form field with label, help and error, as the look has it."""
    widget = bound.field.widget
    described = [
        f"{bound.id_for_label}-{part}" for part, there in (("help", bound.help_text), ("error", bound.errors)) if there
    ]
    attributes: dict[str, Any] = {"aria-describedby": " ".join(described)} if described else {}
    if bound.errors:
        attributes["aria-invalid"] = "true"
    group = isinstance(widget, RadioSelect | CheckboxSelectMultiple)
    if not isinstance(widget, Select | Textarea | CheckboxInput) and not group:
        attributes["class"] = f"input {widget.attrs.get('class', '')}".strip()
    return {
        "bound": bound,
        "control": "" if group else bound.as_widget(attrs=attributes),
        "shape": "group" if group else "tick" if isinstance(widget, CheckboxInput) else "line",
        "wide": wide,
    }
