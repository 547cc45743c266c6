"""Forms of this room: four ways to register a model, and a generation run."""

from __future__ import annotations

from typing import Any

from django import forms

from annotation.models import DatasetVersion
from ftplatform.projects.models import Project
from ftplatform.ui.forms import RefusableForm
from inference.models import ModelVersion
from inference.selectors import askable_sets
from inference.services import Asking
from inference.services.conditions import MOST_SHOTS


class EmbeddedForm(RefusableForm):
    """Nothing to fill in."""


class FolderForm(RefusableForm):
    folder = forms.CharField(
        max_length=400,
        label="Folder",
        help_text="On the machine of this site, under a folder that the operator opened for models",
    )
    name = forms.CharField(
        max_length=120, required=False, label="Name", help_text="Empty: the folder's own name"
    )  # fmt: skip
    licence = forms.CharField(max_length=120, required=False, label="Licence")


class HubForm(RefusableForm):
    name = forms.CharField(max_length=200, label="Name on the hub", help_text="owner/name")
    revision = forms.CharField(
        max_length=40,
        label="Commit",
        help_text="40 hexadecimal digits: a branch or tag could change under an evaluation",
    )


class RemoteForm(RefusableForm):
    url = forms.CharField(
        max_length=400, label="Address", help_text="The API's base, for example https://models.example.org/v1"
    )
    model = forms.CharField(max_length=200, label="Model", help_text="As the address calls it")
    name = forms.CharField(max_length=120, required=False, label="Name here")
    api_key_name = forms.CharField(
        max_length=80,
        required=False,
        label="Key",
        help_text="The operator's environment variable that holds it, FT_KEY_…; never the key itself",
    )


REGISTRATIONS: dict[str, tuple[str, type[RefusableForm]]] = {
    "embedded": ("Embedded", EmbeddedForm),
    "folder": ("Local folder", FolderForm),
    "hub": ("Model hub", HubForm),
    "remote": ("OpenAI-compatible address", RemoteForm),
}


class GenerationForm(RefusableForm):
    """Versions × conditions on one split."""

    versions = forms.ModelMultipleChoiceField(
        ModelVersion.objects.none(), widget=forms.CheckboxSelectMultiple, label="Model versions"
    )
    split = forms.ChoiceField(label="Tickets", help_text="A frozen set and its split")
    decodings = forms.MultipleChoiceField(
        choices=[
            ("zero-shot", "Zero-shot: the ticket alone"),
            ("k-shot", "k-shot: with examples drawn from train"),
            ("constrained", "Constrained choice: the likeliest label"),
            ("constrained-calibrated", "Constrained choice, calibrated (needs the one above)"),
        ],
        widget=forms.CheckboxSelectMultiple,
        initial=["zero-shot"],
        label="Prompt conditions",
    )
    shots = forms.IntegerField(min_value=1, max_value=MOST_SHOTS, initial=3, label="Examples of k-shot")
    seed = forms.IntegerField(
        min_value=0, max_value=2**31 - 1, initial=0, label="Seed", help_text="Of the draw of examples and of sampling"
    )
    temperature = forms.FloatField(
        min_value=0,
        max_value=5,
        initial=0.0,
        label="Temperature",
        help_text="0 is greedy: the same answer each time",
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
    )
    max_new_tokens = forms.IntegerField(
        min_value=1, max_value=4096, label="Tokens, at most", help_text="An answer is cut off there, and counted as such"
    )  # fmt: skip

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assert project.task_revision
        self._sets = {f"{one.pk}:{split}": (one, split) for one, split in askable_sets(project, project.task_revision)}
        self.fields["versions"].queryset = ModelVersion.objects.filter(project=project).order_by("-number")  # type: ignore[attr-defined]
        self.fields["split"].choices = [  # type: ignore[attr-defined]
            (key, f"{one}, {split}: {one.counts[split]:,} tickets") for key, (one, split) in self._sets.items()
        ]
        self.fields["max_new_tokens"].initial = project.task_revision.spec.max_new_tokens

    @property
    def has_sets(self) -> bool:
        return bool(self._sets)

    def dataset(self) -> tuple[DatasetVersion, str]:
        return self._sets[self.cleaned_data["split"]]

    def askings(self) -> list[Asking]:
        shots, seed = self.cleaned_data["shots"], self.cleaned_data["seed"]
        names = [f"{shots}-shot" if name == "k-shot" else name for name in self.cleaned_data["decodings"]]
        return [Asking.named(name, seed=seed) for name in names]

    def sampling(self) -> dict[str, object]:
        return {name: self.cleaned_data[name] for name in ("temperature", "max_new_tokens", "seed")}
