"""The form in which a guarantee is prepared."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from ledger.errors import amount_refused
from ledger.money import MoneyError, minor_from_decimal
from partners import services
from partners.errors import GuaranteeError
from partners.forms.reach import CURRENCIES
from partners.models import Guarantee
from partners.selectors.statements import month_after


class MonthField(forms.CharField):
    """A month as YYYY-MM; its first day, or None where it may be left empty."""

    widget = UnfoldAdminTextInputWidget

    def clean(self, value: Any) -> date | None:
        """Read it, or say how it is written."""
        text = super().clean(value)
        if not text:
            return None
        try:
            return date.fromisoformat(f"{text}-01")
        except ValueError as fault:
            raise forms.ValidationError(_("Write a month as 2026-03.")) from fault


class GuaranteeForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a party earns at least in each month of a range."""

    amount = forms.CharField(
        label=_("guaranteed a month"), help_text=_("Such as 2500.00."), widget=UnfoldAdminTextInputWidget
    )
    currency = forms.ChoiceField(label=_("currency"), choices=CURRENCIES[1:], widget=UnfoldAdminSelectWidget)
    first = MonthField(label=_("from month"), help_text=_("Such as 2026-03; the month must be open."))
    last = MonthField(label=_("last month"), required=False, help_text=_("Empty: until it is ended."))

    class Meta:
        model = Guarantee
        fields = ("party", "currency", "note")

    def clean(self) -> dict[str, Any]:
        """Read the amount as whole minor units."""
        data: dict[str, Any] = super().clean() or {}
        if "amount" not in data or "currency" not in data:
            return data
        try:
            self.amount_minor = minor_from_decimal(data["amount"], data["currency"])
        except MoneyError:
            self.add_error("amount", amount_refused(data["currency"]))
        return data

    def _post_clean(self) -> None:
        """Prepare it by the verb, which has the last word; the model's own checks know nothing of months as text."""
        if self.errors:
            return
        data = self.cleaned_data
        last: date | None = data["last"]
        try:
            services.guarantee_terms(
                currency=data["currency"],
                monthly_minor=self.amount_minor,
                since=data["first"],
                until=last and month_after(last),
            )
        except GuaranteeError as fault:
            self.add_error(None, str(fault))
            return
        self.instance = forms.models.construct_instance(self, self.instance, None, None)

    def prepare(self, *, by: User) -> Guarantee:
        """Prepare it by the verb."""
        data = self.cleaned_data
        return services.guarantee_propose(
            party=data["party"],
            currency=data["currency"],
            monthly_minor=self.amount_minor,
            since=data["first"],
            until=data["last"] and month_after(data["last"]),
            note=data["note"],
            by=by,
        )
