"""Words as the script mteval-v13a splits them, which is how sacrebleu's BLEU tokenizes unless it is told otherwise.

Equal to sacrebleu's "13a" on every text, by fewer passes: of its four substitutions, each costing a scan with captured groups,
the first replaces the signs that occur, and those for full stop, comma and dash look only where one stands.
"""

from __future__ import annotations

import re

_SIGNS = frozenset('{|}~[\\]^_`!"#$%&()*+:;<=>?@/')
# A single full stop or comma stands by itself unless digits are on both sides of it.
_STOP = re.compile(r"[.,](?:(?<![0-9].)|(?![0-9]))")
_DASH = re.compile(r"-(?<=[0-9]-)")
# Several in a row are split by sacrebleu's own two rules, since the first swallows what the second would see.
_BEFORE, _AFTER = re.compile(r"([^0-9])([.,])"), re.compile(r"([.,])([^0-9])")


def words_13a(text: str) -> list[str]:
    """The words of a text, punctuation as words of its own."""
    line = text.rstrip()
    if "<" in line:
        line = line.replace("<skipped>", "")
    if "\n" in line:
        line = line.replace("-\n", "").replace("\n", " ")
    if "&" in line:
        for entity, sign in (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">")):
            line = line.replace(entity, sign)
    for sign in _SIGNS.intersection(line):
        line = line.replace(sign, f" {sign} ")
    if "." in line or "," in line:
        line = f" {line} "
        if any(pair in line for pair in ("..", ".,", ",.", ",,")):
            line = _AFTER.sub(r" \1 \2", _BEFORE.sub(r"\1 \2 ", line))
        else:
            line = _STOP.sub(r" \g<0> ", line)
    if "-" in line:
        line = _DASH.sub(" - ", line)
    return line.split()
