from datetime import timedelta

from django import forms
from django.utils import timezone

from ftplatform.accounts.models import User
from ftplatform.projects.models import Project


class ThemeForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes no parameter at run time
    class Meta:
        model = User
        fields = ["theme"]


class ApiKeyForm(forms.Form):
    """What a new key is for. A key bound to one project opens that project only."""

    name = forms.CharField(
        max_length=100, label="Name", help_text="Where the key will be used, so that you know it again."
    )
    project = forms.ModelChoiceField(
        Project.objects.none(), required=False, label="Project", empty_label="All my projects"
    )
    days = forms.TypedChoiceField(
        label="Ends",
        coerce=int,
        choices=[(30, "in 30 days"), (90, "in 90 days"), (365, "in a year"), (0, "never")],
        initial=90,
    )

    def __init__(self, *args: object, user: User, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # passed on as they came
        mine = Project.objects.all() if user.is_superuser else Project.objects.filter(memberships__user=user).distinct()
        self.fields["project"].queryset = mine.order_by("name")  # type: ignore[attr-defined]  # a ModelChoiceField, see above

    @property
    def expires_at(self) -> object:
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=days) if days else None
