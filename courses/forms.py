"""Forms of the storefront."""

from django import forms
from django.utils.translation import gettext_lazy as _

from courses.choices import Level
from courses.models import Rating
from courses.selectors import SORTS, Filters
from courses.services.learning import LONGEST_COMMENT


class CatalogueForm(forms.Form):
    """The catalogue's filters as they stand in the address. What cannot be understood counts as not asked.

    `price` is LOW-HIGH.CUR in minor units, either end may be missing, or `free`.
    """

    q = forms.CharField(required=False, max_length=200)
    topic = forms.SlugField(required=False)
    level = forms.ChoiceField(required=False, choices=[("", ""), *Level.choices])
    language = forms.RegexField(required=False, regex=r"^[a-z]{2,3}(-[a-z0-9]{2,8})?$")
    price = forms.RegexField(required=False, regex=r"^(free|\d{0,15}-\d{0,15}\.[A-Z]{3})$")
    sort = forms.ChoiceField(required=False, choices=[("", ""), *((sort, sort) for sort in SORTS)])
    page = forms.IntegerField(required=False, min_value=1, max_value=100_000)

    def filters(self) -> Filters:
        """What was asked, as far as it can be understood."""
        self.is_valid()
        asked = self.cleaned_data
        price, _dot, currency = (asked.get("price") or "").partition(".")
        return Filters(
            query=asked.get("q") or "",
            topic=asked.get("topic") or "",
            level=asked.get("level") or "",
            language=asked.get("language") or "",
            price=price,
            currency=currency,
            sort=asked.get("sort") or "",
            page=asked.get("page") or 1,
        )


class CouponForm(forms.Form):
    """A coupon's code."""

    coupon = forms.CharField(label=_("Coupon code"), required=False, max_length=32, strip=True)


class RatingForm(forms.Form):
    """Stars and a comment."""

    stars = forms.TypedChoiceField(
        label=_("Your rating"),
        coerce=int,
        choices=[(5, _("5 stars")), (4, _("4 stars")), (3, _("3 stars")), (2, _("2 stars")), (1, _("1 star"))],
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(
        label=_("Comment"),
        required=False,
        max_length=LONGEST_COMMENT,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": LONGEST_COMMENT}),
        help_text=_("Shown on the course's page with your first name."),
    )


def rating_form(rated: Rating | None) -> RatingForm:
    """An empty form, or one that holds what the learner said before."""
    return RatingForm(initial={"stars": rated.stars, "comment": rated.comment} if rated else None)
