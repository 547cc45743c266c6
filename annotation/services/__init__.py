"""What a user can do in this room: import, draw sets, freeze, label, resolve, export."""

from annotation.services.datasets import ItemDraft, freeze_dataset
from annotation.services.export import export_dataset
from annotation.services.imports import Inspection, how_to_read, inspect_file, start_import
from annotation.services.labelling import (
    Submitted,
    flag_example,
    release_lease,
    revise_annotation,
    save_draft,
    skip_lease,
    submit_annotation,
    take_any_lease,
    take_lease,
)
from annotation.services.queues import close_queue, open_queue, reopen_queue
from annotation.services.resolution import adjudicate
from annotation.services.sets import (
    draw_and_freeze,
    draw_splits,
    freeze_evaluation_set,
    freeze_training_set,
    refreeze_evaluation_set,
)

__all__ = [
    "Inspection",
    "ItemDraft",
    "Submitted",
    "adjudicate",
    "close_queue",
    "draw_and_freeze",
    "draw_splits",
    "export_dataset",
    "flag_example",
    "freeze_dataset",
    "freeze_evaluation_set",
    "freeze_training_set",
    "how_to_read",
    "inspect_file",
    "open_queue",
    "refreeze_evaluation_set",
    "release_lease",
    "reopen_queue",
    "revise_annotation",
    "save_draft",
    "skip_lease",
    "start_import",
    "submit_annotation",
    "take_any_lease",
    "take_lease",
]
