import json

from django import forms
from django.core.exceptions import ValidationError
from pydantic import ValidationError as SpecError

from ftplatform.accounts.models import Role, User
from ftplatform.projects.spec import TaskSpec
from ftplatform.ui.forms import RefusableForm


def spec_errors(error: SpecError) -> list[str]:
    """A task's errors in words, each with its place."""
    return [
        f"{'.'.join(map(str, one['loc']))}: {one['msg']}".removeprefix(": ").replace("Value error, ", "")
        for one in error.errors(include_url=False)
    ]


class NewTaskForm(RefusableForm):
    """The first revision of a task: one text in, a label and perhaps a text out."""

    input = forms.RegexField(
        r"^[a-z][a-z0-9_]{0,39}$",
        initial="question",
        label="Input",
        help_text="The ticket's text: small letters, digits and _.",
    )
    choice = forms.RegexField(
        r"^[a-z][a-z0-9_]{0,39}$",
        required=False,
        initial="desk",
        label="Choice field",
        help_text="Leave empty for none.",
    )
    choices = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One label a line; a description, if there is one, after a bar: permits | what may be built.",
    )
    text = forms.RegexField(
        r"^[a-z][a-z0-9_]{0,39}$",
        required=False,
        initial="reply",
        label="Text field",
        help_text="Leave empty for none.",
    )
    guidelines = forms.CharField(
        required=False, widget=forms.Textarea(attrs={"rows": 4}), help_text="Markdown, shown beside each ticket."
    )
    task = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono"}),
        label="Or the whole task as JSON",
        help_text="Replaces the fields above.",
    )

    def clean(self) -> dict[str, object]:
        data = super().clean() or {}
        if self.errors:
            return data
        task = data["task"].strip()
        try:
            data["spec"] = TaskSpec.model_validate(json.loads(task)) if task else self._spec(data)
        except json.JSONDecodeError as error:
            self.add_error("task", f"This is no JSON: {error}.")
        except SpecError as error:
            for message in spec_errors(error):
                self.add_error("task" if task else None, ValidationError(message))
        return data

    def _spec(self, data: dict[str, str]) -> TaskSpec:
        fields: list[dict[str, object]] = []
        lines = [line.partition("|") for line in data["choices"].splitlines() if line.strip()]
        if data["choice"]:
            labels = [{"value": value.strip(), "description": text.strip()} for value, _, text in lines]
            fields.append({"name": data["choice"], "kind": "choice", "choices": labels})
        if data["text"]:
            fields.append({"name": data["text"], "kind": "text"})
        asked = "\n".join(f"{field['name']}: <{'label' if field['kind'] == 'choice' else 'text'}>" for field in fields)
        listed = (
            f"Choose {data['choice']} from: {', '.join(value.strip() for value, _, _ in lines)}. "
            if data["choice"]
            else ""
        )
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


class ProjectForm(NewTaskForm):
    """A project and the first revision of its task."""

    name = forms.CharField(max_length=120, help_text="What the model should do, in a few words.")
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    field_order = ["name", "description"]


class MemberForm(forms.Form):
    who = forms.CharField(label="User name or e-mail")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.LABELER)

    def clean_who(self) -> User:
        who = self.cleaned_data["who"].strip()
        user = (
            User.objects.filter(username__iexact=who).first()
            or User.objects.filter(email__iexact=who, email__gt="").first()
        )
        if user is None:
            raise ValidationError(
                "Nobody here has this name or e-mail. The operator makes accounts: manage.py create_user NAME."
            )
        return user
