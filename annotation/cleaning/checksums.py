"""Check digits of numbers that identify accounts and people."""

from __future__ import annotations


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812-1, annex B). `digits`: ASCII digits only."""
    total = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        doubled = digit * (1 + place % 2)
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def mod97(account: str) -> bool:
    """Whether an IBAN's check digits hold (ISO 13616-1, ISO 7064 MOD 97-10). `account`: upper case, without spaces."""
    moved = account[4:] + account[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1
