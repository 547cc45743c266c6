"""France: social security number (NIR), thirteen signs and a key of two digits."""

import re

from annotation.cleaning.national_ids import NationalId


def is_valid(number: str) -> bool:
    """Whether the key is 97 less the number modulo 97; Corsica's 2A and 2B count as 19 and 18."""
    body = number[:13].replace("2A", "19").replace("2B", "18")
    return body.isdigit() and 97 - int(body) % 97 == int(number[13:])


NATIONAL_ID = NationalId(
    name="fr_nir",
    title="NIR (France)",
    pattern=re.compile(
        r"[1-478] ?\d{2} ?(?:0[1-9]|[1-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}", re.IGNORECASE | re.ASCII
    ),
    is_valid=is_valid,
    source="INSEE, Numéro d'inscription au répertoire",
    least_digits=13,
)
