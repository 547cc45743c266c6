"""Keys of rows as they come in an address."""

MOST_DIGITS = 40
"""More than a bigint has: a key beyond all rows is still a key. Python refuses to read thousands of digits."""


def key_of(text: str) -> int | None:
    """The key that a text is, or None. Other scripts' digits are no key, though Python reads them."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else None
