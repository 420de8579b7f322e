"""Forms of the storefront and of the desk."""

from collections.abc import Callable, Sequence
from typing import Any

from django import forms
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from courses.choices import Level
from courses.errors import CoursesError
from courses.models import Course, Dispute, Order, Rating, Refund
from courses.selectors import SORTS, Filters, LineStanding
from courses.services import NewDispute, NewRefund, prerequisites_check
from courses.services.learning import LONGEST_COMMENT
from courses.templatetags.courses import course_language
from ledger.errors import amount_refused
from ledger.money import MoneyError, decimal_from_minor, minor_from_decimal


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


class PrerequisiteFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]  # subscripted only in the stubs
    """What a course asks for, at the desk: no ring."""

    def clean(self) -> None:
        """Refuse what would make a course its own prerequisite, by way of others too."""
        super().clean()
        if any(self.errors) or self.instance.pk is None:
            return
        kept = [row.cleaned_data for row in self.forms if row.cleaned_data and not row.cleaned_data.get("DELETE")]
        try:
            prerequisites_check(course_id=self.instance.pk, required_ids=[row["requires"].pk for row in kept])
        except CoursesError as refusal:
            raise forms.ValidationError(str(refusal)) from refusal


TAUGHT_IN = ("zh-hans", "en", "ja", "ko", "de", "fr", "es", "pt", "ru", "uk")
"""Languages that the desk offers for a course."""


