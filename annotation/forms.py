"""Forms of this room. What a service refuses is shown at its field, and what was typed stays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from annotation import formats, selectors
from annotation.models import DatasetVersion, Import
from annotation.rows import GROUP, OCCURRED_AT, RAW
from annotation.services import Inspection, how_to_read
from annotation.services.imports import MOST_ROWS, MOST_SEED
from ftplatform.projects.models import Project
from ftplatform.projects.spec import TaskSpec
from ftplatform.ui.forms import RefusableForm

SEED = forms.IntegerField(
    label="Seed", min_value=0, max_value=MOST_SEED, initial=0, help_text="The same seed draws the same tickets."
)


def _detected_or(names: Iterable[str]) -> list[tuple[str, str]]:
    return [("", "Detect automatically"), *((name, name.replace("_", "-")) for name in names)]


class ReadingForm(RefusableForm):
    """How the file is read, where what was found out is wrong."""

    format = forms.ChoiceField(label="Format", required=False, choices=_detected_or(formats.names("read")))
    encoding = forms.ChoiceField(
        label="Encoding",
        required=False,
        choices=_detected_or(formats.ENCODINGS),
        help_text="Choose it where letters with accents look wrong.",
    )
    delimiter = forms.ChoiceField(label="Delimiter", required=False, choices=_detected_or(formats.DELIMITERS))

    def how(self) -> formats.ReadAs:
        """What was chosen; nothing of a form that is not valid."""
        chosen = self.cleaned_data if self.is_bound and self.is_valid() else {}
        return how_to_read(**{name: chosen.get(name, "") for name in ReadingForm.base_fields})


class UploadForm(ReadingForm):
    file = forms.FileField(
        label="File",
        allow_empty_file=False,
        help_text="CSV, TSV, JSON Lines, JSON, Parquet, or an export of Label Studio or Argilla.",
        error_messages={"empty": "The file is empty.", "required": "Choose a file first."},
    )
    field_order = ["file"]


class MappingForm(RefusableForm):
    """What each column becomes, and how the import is done. Columns go by their place in the file, since names can be anything."""

    keep = forms.ChoiceField(
        label="Rows with errors",
        initial="all",
        widget=forms.RadioSelect,
        choices=[
            ("all", "All or nothing: nothing is imported while a row has an error."),
            ("good", "Keep good rows: the others can be downloaded with their reasons, mended and imported later."),
        ],
    )
    duplicates = forms.ChoiceField(
        label="Tickets whose text is here already",
        initial=Import.Duplicates.SKIP,
        choices=Import.Duplicates.choices,
        widget=forms.RadioSelect,
    )
    limit = forms.IntegerField(
        label="Row limit",
        required=False,
        min_value=1,
        max_value=MOST_ROWS,
        help_text="Empty: all. Else a seeded sample, stratified by the first choice field that the file brings.",
    )

    def __init__(self, data: Any, *, spec: TaskSpec, inspection: Inspection, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self.columns = [column.name for column in inspection.columns]
        for place, column in enumerate(inspection.columns):
            self.fields[column_field(place)] = forms.ChoiceField(
                label=column.name, choices=targets(spec), initial=column.suggested
            )

    def mapping(self) -> dict[str, str]:
        return {name: self.cleaned_data[column_field(place)] for place, name in enumerate(self.columns)}


def column_field(place: int) -> str:
    """The field that says what the column at a place becomes: columns can have any name, fields cannot."""
    return f"column_{place}"


def targets(spec: TaskSpec) -> list[tuple[str, str]]:
    """What a column can become."""
    return [
        *((f"input:{column.name}", f"Input: {column.heading}") for column in spec.inputs),
        *((f"field:{field.name}", f"Field: {field.heading}") for field in spec.fields),
        (GROUP, "Group"),
        (OCCURRED_AT, "Occurred at"),
        (RAW, "Keep raw only"),
    ]


class _Stratified(RefusableForm):
    """A draw: by which field the shares are kept."""

    stratify = forms.ChoiceField(
        label="Balance by", required=False, help_text="Each set gets about the same share of each choice of this field."
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        spec = project.task_revision.spec if project.task_revision else None
        named = [(field.name, field.heading) for field in spec.choice_fields] if spec else []
        stratify = self.fields["stratify"]
        assert isinstance(stratify, forms.ChoiceField)
        stratify.choices = [*named, ("", "(no field)")]
        self.initial.setdefault("stratify", named[0][0] if named else "")


class TestSetForm(_Stratified):
    size = forms.IntegerField(
        label="Tickets",
        min_value=2,
        max_value=MOST_ROWS,
        help_text="Whole groups only, so the draw can need more than you ask for.",
    )
    validation = forms.IntegerField(
        label="Of the others, for validation",
        min_value=1,
        max_value=MOST_ROWS,
        required=False,
        help_text="The rest is for training; from it the baseline shows the base model examples. Empty: draw neither yet.",
    )
    seed = SEED
    field_order = ["size", "validation", "stratify", "seed"]


class SplitsForm(_Stratified):
    validation = forms.IntegerField(
        label="For validation", min_value=1, max_value=MOST_ROWS, help_text="Tells when training begins to overfit."
    )
    limit_train = forms.IntegerField(
        label="For training, at most",
        min_value=1,
        max_value=MOST_ROWS,
        required=False,
        help_text="Empty: all the rest.",
    )
    seed = SEED
    field_order = ["validation", "limit_train", "stratify", "seed"]


class FreezeForm(RefusableForm):
    evaluation_set = forms.ModelChoiceField(
        label="Kept apart from",
        queryset=DatasetVersion.objects.none(),
        empty_label=None,
        help_text="No ticket, group or question of it may stand in the training set.",
    )
    train_limit = forms.IntegerField(
        label="Training tickets, at most", min_value=1, max_value=MOST_ROWS, required=False, help_text="Empty: all."
    )
    seed = forms.IntegerField(
        label="Seed",
        min_value=0,
        max_value=MOST_SEED,
        required=False,
        initial=0,
        help_text="Draws the training tickets where not all are taken. Empty: 0.",
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = self.fields["evaluation_set"]
        assert isinstance(chosen, forms.ModelChoiceField)
        chosen.queryset = selectors.versions_of(project, DatasetVersion.Kind.EVALUATION)

    def clean_seed(self) -> int:
        return self.cleaned_data["seed"] or 0


class QueueForm(RefusableForm):
    name = forms.CharField(label="Name", max_length=120)
    source = forms.ChoiceField(label="Tickets", choices=list(selectors.QUEUE_SOURCES.items()))
    limit = forms.IntegerField(
        label="At most", min_value=1, max_value=MOST_ROWS, required=False, help_text="Empty: all of them."
    )
    overlap = forms.IntegerField(
        label="Labelers per ticket",
        min_value=1,
        max_value=20,
        initial=1,
        help_text="With two or more it can be seen how far they agree.",
    )


def export_formats() -> list[tuple[str, str]]:
    """(name, what it is) of every format that a dataset can be written in."""
    return [(name, formats.describe(name)) for name in formats.names("write")]
