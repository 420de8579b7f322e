"""The form in which an advance is prepared."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from ledger.errors import amount_refused
from ledger.money import MoneyError, minor_from_decimal
from partners import services
from partners.forms.reach import CURRENCIES
from partners.models import Advance


class AdvanceForm(forms.ModelForm):  # type: ignore[type-arg]
    """An advance to be prepared: an amount in one currency, and how much of each share pays it back."""

    amount = forms.CharField(label=_("amount"), help_text=_("Such as 20000.00."), widget=UnfoldAdminTextInputWidget)
    currency = forms.ChoiceField(label=_("currency"), choices=CURRENCIES[1:], widget=UnfoldAdminSelectWidget)
    percent = forms.DecimalField(
        label=_("percent of each share that pays it back"),
        min_value=Decimal("0.01"),
        max_value=100,
        decimal_places=2,
        initial=Decimal(50),
        widget=UnfoldAdminDecimalFieldWidget,
    )

    class Meta:
        model = Advance
        fields = ("party", "currency", "reason")

    def clean(self) -> dict[str, Any]:
        """Read the amount as whole minor units and refuse what the verb would."""
        data: dict[str, Any] = super().clean() or {}
        if "amount" not in data or "currency" not in data:
            return data
        try:
            self.amount_minor = minor_from_decimal(data["amount"], data["currency"])
        except MoneyError:
            self.add_error("amount", amount_refused(data["currency"]))
            return data
        if self.amount_minor <= 0:
            self.add_error("amount", _("An advance is more than nothing; give an amount above zero."))
        return data

    def prepare(self, *, by: User) -> Advance:
        """Prepare it by the verb."""
        data = self.cleaned_data
        return services.advance_prepare(
            party=data["party"],
            currency=data["currency"],
            amount_minor=self.amount_minor,
            recoup_bp=int(data["percent"] * 100),
            reason=data["reason"],
            by=by,
        )

    def _post_clean(self) -> None:
        """The verb has the last word; the model's own checks know nothing of the fields amount and percent."""
        if not self.errors:
            self.instance = forms.models.construct_instance(self, self.instance, None, None)
