"""United States: Social Security number, written with hyphens; it has no check digit."""

import re

from annotation.cleaning.national_ids import NationalId


def is_valid(number: str) -> bool:
    """Whether area, group and serial are given out."""
    area, group, serial = number[:3], number[3:5], number[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


NATIONAL_ID = NationalId(
    name="us_ssn",
    title="Social Security number (USA)",
    pattern=re.compile(r"\d{3}[-–\u2011]\d{2}[-–\u2011]\d{4}", re.ASCII),
    is_valid=is_valid,
    source="SSA, SSN Randomization, 2011",
    least_digits=9,
)
