"""Forms of the creator's pages and of the partner manager's desk."""

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.db import transaction
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import Party
from ledger.money import ACTIVE, MoneyError, minor_from_decimal
from partners import services
from partners.choices import PayingModel, Precedence, SelfPurchase
from partners.errors import PartnersError
from partners.models import Agreement, AgreementVersion, Channel, Coupon, TrackingLink

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


class LinkForm(forms.Form):
    """A new tracking link in one of the party's channels."""

    channel = forms.ModelChoiceField(label=_("Channel"), queryset=Channel.objects.none(), empty_label=None)
    destination = forms.CharField(
        label=_("Leads to"), max_length=300, initial="/courses/", help_text=_("A page of this site, such as /courses/.")
    )
    campaign = forms.CharField(label=_("Campaign"), max_length=120, required=False)

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

    class Meta:
        model = TrackingLink
        fields = ("channel", "owner", "destination", "campaign", "code", "is_active")

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
        if data.get("amount"):
            try:
                self.amount_minor = minor_from_decimal(data["amount"], data.get("currency") or "")
            except MoneyError as fault:
                self.add_error("amount", str(fault))
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


class AgreementForm(forms.ModelForm):  # type: ignore[type-arg]
    """An agreement on the manager's desk; what it pays stands in its versions."""

    class Meta:
        model = Agreement
        fields = ("code", "title", "title_zh", "owner", "scope_kind", "scope_id")


