import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from pydantic import ValidationError as SpecError

from ftplatform.accounts.models import Role, User
from ftplatform.accounts.selectors import user_called
from ftplatform.keepable import shown
from ftplatform.projects import editing
from ftplatform.projects.models import TaskRevision
from ftplatform.projects.spec import NAME, TaskField, TaskSpec
from ftplatform.ui.forms import RefusableForm

LEAST_ROWS, MOST_ROWS = 4, 16


def _said(message: str) -> str:
    """A sentence of ours, without pydantic's own words before it."""
    return shown(message).removeprefix("Value error, ")


def spec_errors(error: SpecError) -> list[str]:
    """A task's errors in words, each with its place."""
    return [
        f"{shown('.'.join(map(str, one['loc'])))}: {_said(one['msg'])}".removeprefix(": ")
        for one in error.errors(include_url=False)
    ]


def _at_its_label(place: tuple[int | str, ...]) -> str:
    match place:
        case ("fields", _, "choices", int(at), *_):
            return f"Label {at + 1}: "
    return ""


def read_task(text: str) -> TaskSpec:
    """A task from its JSON. Raises Django's ValidationError with every reason."""
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValidationError("This is nested too deeply to be a task.") from error
    except ValueError as error:
        raise ValidationError(f"This is not JSON: {error}.") from error
    try:
        return TaskSpec.model_validate(content)
    except SpecError as error:
        raise ValidationError(spec_errors(error)) from error


class TaskText(forms.CharField):
    """A text that is kept to the letter. Browsers send CR and LF for the line end that they were given."""

    def __init__(self, *, rows: int = LEAST_ROWS, mono: bool = False, **more: Any) -> None:
        attributes = {"rows": rows, **({"class": "mono", "spellcheck": "false"} if mono else {})}
        super().__init__(required=False, strip=False, widget=forms.Textarea(attrs=attributes), **more)

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")


