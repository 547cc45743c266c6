"""Label models: votes of people, functions and models joined into one posterior per item, and how good each source is.

    from annotation.labelmodel import fit
    result = fit("dawid_skene", [("ticket 7", "ada", "refund"), ("ticket 7", "keyword", None), …])
    result.labels["ticket 7"], result.posteriors, result.quality.of("ada")

Django-free; a registry with one file per member, see `names()` and `describe()`. A figure that cannot be had is NaN or
None, and `result.warnings` or `result.quality.of(worker).reason` says why.
"""

from annotation.labelmodel.alike import Alike
from annotation.labelmodel.errors import UnknownLabelModelError, VoteError
from annotation.labelmodel.joining import fit
from annotation.labelmodel.quality import SourceQuality
from annotation.labelmodel.registry import Description, describe, names
from annotation.labelmodel.result import LabelModelResult

__all__ = [
    "Alike",
    "Description",
    "LabelModelResult",
    "SourceQuality",
    "UnknownLabelModelError",
    "VoteError",
    "describe",
    "fit",
    "names",
]
