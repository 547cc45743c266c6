"""United Kingdom: National Insurance number, two letters, six digits and a letter; it has no check digit."""

import re

from annotation.cleaning.national_ids import NationalId

_NEVER = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def is_valid(number: str) -> bool:
    """Whether the prefix is one that is given out."""
    return number[:2] not in _NEVER


NATIONAL_ID = NationalId(
    name="gb_nino",
    title="National Insurance number (UK)",
    pattern=re.compile(r"[ABCEGHJ-PRSTW-Z][ABCEGHJ-NPRSTW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]", re.ASCII),
    is_valid=is_valid,
    source="HMRC, National Insurance Manual NIM39110",
)
