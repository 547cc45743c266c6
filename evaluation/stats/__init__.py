"""Statistics of ratings, votes and scores: plain Python over numpy and scipy, a module a question.

    from evaluation.stats import describe, names          what there is, for which design, by whom
    from evaluation.stats.paired import compare

A figure that cannot be had is NaN, and `reason` says why; it is never 0.
"""

from evaluation.stats.registry import Description, UnknownStatisticError, describe, names

__all__ = ["Description", "UnknownStatisticError", "describe", "names"]
