"""What every form of ours can do: show a service's refusal where it belongs, with what was typed still there."""

from django import forms

from ftplatform.errors import Refused


class RefusableForm(forms.Form):
    def refuse(self, refused: Refused) -> None:
        """Puts each error beside its field; what has none here stands above the form. `sampling.seed` belongs to `seed`."""
        placed = False
        for error in refused.errors:
            name = error.field if error.field in self.fields else error.field.split(".")[-1]
            if name in self.fields:
                self.add_error(name, error.message)
                placed = True
        if not placed:
            self.add_error(None, refused.message)
