"""Forms of this room: a baseline, a comparison, release rules, a campaign."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from pydantic import ValidationError

from annotation.models import DatasetVersion
from evaluation import selectors
from evaluation.campaigns import drawing
from evaluation.campaigns.drawing import USUAL_ITEMS
from evaluation.models import ReleaseRules, Scorecard
from evaluation.scoring.rules import Rules
from evaluation.services.scorecards import MOST_SHOTS, SHOTS
from ftplatform.accounts.models import User
from ftplatform.projects.models import Project
from ftplatform.ui.forms import RefusableForm
from inference.models import ModelVersion

_MARGIN = re.compile(r"^\s*([A-Za-z][A-Za-z0-9_.]*)\s*[:=\s]\s*(\d+(?:\.\d+)?)\s*$")
"""A name, a space or colon, a number."""


def _pick(form: forms.Form, name: str, rows: Any) -> None:
    """Gives a choice of rows its rows, the first of them chosen. They are read once, however often the field is drawn."""
    field: Any = form.fields[name]
    field.queryset = rows
    offered = [(row.pk, field.label_from_instance(row)) for row in rows[: selectors.LISTED]]
    if offered:
        field.initial = offered[0][0]
    nothing = [] if offered and field.required else [("", field.empty_label)]
    field.choices = [*nothing, *offered]


def has_choices(form: forms.Form, name: str) -> bool:
    """Whether a field filled by `_pick` offers anything."""
    field: Any = form.fields[name]
    return any(value for value, _ in field.choices)


class BaselineForm(RefusableForm):
    evaluation_set = forms.ModelChoiceField(
        DatasetVersion.objects.none(), label="Evaluation set", help_text="Frozen; every later version is judged on it."
    )
    base_model = forms.ModelChoiceField(
        ModelVersion.objects.none(), label="Base model", help_text="As it is, before any tuning."
    )
    shots = forms.IntegerField(
        min_value=0,
        max_value=MOST_SHOTS,
        initial=SHOTS,
        label="Examples in the prompt",
        help_text="Asked with none and with so many, drawn from the training tickets; 0 leaves the second out.",
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _pick(self, "evaluation_set", selectors.evaluation_sets(project))
        _pick(self, "base_model", selectors.base_models(project))


class ComparisonForm(RefusableForm):
    baseline = forms.ModelChoiceField(Scorecard.objects.none(), label="Baseline")
    candidate = forms.ModelChoiceField(
        ModelVersion.objects.none(), label="Candidate", help_text="It has to descend from the baseline's base model."
    )
    rules = forms.ModelChoiceField(
        ReleaseRules.objects.none(),
        required=False,
        label="Release rules",
        empty_label="The defaults, set now",
        help_text="Fixed before the candidate's first answer, so that nobody can fit them to the result.",
    )
    validation_set = forms.ModelChoiceField(
        DatasetVersion.objects.none(),
        required=False,
        label="Validation tickets from",
        empty_label="None",
        help_text="Only where the task is one choice: how the candidate is asked is chosen here, never on the test set.",
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _pick(self, "baseline", selectors.baselines_of(project))
        _pick(self, "candidate", selectors.candidates(project))
        _pick(self, "rules", selectors.rules_of(project))
        _pick(self, "validation_set", selectors.validation_sets(project))
        self._propose(project)

    def _propose(self, project: Project) -> None:
        """What API and command take for the chosen candidate where nothing else is named."""
        chosen = self.initial.get("candidate") or self.fields["candidate"].initial
        candidate = (
            selectors.candidates(project).select_related("project").filter(pk=chosen).first() if chosen else None
        )
        baseline = selectors.usual_baseline(candidate) if candidate else None
        if candidate and baseline:
            usual = selectors.usual_validation_set(candidate, baseline)
            self.fields["baseline"].initial = baseline.pk
            self.fields["validation_set"].initial = usual.pk if usual else None


class RulesForm(RefusableForm):
    """Release rules in words that `scoring.rules.Rules` takes; its limits are asked there."""

    primary = forms.CharField(
        label="Primary", help_text="A rated dimension such as helpfulness, or a metric such as desk.accuracy."
    )
    smallest_effect = forms.FloatField(
        label="Smallest effect that matters",
        help_text="In the primary's own unit: the estimate has to reach it and the interval to lie above 0.",
    )
    margins = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 5}),
        required=False,
        label="Not worse than",
        help_text="One per line: a dimension or metric and how much worse it may be at most, such as: safety 0.25",
    )
    least_items = forms.IntegerField(min_value=2, label="Rated items, at least")
    least_raters = forms.IntegerField(min_value=1, label="Raters, at least")
    highest_harm_rate = forms.FloatField(label="Harmful answers, at most", help_text="A share: 0.05 is 5 in 100.")
    least_agreement = forms.FloatField(
        label="Agreement, more than",
        help_text="The lower end of α's interval on the primary; where that is a metric, on the dimension with the least.",
    )
    confidence = forms.FloatField(label="Confidence", help_text="Of every interval and limit: 0.95 is 95 in 100.")

    def __init__(self, *args: Any, rules: Rules, **kwargs: Any) -> None:
        values = rules.model_dump()
        values["margins"] = "\n".join(f"{name} {margin:g}" for name, margin in rules.margins.items())
        super().__init__(*args, **{"initial": values, **kwargs})
        for name in ("smallest_effect", "highest_harm_rate", "least_agreement", "confidence"):
            self.fields[name].widget = forms.TextInput(attrs={"inputmode": "decimal"})

    def clean_margins(self) -> dict[str, float]:
        margins: dict[str, float] = {}
        for line in self.cleaned_data["margins"].splitlines():
            if not line.strip():
                continue
            found = _MARGIN.match(line)
            if not found:
                raise forms.ValidationError(
                    f"“{line.strip()}” is not a name with a number; write for example: safety 0.25"
                )
            margins[found.group(1)] = float(found.group(2))
        return margins

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                values["rules"] = Rules.model_validate(values)
            except ValidationError as error:
                for one in error.errors(include_url=False):
                    name = str(one["loc"][0])
                    self.add_error(name if name in self.fields else None, one["msg"])
        return values


class CampaignForm(RefusableForm):
    scorecard = forms.ModelChoiceField(
        Scorecard.objects.none(),
        label="Scorecard",
        help_text="Its candidate's answers are rated against those of the best base condition, in hidden order.",
    )
    name = forms.CharField(
        max_length=120, required=False, label="Name", help_text="Raters see it: name no model and no version."
    )
    items = forms.IntegerField(
        min_value=1,
        max_value=2000,
        initial=USUAL_ITEMS,
        label="Tickets",
        help_text="Drawn at random from the test set, those that nobody has rated first.",
    )
    overlap = forms.IntegerField(
        min_value=1, max_value=10, initial=2, label="Raters per ticket", help_text="Two show whether they agree."
    )
    asks_preference = forms.BooleanField(required=False, label="Also ask which answer is better")
    rules = forms.ModelChoiceField(ReleaseRules.objects.none(), label="Release rules")

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _pick(self, "scorecard", selectors.ratable(project))
        _pick(self, "rules", selectors.rules_of(project))
        self._propose_items(project)

    def _propose_items(self, project: Project) -> None:
        """As many as the chosen scorecard has unrated tickets, up to the usual number."""
        chosen = self.initial.get("scorecard") or self.fields["scorecard"].initial
        card = selectors.ratable(project).defer(None).filter(pk=chosen).first() if chosen else None
        if card is None:
            return
        stock = drawing.stock_of(card, selectors.usual_rubric(project))
        items = self.fields["items"]
        items.initial = stock.usual
        if not stock.unrated:
            items.help_text = "Every ticket has ratings already. Another rater adds to them; someone who rates a ticket again is not counted twice."
        elif stock.unrated < stock.tickets:
            items.help_text = f"Drawn at random from the test set, those that nobody has rated first: {stock.unrated} of {stock.tickets}."


class InviteForm(RefusableForm):
    user = forms.ModelChoiceField(User.objects.none(), label="Expert")

    def __init__(self, *args: Any, people: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _pick(self, "user", people)


class OverrideForm(RefusableForm):
    reason = forms.CharField(
        max_length=500, label="Reason", help_text="Kept in the audit trail for ever, with your name and the time."
    )
