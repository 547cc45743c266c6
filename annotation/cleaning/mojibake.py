"""Mojibake: UTF-8 that was read as another encoding, repaired by ftfy, with the places of what it repaired.

The repair is ftfy's (Robyn Speer 2019, https://doi.org/10.5281/zenodo.2591652). An implementation of our own for the codecs of
Western Europe was right in 86 of the 161 cases of ftfy's test suite and "repaired" some texts that are right (√π, ∆°, ×£); what
looks wrong in ten code pages is an experience of years. ftfy gives a text and no places: here its answer is laid beside the
question. It takes 0.1 ms for a text with letters beyond ASCII, so that only lines with a sequence of the kinds that it takes for
mojibake are shown to it.
"""

from __future__ import annotations

import re

from ftfy import fix_encoding
from ftfy.badness import is_bad

from annotation.cleaning.rule import Change, least

# A sign that every pattern of `ftfy.badness.BADNESS_RE` needs: two signs side by side that are not ASCII, a C1 control, or one of the
# few signs that look wrong beside ASCII.
_SUSPECT = re.compile("[^\x00-\x7f](?:[^\x00-\x7f]|(?<=[\x80-\x9f])|(?<=[Œœ])[^A-Za-z]|(?<=[ÃÂ]) )")
_COMMON = ("latin-1", "sloppy-windows-1252")  # the first that ftfy tries; sloppy is Windows-1252 as browsers have it
_LOST_QUOTE = re.compile(r"â€(?=[\s.,;:!?)\]]|\Z)")  # whose last byte, undefined in Windows-1252, was dropped
_LINE = re.compile(r"[^\n]+")

# ASCII stays in a repair, but for a space that was a no-break one (voilÃ  → voilà), "?" where a byte was lost, and NUL and SUB,
# which ftfy uses itself. The first anchors that both texts share tell what became of what.
_ANCHORS = (re.compile("[\x01-\x19\x1b-\x7f]+"), re.compile("[\x01-\x19\x1b-\x1f!->@-\x7f]+"))


def repairs(text: str) -> list[Change]:
    """What ftfy changes in each line of the text, however often it was encoded; in order and apart."""
    if text.isascii() or not _SUSPECT.search(text):
        return []
    found: list[Change] = []
    for line in _LINE.finditer(text):
        if _SUSPECT.search(line[0]) and (fixed := _repaired(line[0])) != line[0]:
            found += _changes(line.start(), line[0], fixed)
    return found


def _repaired(line: str) -> str:
    """What `ftfy.fix_encoding` gives, sooner where all of the line was UTF-8 read as Latin-1 or Windows-1252, once: ftfy looks at
    its result again from end to end."""
    if not is_bad(line):
        return line
    if "├" in line or "ÔÇ" in line:
        return _from_dos(line)
    for encoding in _COMMON if "\ufffd" not in line else ():
        try:
            fixed = line.encode(encoding).decode("utf-8")
        except UnicodeEncodeError:
            continue
        except UnicodeDecodeError:
            break
        if not _SUSPECT.search(fixed):
            return fixed
        break
    return _LOST_QUOTE.sub("”", fix_encoding(line))


def _from_dos(line: str) -> str:
    """The line, where all of it was UTF-8 read as a code page of consoles. ftfy does not know 850, which Western Europe has."""
    for encoding in ("cp437", "cp850"):
        try:
            return line.encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
    return fix_encoding(line)


def _changes(start: int, before: str, after: str) -> list[Change]:
    """The least changes that make `before`, which begins at `start`, into `after`: between the runs of ASCII that both have."""
    for anchor in _ANCHORS:
        old, new = list(anchor.finditer(before)), list(anchor.finditer(after))
        if [run[0] for run in old] == [run[0] for run in new]:
            gaps = zip(_gaps(old, len(before)), _gaps(new, len(after)), strict=True)
            return [
                least(start + low, before[low:high], after[new_low:new_high])
                for (low, high), (new_low, new_high) in gaps
                if before[low:high] != after[new_low:new_high]
            ]
    return [least(start, before, after)]


def _gaps(runs: list[re.Match[str]], length: int) -> list[tuple[int, int]]:
    """Where the text between the runs is, with that before the first and that behind the last."""
    begins = [0, *(run.end() for run in runs)]
    ends = [*(run.start() for run in runs), length]
    return list(zip(begins, ends, strict=True))
