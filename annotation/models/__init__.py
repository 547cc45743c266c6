"""Tickets and what people say of them. One file per group; import from here."""

from annotation.models.datasets import DatasetItem, DatasetVersion
from annotation.models.examples import Example, ExampleContent, Import, ImportDuplicate, ImportRowError, Split
from annotation.models.handout import HandoutSlot, Lease, Queue, QueueCursor
from annotation.models.labels import Annotation, CurrentAnswer, ResolvedLabel, Suggestion

__all__ = [
    "Annotation",
    "CurrentAnswer",
    "DatasetItem",
    "DatasetVersion",
    "Example",
    "ExampleContent",
    "HandoutSlot",
    "Import",
    "ImportDuplicate",
    "ImportRowError",
    "Lease",
    "Queue",
    "QueueCursor",
    "ResolvedLabel",
    "Split",
    "Suggestion",
]
