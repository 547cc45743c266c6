"""How the tests of cleaning list what a rule makes of texts."""

import pytest


def cases(*listed):
    """For each a pair of a text and what becomes of it, or a text that stays."""
    return pytest.mark.parametrize(("raw", "wanted"), [(one, one) if isinstance(one, str) else one for one in listed])
