"""Numbers as people write them, in a file's cell or a form: read exactly or refused, never guessed."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[+-]?(\d+)(?:([.,])(\d+))?(?:[eE][+-]?\d{1,3})?", re.ASCII)
MOST_EXACT = 2**53  # whole numbers up to here are the same in a float, and so in every JSON reader


def read_number(text: str) -> int | float:
    """A number with a point or a comma before its decimals. Raises ValueError that says why a text is not a number.

    >>> read_number("1,5"), read_number(" 3.0 "), read_number("-2e3")
    (1.5, 3, -2000)
    """
    text = text.strip()
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a number; write it as 1500 or 1.5")
    whole, sign, decimals = match[1], match[2], match[3]
    if sign == "," and len(decimals) == 3 and 1 <= len(whole) <= 3 and whole != "0":
        raise ValueError(f"{text[:40]!r} can be read in two ways; write {whole}{decimals} or {whole}.{decimals}")
    number = float(text.replace(",", "."))
    if abs(number) > MOST_EXACT:
        raise ValueError(
            f"{text[:40]!r} is too large to be kept digit by digit; if it is a code, make the field a text"
        )
    return int(number) if number.is_integer() else number
