"""What can be wrong with a call: an unknown name, input that fits no metric, a figure that cannot be had."""

from __future__ import annotations


class UnknownMetricError(ValueError):
    """No metric has that name; the message lists near ones."""


class MetricInputError(ValueError):
    """The input is wrong (lengths differ, a reference outside the labels, …); the message names the row and the remedy."""


class Absent(Exception):
    """Raised by a member when the data allow no figure (no examples, one class only).

    `registry.compute` turns it into a result whose value is None and whose `details["reason"]` is the message.
    """
