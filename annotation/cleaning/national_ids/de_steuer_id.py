"""Germany: tax number of a person, eleven digits of which one occurs twice or three times, with a check digit."""

import re
from collections import Counter

from annotation.cleaning.national_ids import NationalId


def is_valid(number: str) -> bool:
    """ISO 7064 MOD 11,10; among the first ten digits one occurs twice or three times, the others at most once."""
    counts = sorted(Counter(number[:10]).values(), reverse=True)
    if counts[0] not in (2, 3) or counts[1] > 1:
        return False
    product = 10
    for digit in map(int, number[:10]):
        total = (digit + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(number[10])


NATIONAL_ID = NationalId(
    name="de_steuer_id",
    title="Steuer-ID (Germany)",
    pattern=re.compile(r"[1-9]\d(?: ?\d{3}){3}", re.ASCII),
    is_valid=is_valid,
    source="§ 139b AO; BZSt, Steuerliche Identifikationsnummer",
    least_digits=11,
)