class TaskForm(RefusableForm):
    """Makes `spec` of its parts or of JSON, and tells at each field what keeps it from being a task."""

    task = TaskText(mono=True)
    is_json = False

    def asks_for_json(self, data: dict[str, Any]) -> bool:
        raise NotImplementedError

    def from_parts(self, data: dict[str, Any]) -> TaskSpec:
        """Raises pydantic's ValidationError."""
        raise NotImplementedError

    def part(self, place: tuple[int | str, ...]) -> str | None:
        """Which field here stands for a place in the task."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        self.is_json = self.asks_for_json(data)
        if self.is_json:
            try:
                data["spec"] = read_task(data["task"])
            except ValidationError as error:
                self.add_error("task", error)
            return data
        try:
            data["spec"] = self.from_parts(data)
        except SpecError as error:
            for one in error.errors(include_url=False):
                self.add_error(self.part(one["loc"]), _at_its_label(one["loc"]) + _said(one["msg"]))
        return data

    def place(self, field: str) -> str | None:
        if field in self.fields:
            return field
        return "task" if self.is_json else self.part(tuple(field.split(".")))


class FirstTaskForm(TaskForm):
    """The first revision of a task: one text in, a label and perhaps a text out."""

    input = forms.RegexField(
        NAME, initial="question", label="Input", help_text="The ticket's text: small letters, digits and _."
    )
    choice = forms.RegexField(
        NAME, required=False, initial="desk", label="Choice field", help_text="Leave empty for none."
    )
    choices = TaskText(
        help_text="One label per line; a description, if there is one, after a bar: permits | what may be built."
    )
    text = forms.RegexField(
        NAME, required=False, initial="reply", label="Text field", help_text="Leave empty for none."
    )
    guidelines = TaskText(help_text="Markdown, shown beside each ticket.")
    task = TaskText(mono=True, label="Or the whole task as JSON", help_text="Replaces the fields above.")
    field_order = ["input", "choice", "choices", "text", "guidelines", "task"]

    def asks_for_json(self, data: dict[str, Any]) -> bool:
        return bool(data["task"].strip())

    def part(self, place: tuple[int | str, ...]) -> str | None:
        return "choices" if place[:1] == ("fields",) else None

    def from_parts(self, data: dict[str, Any]) -> TaskSpec:
        if not data["choice"] and not data["text"]:
            raise ValidationError({"choice": "There is nothing to answer: name a choice field, a text field or both."})
        fields: list[dict[str, object]] = []
        labels = editing.read_labels(data["choices"])
        if data["choice"]:
            choices = [{"value": one.value, "description": one.description} for one in labels]
            fields.append({"name": data["choice"], "kind": "choice", "choices": choices})
        if data["text"]:
            fields.append({"name": data["text"], "kind": "text"})
        asked = "\n".join(f"{field['name']}: <{'label' if field['kind'] == 'choice' else 'text'}>" for field in fields)
        listed = f"Choose {data['choice']} from: {', '.join(one.value for one in labels)}. " if data["choice"] else ""
        return TaskSpec.model_validate(
            {
                "inputs": [{"name": data["input"]}],
                "fields": fields,
                "user": "{"
                + data["input"]
                + "}\n\n"
                + listed.replace("{", "(").replace("}", ")")
                + f"Answer as:\n{asked}",
                "codec": "lines",
                "guidelines": data["guidelines"],
            }
        )


class ProjectForm(FirstTaskForm):
    """A project and the first revision of its task."""

    name = forms.CharField(max_length=120, help_text="What the model should do, in a few words.")
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    field_order = ["name", "description", *FirstTaskForm.field_order]


@dataclass(frozen=True)
class FieldPart:
    """What the page shows of one field of the task. labels: None where it has none, or where lines could not say them."""

    field: TaskField
    labels: BoundField | None
    guidelines: BoundField


class RevisionForm(TaskForm):
    """The next revision of a task: part by part what people change most, or the whole of it as JSON. Renames go with both."""

    how = forms.ChoiceField(
        choices=[("parts", "Part by part"), ("json", "The whole task as JSON")],
        required=False,
        initial="parts",
        widget=forms.RadioSelect,
    )
    system = TaskText(label="System prompt", help_text="Said before every ticket. May be empty.")
    user = TaskText(rows=8, label="User prompt")
    guidelines = TaskText(rows=6, label="Guidelines", help_text="Markdown, shown to labelers beside each ticket.")
    task = TaskText(
        rows=24,
        mono=True,
        label="The task",
        help_text="As it stands. What was typed part by part is not in it, and is left out when this is saved.",
    )
    renames = TaskText(
        label="What became of old labels",
        help_text="One per line: field: old label -> new label. Answers and settled labels are carried over. "
        "The prompt may list labels by name; change it as well.",
    )

    def __init__(self, data: Any = None, *, base: TaskRevision) -> None:
        self.base, self.spec = base, base.spec
        parts = {name: getattr(self.spec, name) for name in ("system", "user", "guidelines")}
        task = json.dumps(self.spec.model_dump(mode="json"), indent=2, ensure_ascii=False)
        super().__init__(data, initial={**parts, "task": task})
        inputs = ", ".join(f"{{{column.name}}}" for column in self.spec.inputs)
        self.fields["user"].help_text = f"The ticket's text stands where its input is named: {inputs}."
        for field in self.spec.fields:
            if field.choices and editing.fits_lines(field):
                self.fields[f"labels-{field.name}"] = TaskText(
                    rows=min(max(len(field.choices) + 1, LEAST_ROWS), MOST_ROWS),
                    label="Labels",
                    initial=editing.label_lines(field),
                    help_text="One per line; a description, if there is one, after a bar.",
                )
            self.fields[f"guidelines-{field.name}"] = TaskText(label="Guidelines", initial=field.guidelines)

    @property
    def parts(self) -> Iterator[FieldPart]:
        for field in self.spec.fields:
            labels = f"labels-{field.name}"
            yield FieldPart(field, self[labels] if labels in self.fields else None, self[f"guidelines-{field.name}"])

    def clean_renames(self) -> dict[str, dict[str, str]]:
        try:
            return editing.read_renames(self.cleaned_data["renames"], self.spec)
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def asks_for_json(self, data: dict[str, Any]) -> bool:
        return bool(data["how"] == "json")

    def from_parts(self, data: dict[str, Any]) -> TaskSpec:
        labels = {field.name: data.get(f"labels-{field.name}") for field in self.spec.fields}
        return editing.revised(
            self.spec,
            system=data["system"],
            user=data["user"],
            guidelines=data["guidelines"],
            labels={name: editing.read_labels(text) for name, text in labels.items() if text is not None},
            field_guidelines={field.name: data[f"guidelines-{field.name}"] for field in self.spec.fields},
            renames=data["renames"],
        )

    def part(self, place: tuple[int | str, ...]) -> str | None:
        match place:
            case ("fields", int(at), *_):
                name = f"labels-{self.spec.fields[at].name}"
            case (str(name), *_):
                pass
            case _:
                return None
        return name if name in self.fields else None

    def place(self, field: str) -> str | None:
        return "renames" if field.startswith("renames.") else super().place(field)


class MemberForm(forms.Form):
    who = forms.CharField(label="User name or e-mail")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.LABELER)

    def clean_who(self) -> User:
        who = self.cleaned_data["who"].strip()
        user = user_called(who) or User.objects.filter(email__iexact=who, email__gt="").first()
        if user is None:
            raise ValidationError(
                "Nobody here has this name or e-mail. The operator makes accounts: manage.py create_user NAME."
            )
        return user
