"""What the addresses of the marketer's pages may say, and what the desk may write."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDateWidget, UnfoldAdminTextInputWidget

from analytics.choices import Goal, ReportModel, Segment
from analytics.errors import ReportRefusedError
from analytics.models import Campaign, ChannelRule, HoldoutArm, HoldoutTest, ReportRun, Spend
from analytics.services.holdouts import VALID_DAYS
from analytics.services.reports import report_check
from ledger.money import MoneyError, decimal_from_minor, exponent, minor_from_decimal

WINDOWS = (7, 30, 90)
"""Look-backs in days that the page offers."""

COMPARISONS = (
    ("none", _("Nothing")),
    ("before", _("The days before")),
    ("year", _("The same days last year")),
)


DIRECT = (("in", _("count")), ("out", _("only alone")))
"""Whether direct visits count like other touches, or only on journeys that have no other."""

CUTS = (Segment.WAYS, Segment.COURSES, Segment.CREATORS)
"""What the explorer may be cut by."""


class ReportForm(forms.Form):
    """The query of the overview. Every key may be missing; a wrong one is named, and the default is shown instead."""

    since = forms.DateField(required=False, label=_("From"))
    until = forms.DateField(required=False, label=_("To, inclusive"))
    currency = forms.ChoiceField(required=False, label=_("Currency"))
    model = forms.ChoiceField(required=False, label=_("Model"), choices=ReportModel.choices)
    window = forms.TypedChoiceField(
        required=False, label=_("Look-back"), coerce=int, empty_value=None, choices=[(w, str(w)) for w in WINDOWS]
    )
    compare = forms.ChoiceField(required=False, label=_("Compare with"), choices=COMPARISONS)
    by = forms.ChoiceField(required=False, label=_("Cut by"), choices=[(s.value, s.label) for s in CUTS])
    goal = forms.ChoiceField(required=False, label=_("Goal"), choices=Goal.choices)
    direct = forms.ChoiceField(required=False, label=_("Direct visits"), choices=DIRECT)
    only = forms.RegexField(r"^(channel|course|creator):\d{1,18}$", required=False, label=_("Only"))
    open = forms.CharField(required=False, label=_("Open rows"), max_length=4_000)

    def __init__(self, *args: Any, known_currencies: list[str], today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["currency"].choices = [(code, code) for code in known_currencies]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """A range has both ends, in order, and at most three years, none of them ahead."""
        values: dict[str, Any] = super().clean() or {}
        since, until = values.get("since"), values.get("until")
        if (since is None) != (until is None):
            raise forms.ValidationError(_("A range needs both its first and its last day."))
        if since and until:
            if until < since:
                raise forms.ValidationError(_("The range ends before it begins."))
            if until > self.today:
                raise forms.ValidationError(_("The range ends in the future."))
            if until - since >= timedelta(days=1100):
                raise forms.ValidationError(_("A report covers at most three years."))
        return values


class CampaignForm(forms.ModelForm):  # type: ignore[type-arg]
    """A campaign; its source and the id there name it."""

    class Meta:
        model = Campaign
        fields = ("name", "name_zh", "channel", "source", "external_id")


class SpendForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a campaign cost on a day, written in the currency's own decimals."""

    amount = forms.CharField(
        label=_("Amount"),
        help_text=_("Before tax, in the currency it was billed in, such as 1250.00."),
        max_length=24,
        widget=UnfoldAdminTextInputWidget(),
    )

    class Meta:
        model = Spend
        fields = ("campaign", "day", "currency", "impressions", "clicks")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["amount"].initial = decimal_from_minor(self.instance.amount_minor, self.instance.currency)

    def clean(self) -> dict[str, Any]:
        """The amount as minor units of the currency; a day that is there already is named."""
        values: dict[str, Any] = super().clean() or {}
        currency = str(values.get("currency") or self.instance.currency).upper()
        try:
            exponent(currency)
        except MoneyError:
            self.add_error("currency" if "currency" in self.fields else None, _("This is no currency of ISO 4217."))
            return values
        values["currency"] = self.instance.currency = currency
        try:
            values["amount_minor"] = minor_from_decimal(str(values.get("amount", "")).strip(), currency)
        except MoneyError:
            self.add_error("amount", _("This is no amount of at least 0 in %(code)s.") % {"code": currency})
        campaign, day = values.get("campaign"), values.get("day")
        if (
            not self.instance.pk
            and day
            and Spend.objects.filter(campaign=campaign, day=day, currency=currency, import_batch=None).exists()
        ):
            self.add_error("day", _("This day of the campaign is entered already; correct that row."))
        return values


