"""Our own small set of pictures: icons name a thing, glyphs show a state. Drawn on a 16 × 16 grid, styled by style.css."""

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

ICONS: dict[str, str] = {
    "logo": '<circle cx="8" cy="8" r="5.75"/><circle cx="12.1" cy="3.9" r="2.4" fill="currentColor" stroke="var(--paper)" stroke-width="1.25"/>',
    "search": '<circle cx="7" cy="7" r="4.25"/><path d="m10.2 10.2 3.3 3.3"/>',
    "down": '<path d="m4 6.5 4 4 4-4"/>',
    "check": '<path d="m3 8.5 3.2 3.2L13 4.8"/>',
    "close": '<path d="m4 4 8 8m0-8-8 8"/>',
    "left": '<path d="M13 8H3.5m4-4-4 4 4 4"/>',
    "right": '<path d="M3 8h9.5m-4-4 4 4-4 4"/>',
    "import": '<path d="M8 2.5v7m-3-3 3 3 3-3M2.5 10.5v3h11v-3"/>',
    "export": '<path d="M8 9.5v-7m-3 3 3-3 3 3M2.5 10.5v3h11v-3"/>',
    "flag": '<path d="M4 14V2.5h7.5l-1.5 3 1.5 3H4"/>',
    "note": '<path d="M3 2.5h10v8L10 13.5H3zM5.5 6h5m-5 3h3"/>',
    "undo": '<path d="M5.5 3 2.5 6l3 3M2.5 6H10a3.5 3.5 0 0 1 0 7H7"/>',
    "skip": '<path d="m3 4 4.5 4L3 12m5-8 4.5 4L8 12"/>',
    "book": '<path d="M8 4.5C6.5 3.2 4.5 2.8 2.5 3v9.5c2-.2 4 .2 5.5 1.3 1.5-1.1 3.5-1.5 5.5-1.3V3c-2-.2-4 .2-5.5 1.5zm0 0v9"/>',
    "lock": '<path d="M3.5 7h9v6.5h-9zM5.5 7V5a2.5 2.5 0 0 1 5 0v2"/>',
    "clock": '<circle cx="8" cy="8" r="5.75"/><path d="M8 4.8V8l2.2 1.6"/>',
    "plus": '<path d="M8 3v10M3 8h10"/>',
    "stop": '<path d="M4 4h8v8H4z"/>',
    "sort": '<path d="M8 3v10m-3-3 3 3 3-3"/>',
    "pen": '<path d="m3 13 .8-3.2L10.5 3 13 5.5 6.2 12.2zM9 4.5 11.5 7"/>',
    "file": '<path d="M3.5 2.5H9l3.5 3.5v7.5h-9zM9 2.5V6h3.5"/>',
    "info": '<circle cx="8" cy="8" r="5.75"/><path d="M8 7.3v3.7M8 5v.1"/>',
    "eye": '<path d="M1.8 8S4 3.8 8 3.8 14.2 8 14.2 8 12 12.2 8 12.2 1.8 8 1.8 8z"/><circle cx="8" cy="8" r="1.8"/>',
    "retry": '<path d="M13 8a5 5 0 1 1-1.6-3.7M13.2 2v3h-3"/>',
}

_DISC = '<circle cx="8" cy="8" r="7"/><path class="cut" d="m4.8 8.2 2.2 2.2 4.2-4.6"/>'
_RING = '<circle class="ring" cx="8" cy="8" r="6"/>'
GLYPHS: dict[str, str] = {
    "good": _DISC,
    "done": _DISC,
    "wait": '<path d="M8 .6 15.4 8 8 15.4 .6 8z"/><path class="cut" d="M8 4.7v3.8m0 2.7v.1"/>',
    "undecided": '<path d="M8 .6 15.4 8 8 15.4 .6 8z"/><path class="cut" d="M6.3 6.6c0-2.4 3.4-2.4 3.4-.2C9.7 7.7 8 7.7 8 9.2m0 2.2v.1"/>',
    "bad": '<path d="M1.5 1.5h13v13h-13z"/><path class="cut" d="m5.2 5.2 5.6 5.6m0-5.6-5.6 5.6"/>',
    "locked": '<circle class="ring" cx="8" cy="8" r="6" stroke-dasharray="2.3 2.4"/>',
    "todo": _RING,
}
_TONES = {"good": "good", "wait": "wait", "undecided": "wait", "bad": "bad", "run": "run"}


def icon(name: str) -> SafeString:
    """An icon by name. Raises KeyError for a name that is not in ICONS."""
    return mark_safe(f'<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">{ICONS[name]}</svg>')  # noqa: S308 - from the table above


def glyph(state: str, percent: float | None = None, *, tone: bool = True) -> SafeString:
    """The shape of a state: disc in order, diamond needs a person, square stopped, ring in work or not begun, dotted ring locked.

    percent (0–100) fills the ring of `run`. tone: whether it brings its own colour; the loop's strip colours its own.
    """
    css = f"glyph {_TONES.get(state, 'idle')}" if tone else "glyph"
    shape: SafeString
    if state == "run":
        shape = format_html(
            '<circle class="track" cx="8" cy="8" r="6"/><circle class="arc" cx="8" cy="8" r="6" pathLength="100"'
            ' stroke-dasharray="{} 100" transform="rotate(-90 8 8)"/>',
            25 if percent is None else round(percent),
        )
    else:
        shape = mark_safe(GLYPHS.get(state, _RING))  # noqa: S308 - from the table above
    return format_html('<svg class="{}" viewBox="0 0 16 16" aria-hidden="true">{}</svg>', css, shape)


def badge(state: str, text: str, percent: float | None = None) -> SafeString:
    """A glyph and a word, no pill."""
    return format_html('<span class="badge">{}<span>{}</span></span>', glyph(state, percent), text)
