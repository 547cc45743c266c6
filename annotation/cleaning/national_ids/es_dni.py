"""Spain: DNI of citizens and NIE of foreigners, eight digits (or X, Y, Z and seven) and a check letter."""

import re

from annotation.cleaning.national_ids import NationalId

_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"
_FIRST = str.maketrans("XYZ", "012")


def is_valid(number: str) -> bool:
    """Whether the letter is that of the number modulo 23."""
    return number[-1] == _LETTERS[int(number[:-1].translate(_FIRST)) % 23]


NATIONAL_ID = NationalId(
    name="es_dni",
    title="DNI / NIE (Spain)",
    pattern=re.compile(r"(?:[XYZ][ .–-]?\d{7}|\d{2}\.?\d{3}\.?\d{3})[ –-]?[A-HJ-NP-TV-Z]", re.IGNORECASE | re.ASCII),
    is_valid=is_valid,
    source="Ministerio del Interior, Cálculo del dígito de control del NIF/NIE",
    least_digits=7,
)
