"""What can be wrong with a call: an unknown name, votes or options that fit no model."""

from __future__ import annotations


class UnknownLabelModelError(ValueError):
    """No label model has that name; the message lists near ones."""


class VoteError(ValueError):
    """The votes or an option are wrong (a row without an item, a label outside `classes`, …); the message says where."""