class ReportRunForm(forms.ModelForm):  # type: ignore[type-arg]
    """A request for a channel report."""

    class Meta:
        model = ReportRun
        fields = ("since", "until", "currency", "window_days")

    def clean(self) -> dict[str, Any]:
        """What the verb would refuse is said here."""
        values: dict[str, Any] = super().clean() or {}
        if {"since", "until", "currency", "window_days"} <= values.keys():
            values["currency"] = self.instance.currency = values["currency"].upper()
            try:
                report_check(**values)
            except ReportRefusedError as error:
                raise forms.ValidationError(str(error)) from error
        return values


class ChannelRuleForm(forms.ModelForm):  # type: ignore[type-arg]
    """A rule for arrivals; what the verb would refuse is said here."""

    class Meta:
        model = ChannelRule
        fields = ("position", "channel", "click_id", "utm_source", "utm_medium", "referrer", "is_active")

    def clean(self) -> dict[str, Any]:
        """At least one mark."""
        values: dict[str, Any] = super().clean() or {}
        if not any(values.get(name) for name in ("click_id", "utm_source", "utm_medium", "referrer")):
            raise forms.ValidationError(_("A rule needs at least one mark: a click id, a UTM tag or a referrer."))
        return values


class ArrivalForm(forms.Form):
    """An arrival to try the rules on."""

    landing = forms.CharField(
        required=False,
        max_length=2000,
        label=_("Landing page"),
        help_text=_("With its query, such as /courses/python/?utm_source=reef&utm_medium=email."),
    )
    referrer = forms.CharField(required=False, max_length=2000, label=_("Page before"), help_text=_("Empty: none."))


class HoldoutForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the stubs alone
    """A hold-out test. Without a day until which it counts, it counts a year; a reason withdraws it."""

    valid_until = forms.DateField(
        label=_("Counts until"), required=False, widget=UnfoldAdminDateWidget(),
        help_text=_("Reports that begin by this day are set right by the test; empty is a year after its last day."),
    )  # fmt: skip

    class Meta:
        model = HoldoutTest
        fields = (
            "name", "name_zh", "kind", "channel", "since", "until", "valid_until", "currency", "share_bp", "reach_bp",
            "note", "withdrawn_because",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """What the verb would refuse is said here."""
        values: dict[str, Any] = super().clean() or {}
        values["currency"] = self.instance.currency = str(values.get("currency", "")).upper()
        try:
            exponent(values["currency"])
        except MoneyError:
            self.add_error("currency", _("This is no currency of ISO 4217."))
        if values.get("until") and not values.get("valid_until"):
            values["valid_until"] = values["until"] + timedelta(days=VALID_DAYS)
        return values


class HoldoutArmForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for the stubs alone
    """What one side of a hold-out test did; money in the test's own decimals."""

    value = forms.CharField(label=_("Value sold"), required=False, max_length=24, widget=UnfoldAdminTextInputWidget())
    before_value = forms.CharField(
        label=_("Value before"), required=False, max_length=24, widget=UnfoldAdminTextInputWidget()
    )

    class Meta:
        model = HoldoutArm
        fields = ("side", "label", "people", "orders", "before_orders")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["before_orders"].required = False
        if self.instance.pk:
            for name in ("value", "before_value"):
                minor = getattr(self.instance, f"{name}_minor")
                self.fields[name].initial = decimal_from_minor(minor, self.instance.test.currency)

    def clean(self) -> dict[str, Any]:
        """Amounts as minor units of the test's currency."""
        values: dict[str, Any] = super().clean() or {}
        values["before_orders"] = values.get("before_orders") or 0
        currency = getattr(values.get("test"), "currency", "") or settings.CURRENCY
        for name in ("value", "before_value"):
            try:
                values[f"{name}_minor"] = minor_from_decimal(str(values.get(name) or "0").strip(), currency)
            except MoneyError:
                self.add_error(name, _("This is no amount of at least 0 in %(code)s.") % {"code": currency})
        return values
