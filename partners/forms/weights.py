"""Weights by position, typed in."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from partners.services.terms import weights_problems


class WeightsField(forms.CharField):
    """Whole numbers with blanks between; cleaned to a tuple, an empty one where nothing was typed."""

    def __init__(self) -> None:
        super().__init__(
            label=_("Weights by position"),
            required=False,
            max_length=120,
            help_text=_(
                "Of the model of that name, such as “40 20 40”: three are of the first touch, of all between together, "
                "and of the last; any other number is by position from the first touch."
            ),
        )

    def clean(self, value: Any) -> tuple[int, ...]:
        """Read the numbers, or say which is none."""
        words = str(super().clean(value)).replace(",", " ").split()
        wrong = [word for word in words if not word.isdecimal() or len(word) > 4]
        if wrong:
            raise forms.ValidationError(gettext("“%(word)s” is not a whole number.") % {"word": wrong[0]})
        weights = tuple(map(int, words))
        if weights and (problems := weights_problems(weights)):
            raise forms.ValidationError([problem.worded(gettext) for problem in problems])
        return weights
