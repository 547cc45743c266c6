"""Sweden: personnummer and samordningsnummer, a date of birth, three digits and a check digit.

Ten digits that begin with 07 or 08 need the hyphen: they are phone numbers more often. With a space instead of the hyphen they may
be a day and an hour, and need the word before them.
"""

import re
from datetime import date

from annotation.cleaning.checksums import luhn
from annotation.cleaning.national_ids import NationalId

_WORDS = ("personnummer", "personnumret", "personnr", "person-nr", "pnr", "samordningsnummer")
_BEHIND_A_WORD = "|".join(
    rf"(?<={word}{sign} \d{{{count}}} \d{{4}})" for word in _WORDS for sign in ("", ":", ".", " är") for count in (6, 8)
)


def is_valid(number: str) -> bool:
    """A day that exists (plus 60 for a samordningsnummer), and Luhn over the ten digits without the century."""
    digits = re.sub(r"\D", "", number)
    short = digits[-10:]
    year, month, day = int(digits[:4]) if len(digits) == 12 else 2000 + int(short[:2]), int(short[2:4]), int(short[4:6])
    try:
        date(year, month, day - 60 if day > 60 else day)
    except ValueError:
        return False
    return luhn(short)


NATIONAL_ID = NationalId(
    name="se_personnummer",
    title="Personnummer (Sweden)",
    pattern=re.compile(
        r"(?:(?:19|20)\d{6}[-+–\u2011]?\d{4}|\d{6}[-+–\u2011]\d{4}|(?!0[78])\d{10}|"
        rf"(?:\d\d)?\d{{6}} \d{{4}}(?:{_BEHIND_A_WORD}))",
        re.ASCII | re.IGNORECASE,
    ),
    is_valid=is_valid,
    source="Folkbokföringslagen (1991:481), 18 §; Skatteverket SKV 704",
    least_digits=10,
)
