"""Forms of links, channels and coupons."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django import forms
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.models import Party
from ledger.errors import amount_refused
from ledger.money import ACTIVE, MoneyError, minor_from_decimal
from partners import services
from partners.errors import PartnersError
from partners.models import Channel, Coupon, TrackingLink
from partners.rules import utm_findings

CURRENCIES = [("", "–"), *((code, code) for code in sorted(ACTIVE))]


def rehearse(form: forms.BaseForm, verb: Callable[[], Any]) -> None:
    """Try a verb and take it back, so that what it refuses stands in the form beside what was entered."""
    if form.errors:
        return
    with transaction.atomic():
        point = transaction.savepoint()
        try:
            verb()
        except PartnersError as fault:
            form.add_error(None, str(fault))
        finally:
            transaction.savepoint_rollback(point)


TAGS = {
    "utm_source": "utm_source",
    "utm_medium": "utm_medium",
    "campaign": "utm_campaign",
    "utm_term": "utm_term",
    "utm_content": "utm_content",
}
"""Fields of a link -> the tag that stands behind its target."""


def look_over(form: forms.BaseForm, data: dict[str, Any]) -> None:
    """Say beside each field what is odd about its tag, unless whoever makes the link wants it so."""
    if form.errors or data.get("anyway"):
        return
    fields = {tag: field for field, tag in TAGS.items()}
    tags = {tag: str(data.get(field) or "").strip() for field, tag in TAGS.items()}
    for place, sentences in utm_findings(destination=data["destination"], tags=tags).items():
        for sentence in sentences:
            form.add_error(fields.get(place, place), sentence)


class LinkForm(forms.Form):
    """A new tracking link in one of the party's channels, with the tags that stand behind its target."""

    channel = forms.ModelChoiceField(label=_("Channel"), queryset=Channel.objects.none(), empty_label=None)
    destination = forms.CharField(
        label=_("Leads to"), max_length=300, initial="/courses/", help_text=_("A page of this site, such as /courses/.")
    )
    utm_source = forms.CharField(
        label=_("UTM source"), max_length=100, required=False, help_text=_("Where the link is shown, such as my-blog.")
    )
    utm_medium = forms.CharField(
        label=_("UTM medium"), max_length=100, required=False, help_text=_("What kind of place it is, such as email.")
    )
    campaign = forms.CharField(label=_("Campaign"), max_length=120, required=False)
    utm_term = forms.CharField(
        label=_("UTM term"), max_length=100, required=False, help_text=_("What was searched for, such as go-course.")
    )
    utm_content = forms.CharField(
        label=_("UTM content"), max_length=100, required=False, help_text=_("Which of several, such as footer.")
    )
    anyway = forms.BooleanField(label=_("Make it as written, whatever is said about the tags"), required=False)

    def clean(self) -> dict[str, Any]:
        """Look the tags over."""
        data: dict[str, Any] = super().clean() or {}
        look_over(self, data)
        return data

    def __init__(self, *args: Any, party: Party, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["channel"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = channels_for(party)


def channels_for(party: Party) -> Any:
    """Channels in which a party may have links: its own, and those in which the programme gave it one."""
    own = Channel.objects.filter(is_active=True, owner=party)
    given = Channel.objects.filter(is_active=True, owner=None, links__owner=party)
    return (own | given).distinct().order_by("name")


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    """A channel on the manager's desk."""

    class Meta:
        model = Channel
        fields = ("name", "name_zh", "code", "kind", "owner", "slot", "is_active")

    def clean(self) -> dict[str, Any]:
        """Refuse what the verb would."""
        data: dict[str, Any] = super().clean() or {}
        if self.instance.pk is None and data.get("code"):
            rehearse(self, lambda: services.channel_create(code=data["code"], name=data["name"], kind=data["kind"]))
        return data


class TrackingLinkForm(forms.ModelForm):  # type: ignore[type-arg]
    """A tracking link on the manager's desk."""

    code = forms.SlugField(
        label=_("code"),
        required=False,
        max_length=64,
        help_text=_("Empty: a short code is made up."),
        widget=UnfoldAdminTextInputWidget,
    )

    anyway = forms.BooleanField(
        label=_("Make it as written, whatever is said about the tags"), required=False, widget=UnfoldBooleanWidget
    )

    class Meta:
        model = TrackingLink
        fields = (
            "channel",
            "owner",
            "destination",
            "campaign",
            "utm_source",
            "utm_medium",
            "utm_term",
            "utm_content",
            "code",
            "is_active",
        )

    def clean(self) -> dict[str, Any]:
        """Refuse what the verb would."""
        data: dict[str, Any] = super().clean() or {}
        if self.instance.pk is None and data.get("channel"):
            rehearse(
                self,
                lambda: services.link_create(
                    channel=data["channel"],
                    owner=data.get("owner"),
                    destination=data["destination"],
                    code=data.get("code", ""),
                    campaign=data.get("campaign", ""),
                ),
            )
            look_over(self, data)
        return data

    def _post_clean(self) -> None:
        """The verb has checked it; the model's own checks would ask for a code that is made up later."""
        if self.instance.pk is not None or not self.errors:
            self.instance = forms.models.construct_instance(self, self.instance, None, None)


class CouponForm(forms.ModelForm):  # type: ignore[type-arg]
    """A coupon on the manager's desk: a percentage, or an amount in one currency."""

    percent = forms.DecimalField(
        label=_("percent"),
        required=False,
        min_value=Decimal("0.01"),
        max_value=100,
        decimal_places=2,
        widget=UnfoldAdminDecimalFieldWidget,
    )
    amount = forms.CharField(
        label=_("amount"),
        required=False,
        help_text=_("Instead of a percentage, such as 20.00."),
        widget=UnfoldAdminTextInputWidget,
    )
    currency = forms.ChoiceField(
        label=_("currency of the amount"), required=False, choices=CURRENCIES, widget=UnfoldAdminSelectWidget
    )

    percent_bp: int | None = None
    amount_minor: int | None = None

    class Meta:
        model = Coupon
        fields = (
            "code",
            "is_active",
            "currency",
            "borne_by",
            "owner",
            "channel",
            "starts_at",
            "ends_at",
            "max_uses",
        )

    def clean(self) -> dict[str, Any]:
        """Read the discount as whole numbers and refuse what the verb would."""
        data: dict[str, Any] = super().clean() or {}
        if self.instance.pk is not None:
            return data
        if data.get("percent") is not None:
            self.percent_bp = int(data["percent"] * 100)
        if data.get("amount") and not data.get("currency"):
            self.add_error("currency", self.fields["currency"].error_messages["required"])
        elif data.get("amount"):
            try:
                self.amount_minor = minor_from_decimal(data["amount"], data["currency"])
            except MoneyError:
                self.add_error("amount", amount_refused(data["currency"]))
        known: dict[str, Any] = {
            key: data.get(key) for key in ("borne_by", "owner", "channel", "starts_at", "ends_at", "max_uses")
        }
        rehearse(
            self,
            lambda: services.coupon_create(
                code=data["code"],
                percent_bp=self.percent_bp,
                amount_minor=self.amount_minor,
                currency=data.get("currency") or "",
                **known,
            ),
        )
        return data

    def _post_clean(self) -> None:
        """The verb has checked it; the model's own checks know nothing of the fields percent and amount."""
        if not self.errors:
            self.instance = forms.models.construct_instance(self, self.instance, None, None)