class CourseForm(forms.ModelForm):  # type: ignore[type-arg]  # subscripted only in the stubs
    """A course at the desk: the price as people write it, outcomes one a line."""

    price = forms.CharField(
        label=_("Price"),
        max_length=20,
        help_text=_("With a point: 199.00"),
        widget=UnfoldAdminTextInputWidget(),
    )
    language = forms.ChoiceField(label=_("Language"), widget=UnfoldAdminSelectWidget())
    outcome_lines = forms.CharField(
        label=_("What you will be able to do"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        help_text=_("One outcome a line."),
    )
    outcome_lines_zh = forms.CharField(
        label=_("What you will be able to do, in Chinese"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
        help_text=_("One outcome a line."),
    )

    class Meta:
        model = Course
        fields = (
            "title", "title_zh", "slug", "topic", "level", "language", "currency", "summary", "summary_zh",
            "description", "description_zh",
        )  # fmt: skip
        widgets = {name: UnfoldAdminTextareaWidget(attrs={"rows": 3}) for name in ("summary", "summary_zh")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        course = self.instance
        codes = dict.fromkeys([*TAUGHT_IN, course.language])
        language = self.fields["language"]
        assert isinstance(language, forms.ChoiceField)
        language.choices = [(code, course_language(code)) for code in codes]
        if course.pk:
            self.fields["price"].initial = decimal_from_minor(course.price_minor, course.currency)
            self.fields["outcome_lines"].initial = "\n".join(course.outcomes)
            self.fields["outcome_lines_zh"].initial = "\n".join(course.outcomes_zh)

    def clean(self) -> dict[str, Any]:
        """The price must fit the currency."""
        cleaned = super().clean() or {}
        currency = cleaned.get("currency") or self.instance.currency
        try:
            self.instance.price_minor = minor_from_decimal(cleaned.get("price", ""), currency)
        except MoneyError:
            self.add_error("price", amount_refused(currency))
        self.instance.outcomes = _lines(cleaned.get("outcome_lines", ""))
        self.instance.outcomes_zh = _lines(cleaned.get("outcome_lines_zh", ""))
        return cleaned


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


class MoneyField(forms.Field):
    """An amount as people write it, read as minor units of `currency`, which the form sets."""

    currency = ""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.widget.attrs |= {"inputmode": "decimal", "maxlength": 24}

    def to_python(self, value: Any) -> int | None:
        """Minor units, None where nothing was entered."""
        text = str(value or "").strip().replace(",", "")
        if not text:
            return None
        try:
            return minor_from_decimal(text, self.currency)
        except MoneyError as fault:
            raise forms.ValidationError(amount_refused(self.currency)) from fault


class StepForm(forms.Form):
    """A step with an order's money at the desk: what its verb would refuse stands in the form."""

    def __init__(self, *args: Any, currency: str, verb: Callable[[Any], Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.verb = verb
        for field in self.fields.values():
            if isinstance(field, MoneyField):
                field.currency = currency

    def clean(self) -> dict[str, Any]:
        """Try the verb and take it back."""
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        with transaction.atomic():
            point = transaction.savepoint()
            try:
                self.cleaned_data = data
                self.verb(self)
            except CoursesError as fault:
                self.add_error(None, str(fault))
            finally:
                transaction.savepoint_rollback(point)
        return data


class RefundForm(StepForm):
    """Money to give back of the whole order or of one line."""

    line = forms.TypedChoiceField(label=_("Of what"), coerce=int)
    amount = MoneyField(label=_("Amount"))
    reason = forms.CharField(label=_("Reason"), max_length=200)
    external_id = forms.CharField(
        label=_("Id at the provider"),
        max_length=200,
        required=False,
        help_text=_("Where the refund was made there already: the same id is never booked twice."),
    )

    def __init__(self, *args: Any, order: Order, lines: Sequence[LineStanding], **kwargs: Any) -> None:
        super().__init__(*args, currency=order.currency, **kwargs)
        field = self.fields["line"]
        assert isinstance(field, forms.ChoiceField)
        open_lines = [(row.line.pk, row.line.course.local_title) for row in lines if row.left]
        field.choices = [(0, _("The whole order")), *open_lines]
        self.fields["amount"].initial = decimal_from_minor(order.left_minor, order.currency)

    def refund(self) -> NewRefund:
        """What was entered."""
        data = self.cleaned_data
        return NewRefund(
            amount_minor=data["amount"],
            reason=data["reason"],
            line_id=data["line"] or None,
            external_id=data["external_id"].strip(),
        )


class ReasonForm(StepForm):
    """Why a refund is taken back."""

    reason = forms.CharField(label=_("Reason"), max_length=200)

    def __init__(self, *args: Any, refund: Refund, **kwargs: Any) -> None:
        super().__init__(*args, currency=refund.order.currency, **kwargs)


class DisputeForm(StepForm):
    """A payment that the learner's bank asks back."""

    amount = MoneyField(label=_("Disputed amount"))
    fee = MoneyField(label=_("Fee of the processor"), required=False)
    reason = forms.CharField(label=_("Reason the bank gives"), max_length=200)
    evidence_due = forms.DateTimeField(
        label=_("Evidence due by"),
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M"],
    )
    external_id = forms.CharField(label=_("Id at the provider"), max_length=200, required=False)

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, currency=order.currency, **kwargs)
        self.fields["amount"].initial = decimal_from_minor(order.total_minor, order.currency)

    def dispute(self) -> NewDispute:
        """What was entered."""
        data = self.cleaned_data
        return NewDispute(
            amount_minor=data["amount"],
            reason=data["reason"],
            fee_minor=data["fee"] or 0,
            evidence_due=data["evidence_due"],
            external_id=data["external_id"].strip(),
        )


class DisputeEndForm(StepForm):
    """How a dispute ended."""

    end = forms.ChoiceField(
        label=_("How it ended"),
        choices=[
            ("won", _("Won: the money comes back")),
            ("lost", _("Lost: the money stays with the learner")),
        ],
        widget=forms.RadioSelect,
    )
    fee_returned = MoneyField(
        label=_("Of the fee comes back"), required=False, help_text=_("Only where the dispute was won.")
    )

    def __init__(self, *args: Any, dispute: Dispute, **kwargs: Any) -> None:
        super().__init__(*args, currency=dispute.order.currency, **kwargs)

    @property
    def won(self) -> bool:
        """Whether it was won."""
        return bool(self.cleaned_data["end"] == "won")

    @property
    def fee_returned_minor(self) -> int:
        """What of the fee comes back, in minor units."""
        return self.cleaned_data["fee_returned"] or 0
