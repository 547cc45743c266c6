"""What every form of ours can do: show a service's refusal where it belongs, with what was typed still there."""

from django import forms

from ftplatform.errors import Refused


class RefusableForm(forms.Form):
    def refuse(self, refused: Refused) -> None:
        """Puts each error beside its field; what has none here stands above the form."""
        placed = False
        for error in refused.errors:
            if name := self.place(error.field):
                self.add_error(name, error.message)
                placed = True
        if not placed:
            self.add_error(None, refused.message)

    def place(self, field: str) -> str | None:
        """Which field here a service means. `sampling.seed` belongs to `seed`."""
        return next((name for name in (field, field.split(".")[-1]) if name in self.fields), None)
