"""Revising a task: its words as a form where each label fits a line, the whole of it as JSON otherwise."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from django import forms
from pydantic import ValidationError as SpecError

from ftplatform.errors import Refused
from ftplatform.projects.carriers import Renames
from ftplatform.projects.forms import spec_errors
from ftplatform.projects.spec import Choice, TaskField, TaskSpec
from ftplatform.ui.forms import RefusableForm

ARROW = re.compile(r"→|->")
BAR = "|"


def lines_of(text: str) -> str:
    """A text as a person typed it, with line ends as they were before a browser sent them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


class RevisionForm(RefusableForm):
    """What every way to revise has: the renames, and the revision that the page was made from."""

    grown_from = forms.IntegerField(widget=forms.HiddenInput)
    renames = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}),
        label="Renamed labels",
        help_text="One a line: old → new (or ->), with the field before it where two fields have the label: desk: old → new. "
        "Answers follow.",
    )

    def __init__(self, data: Any = None, *, present: TaskSpec, grown_from: int) -> None:
        super().__init__(data, initial={"grown_from": grown_from, **self.shown(present)})
        self.present = present

    def shown(self, present: TaskSpec) -> dict[str, Any]:
        """What stands in the fields at first."""
        raise NotImplementedError

    def read(self) -> dict[str, Any]:
        """The task as it was typed, for TaskSpec. Raises ValueError with the reason."""
        raise NotImplementedError

    def clean_renames(self) -> Renames:
        renames: dict[str, dict[str, str]] = {}
        for line in filter(str.strip, lines_of(self.cleaned_data["renames"]).split("\n")):
            field, old, new = self._rename(line)
            renames.setdefault(field, {})[old] = new
        return renames

    def _rename(self, line: str) -> tuple[str, str, str]:
        """(field, old, new). Labels may hold colons and arrows of their own, so each arrow is tried."""
        found = {
            (field.name, old, line[arrow.end() :].strip())
            for arrow in ARROW.finditer(line)
            for field, old in self._labels(line[: arrow.start()].strip())
        }
        if not found:
            raise forms.ValidationError(
                f"“{line.strip()}” does not begin with a label of the present task and an arrow."
            )
        if len(found) > 1:
            raise forms.ValidationError(f"“{line.strip()}” can be read in two ways; write the field before it.")
        return found.pop()

    def _labels(self, text: str) -> Iterator[tuple[TaskField, str]]:
        """What a text can name: a label of any field, or of the field before the colon."""
        for field in self.present.fields:
            for old in (text, text.removeprefix(f"{field.name}:").strip()):
                if old in field.labels:
                    yield field, old
                    break

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            data["spec"] = TaskSpec.model_validate(self.read())
        except SpecError as error:
            for message in spec_errors(error):
                self.add_error(None, message)
        except ValueError as error:
            self.add_error(None, str(error))
        return data

    def refuse(self, refused: Refused) -> None:
        """Renames that name no label are told beside them; what the answers contradict stands beside the form, with its counts."""
        at_renames = [error for error in refused.errors if error.field.startswith("renames.")]
        for error in at_renames:
            self.add_error("renames", error.message)
        if not at_renames and refused.code != "breaks-answers":
            self.add_error(None, refused.message)


class WordsForm(RevisionForm):
    """Guidelines, labels and prompt. Everything else of the task stays as it is."""

    guidelines = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text="Markdown, shown beside each ticket.",
    )
    system = forms.CharField(
        required=False, strip=False, widget=forms.Textarea(attrs={"rows": 4, "class": "mono"}), label="Prompt, system"
    )
    user = forms.CharField(strip=False, widget=forms.Textarea(attrs={"rows": 8, "class": "mono"}), label="Prompt, user")

    def __init__(self, data: Any = None, *, present: TaskSpec, grown_from: int) -> None:
        super().__init__(data, present=present, grown_from=grown_from)
        names = ", ".join(f"{{{column.name}}}" for column in present.inputs)
        self.fields["user"].help_text = f"Inputs of the ticket: {names}."
        for place, field in _labelled(present):
            self.fields[_labels_name(place)] = forms.CharField(
                label=f"Labels of {field.heading}",
                widget=forms.Textarea(attrs={"rows": min(len(field.choices) + 2, 16)}),
                help_text="One a line: label | description, or label | title | description.",
            )
        self.order_fields(["guidelines", *(_labels_name(place) for place, _ in _labelled(present)), "renames"])

    @staticmethod
    def fits(spec: TaskSpec) -> bool:
        """Whether each label can stand on a line of its own."""
        texts = [
            text
            for field in spec.fields
            for choice in field.choices
            for text in (choice.value, choice.title, choice.description)
        ]
        return all(text == text.strip() and not re.search(r"[|\r\n]", text) for text in texts)

    def shown(self, present: TaskSpec) -> dict[str, Any]:
        words = {"guidelines": present.guidelines, "system": present.system, "user": present.user}
        labels = {_labels_name(place): "\n".join(map(_line, field.choices)) for place, field in _labelled(present)}
        return {**words, **labels}

    def read(self) -> dict[str, Any]:
        data = self.cleaned_data
        fields = [field.model_dump(mode="json") for field in self.present.fields]
        for place, field in _labelled(self.present):
            keys = _keys(field, data["renames"].get(field.name, {}))
            typed = lines_of(data[_labels_name(place)]).split("\n")
            fields[place]["choices"] = [_choice(line, keys) for line in typed if line.strip()]
        words = {name: lines_of(data[name]) for name in ("guidelines", "system", "user")}
        return {**self.present.model_dump(mode="json"), **words, "fields": fields}


class WholeForm(RevisionForm):
    """The whole task as JSON: fields, kinds, codec and metrics too."""

    task = forms.CharField(widget=forms.Textarea(attrs={"rows": 28, "class": "mono"}), label="The whole task")
    field_order = ["task", "renames"]

    def shown(self, present: TaskSpec) -> dict[str, Any]:
        return {"task": json.dumps(present.model_dump(mode="json"), indent=2, ensure_ascii=False)}

    def read(self) -> dict[str, Any]:
        try:
            task = json.loads(self.cleaned_data["task"])
        except json.JSONDecodeError as error:
            raise ValueError(f"This is no JSON: {error}.") from error
        if not isinstance(task, dict):
            raise ValueError("A task is a JSON object: {…}.")
        return task


def _labelled(spec: TaskSpec) -> list[tuple[int, TaskField]]:
    return [(place, field) for place, field in enumerate(spec.fields) if field.choices]


def _labels_name(place: int) -> str:
    return f"labels_{place}"


def _line(choice: Choice) -> str:
    parts = [choice.value, choice.title, choice.description] if choice.title else [choice.value, choice.description]
    return f" {BAR} ".join(parts) if any(parts[1:]) else choice.value


def _choice(line: str, keys: dict[str, str]) -> dict[str, str]:
    value, *rest = (part.strip() for part in line.split(BAR, 2))
    title, description = rest if len(rest) == 2 else ("", *rest) if rest else ("", "")
    return {"value": value, "title": title, "description": description, "hotkey": keys.get(value, "")}


def _keys(field: TaskField, renamed: Any) -> dict[str, str]:
    """A label keeps its key under its new name."""
    return {renamed.get(choice.value, choice.value): choice.hotkey for choice in field.choices}
