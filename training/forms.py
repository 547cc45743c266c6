"""The form of a new run, made from the fields of RunPlan: to add a hyperparameter is to add a field there."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from django import forms
from django.forms import BoundField
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from annotation.models import DatasetVersion
from ftplatform.errors import Refused
from ftplatform.projects.models import Project
from inference.models import ModelVersion
from training.plan import RunPlan
from training.preflight import RowCheck, check_rows
from training.selectors import title_of, training_sets, tunable_versions, version_title

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Rows", ("max_length", "overlong")),
    ("Method", ("method", "lora_r", "lora_alpha", "lora_dropout", "target_modules")),
    ("Learning", ("learning_rate", "schedule", "warmup_ratio", "weight_decay", "batch_size", "gradient_accumulation", "short_field_weight")),
    ("Length of the run", ("epochs", "max_steps", "time_budget_seconds", "patience", "eval_every")),
)  # fmt: skip
OTHER = "Rarely changed"
"""Where every field stands that no group names, so that a new one can never be missing from the form."""

CHOICE_TITLES = {"lora": "LoRA", "qlora": "QLoRA", "full": "All weights", "bf16": "bfloat16", "fp32": "float32",
                 "refuse": "Refuse the run", "skip": "Leave them out of the run"}  # fmt: skip


class RunForm(forms.Form):
    """Dataset, base model and every hyperparameter with its default and its help."""

    dataset_version = forms.ModelChoiceField(
        DatasetVersion.objects.none(),
        label="Training set",
        empty_label=None,
        help_text="Frozen, with its validation split",
    )
    base_version = forms.ModelChoiceField(
        ModelVersion.objects.none(), label="Base model", empty_label=None, help_text="What the run begins from"
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["dataset_version"].queryset = training_sets(project)  # type: ignore[attr-defined]
        self.fields["base_version"].queryset = tunable_versions(project)  # type: ignore[attr-defined]
        self.fields["base_version"].label_from_instance = version_title  # type: ignore[attr-defined]
        for name, info in RunPlan.model_fields.items():
            self.fields[name] = form_field(name, info)

    def groups(self) -> list[tuple[str, list[BoundField]]]:
        """(title, fields) in the order of the page."""
        named = {name for _, names in GROUPS for name in names}
        rest = tuple(name for name in RunPlan.model_fields if name not in named)
        return [(title, [self[name] for name in names]) for title, names in (*GROUPS, (OTHER, rest))]

    def row_check(self) -> RowCheck | None:
        """The rows that the chosen set, model and length would not let in. Raises Refused where they cannot be counted.

        The form is bound and may be incomplete: a field that cannot be read is taken as untouched.
        """
        self.is_valid()
        dataset, model = (
            self.cleaned_data.get(name) or self.fields[name].queryset.first()  # type: ignore[attr-defined]
            for name in ("dataset_version", "base_version")
        )
        if dataset is None or model is None:
            return None
        return check_rows(
            dataset, model, self.cleaned_data.get("max_length") or RunPlan.model_fields["max_length"].default
        )

    def warnings(self) -> list[str]:
        """What a bound form holds that is allowed and yet looks like a slip."""
        try:
            plan = RunPlan.model_validate(
                {
                    name: value
                    for name in ("method", "learning_rate")
                    if (value := self.cleaned_data.get(name)) not in ("", None)
                }
            )
        except ValidationError:
            return []  # the field itself says what is wrong when the form is sent
        return plan.warnings

    @property
    def has_rare_errors(self) -> bool:
        """Whether the folded part of the form holds an error and has to stand open."""
        return any(bound.errors for title, bounds in self.groups() if title == OTHER for bound in bounds)

    def hyperparameters(self) -> dict[str, Any]:
        """What was entered, as RunPlan takes it; an empty field that may be empty is None."""
        values: dict[str, Any] = {}
        for name, info in RunPlan.model_fields.items():
            value = self.cleaned_data.get(name)
            values[name] = None if value in ("", None) and allows_none(info) else value
        if values["target_modules"] != "all-linear":
            values["target_modules"] = [
                part.strip() for part in str(values["target_modules"]).split(",") if part.strip()
            ]
        return values

    def refuse(self, refused: Refused) -> None:
        """Puts a service's refusal beside the fields that it names, else above the form."""
        placed = False
        for error in refused.errors:
            name = error.field.split(".")[0]
            if name in self.fields:
                self.add_error(name, error.message)
                placed = True
        if not placed:
            self.add_error(None, refused.message)


def form_field(name: str, info: FieldInfo) -> forms.Field:
    """The form field of one hyperparameter: its kind, limits, default and help come from the model."""
    kind = _plain_type(info.annotation)
    limits = _limits(info)
    common: dict[str, Any] = {
        "label": title_of(name),
        "help_text": info.description or "",
        "initial": info.get_default(call_default_factory=True),
        "required": kind is not bool and not allows_none(info),
    }
    if get_origin(kind) is Literal:
        choices = [(value, CHOICE_TITLES.get(value, str(value).capitalize())) for value in get_args(kind)]
        return forms.ChoiceField(choices=choices, **common)
    if kind is bool:
        return forms.BooleanField(**common)
    if kind is int:
        return forms.IntegerField(min_value=limits.get("ge"), **common)
    if kind is float:
        return forms.FloatField(widget=forms.TextInput(attrs={"inputmode": "decimal"}), **common)
    return forms.CharField(**common)


def allows_none(info: FieldInfo) -> bool:
    return type(None) in get_args(info.annotation)


def _plain_type(annotation: Any) -> Any:
    """`Annotated[int, …] | None` → int. A choice between a word and a list is a line of text."""
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        return _plain_type(parts[0]) if len(parts) == 1 else str
    if get_origin(annotation) is Annotated:
        return _plain_type(get_args(annotation)[0])
    return annotation


def _limits(info: FieldInfo) -> dict[str, Any]:
    parts = [*info.metadata]
    for part in get_args(info.annotation):
        parts += getattr(part, "__metadata__", ())
    found: dict[str, Any] = {}
    for part in parts:
        for one in [part, *getattr(part, "metadata", [])]:
            if getattr(one, "ge", None) is not None:
                found["ge"] = one.ge
    return found