class VersionForm(forms.Form):
    """A version of an agreement to be drafted: the usual split by its figures, any other one as JSON."""

    agreement = forms.ModelChoiceField(label=_("Agreement"), queryset=Agreement.objects.all())
    effective_from = forms.DateTimeField(
        label=_("In force from"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("For orders placed from then on, in the time zone of the house."),
    )
    channel_percent = forms.DecimalField(
        label=_("Percent for partners who bring the learner"),
        min_value=0,
        max_value=100,
        decimal_places=2,
        initial=0,
        help_text=_("Of the price after discounts and tax."),
    )
    fee_from_pool = forms.BooleanField(
        label=_("Everyone bears the processor's fee"), required=False, help_text=_("Else the platform bears it.")
    )
    platform_percent = forms.DecimalField(
        label=_("Percent for the platform"), min_value=0, max_value=100, decimal_places=2, initial=30
    )
    platform_of = forms.ChoiceField(
        label=_("Of which amount"),
        choices=[("remaining", _("what remains")), ("base", _("the price after discounts and tax"))],
    )
    shares = forms.CharField(
        label=_("What remains goes to"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("A line for each party: its code and its weight, such as “lin-yue 80”."),
    )
    rule = forms.CharField(
        label=_("Rule as JSON"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text=_("Instead of the figures above, as docs/reference/splits.md describes: steps or variants."),
    )
    paying_model = forms.ChoiceField(
        label=_("Paying model"), choices=PayingModel.choices, initial=PayingModel.LAST_TOUCH
    )
    window_days = forms.IntegerField(label=_("Look-back in days"), min_value=1, max_value=365, initial=30)
    hold_days = forms.IntegerField(label=_("Holding period in days"), min_value=0, max_value=365, initial=7)
    precedence = forms.ChoiceField(label=_("Link against coupon"), choices=Precedence.choices)
    self_purchase = forms.ChoiceField(label=_("Own purchase"), choices=SelfPurchase.choices)
    note = forms.CharField(label=_("Why"), required=False, max_length=300)

    def __init__(self, *args: Any, draft: AgreementVersion | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.draft = draft
        if draft is not None:
            self.fields["agreement"].disabled = True

    def clean(self) -> dict[str, Any]:
        """Put the rule together and refuse what the verb would."""
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        data["rule"] = self._written(data["rule"]) if data["rule"].strip() else self._usual(data)
        rehearse(self, self.write)
        return data

    def write(self, by: Any = None) -> AgreementVersion:
        """Draft the version, or change the draft."""
        data = self.cleaned_data
        terms = services.DraftTerms(
            effective_from=data["effective_from"],
            paying_model=data["paying_model"],
            window_days=data["window_days"],
            hold_days=data["hold_days"],
            precedence=data["precedence"],
            self_purchase=data["self_purchase"],
            note=data["note"],
        )
        if self.draft is not None:
            return services.version_redraft(version=self.draft, rule=data["rule"], terms=terms, by=by)
        return services.version_draft(agreement=data["agreement"], rule=data["rule"], terms=terms, by=by)

    def _written(self, text: str) -> dict[str, Any]:
        """The rule as it was written out."""
        try:
            rule = json.loads(text)
        except json.JSONDecodeError as fault:
            where = {"line": fault.lineno, "column": fault.colno}
            self.add_error("rule", _("This is no JSON: look at line %(line)d, column %(column)d.") % where)
            return {}
        if not isinstance(rule, dict):
            self.add_error("rule", _("A rule is an object with steps or variants."))
            return {}
        return rule

    def _usual(self, data: dict[str, Any]) -> dict[str, Any]:
        """The rule that the figures describe."""
        steps: list[dict[str, Any]] = []
        channel_bp, platform_bp = int(data["channel_percent"] * 100), int(data["platform_percent"] * 100)
        if data["fee_from_pool"]:
            steps.append({"take": "processor_fee"})
        if channel_bp:
            steps.append({"take": "percent", "account": "channel", "bp": channel_bp, "of": "base"})
        if platform_bp:
            of = data["platform_of"]
            steps.append({"take": "percent", "account": "platform:revenue", "bp": platform_bp, "of": of})
        parties = []
        for line in data.get("shares", "").splitlines():
            words = line.split()
            if words and (len(words) != 2 or not words[1].isdecimal()):
                self.add_error("shares", _("“%(line)s” is not a code and a weight.") % {"line": line})
            elif words:
                parties.append({"account": f"party:{words[0]}", "weight": int(words[1])})
        return {"steps": [*steps, {"take": "split", "parties": parties}]}


def version_initial(version: AgreementVersion) -> dict[str, Any]:
    """What the form shows for a version: its figures where they are the usual ones, else its rule as JSON."""
    start: datetime = version.effective.lower
    told: dict[str, Any] = {
        "agreement": version.agreement_id,
        "effective_from": start,
        "paying_model": version.paying_model,
        "window_days": version.window_days,
        "hold_days": version.hold_days,
        "precedence": version.precedence,
        "self_purchase": version.self_purchase,
        "note": version.note,
    }
    own = {
        key: value for key, value in version.rule.items() if key in {"steps", "variants", "reserve_bp", "refund_policy"}
    }
    usual = _usual_figures(own)
    return told | (usual if usual is not None else {"rule": json.dumps(own, ensure_ascii=False, indent=1)})


def _usual_figures(rule: dict[str, Any]) -> dict[str, Any] | None:
    """The figures of a rule of the usual shape; None where it says more than they can."""
    steps = list(rule.get("steps", ()))
    if rule.keys() != {"steps"} or not steps:
        return None
    told: dict[str, Any] = {"channel_percent": Decimal(0), "fee_from_pool": False, "platform_percent": Decimal(0)}
    *takes, last = steps
    # Fee and channels stand in either order: the channels' percentage is of the base, so nothing changes by it.
    for shape, field in (*_SHAPES[:2], *_SHAPES[:1], *_SHAPES[2:]):
        if takes and {key: value for key, value in takes[0].items() if key != "bp"} == shape:
            take = takes.pop(0)
            told[field] = True if take["take"] == "processor_fee" else Decimal(take["bp"]) / 100
            if field == "platform_percent":
                told["platform_of"] = take["of"]
    if takes or any(not party["account"].startswith("party:") for party in last["parties"]):
        return None
    told["shares"] = "\n".join(f"{p['account'].removeprefix('party:')} {p['weight']}" for p in last["parties"])
    return told


_SHAPES: tuple[tuple[dict[str, str], str], ...] = (
    ({"take": "processor_fee"}, "fee_from_pool"),
    ({"take": "percent", "account": "channel", "of": "base"}, "channel_percent"),
    ({"take": "percent", "account": "platform:revenue", "of": "remaining"}, "platform_percent"),
    ({"take": "percent", "account": "platform:revenue", "of": "base"}, "platform_percent"),
)
