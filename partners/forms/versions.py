"""Forms of agreements and their versions on the partner manager's desk."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from ledger.errors import amount_refused
from ledger.money import EXPONENTS, MoneyError, decimal_from_minor, minor_from_decimal
from partners import services
from partners.choices import MeterPeriod, PayingModel, Precedence, SelfPurchase
from partners.forms.reach import rehearse
from partners.forms.weights import WeightsField
from partners.forms.written import NotJsonError, json_written
from partners.models import Agreement, AgreementVersion
from partners.selectors.terms import bound_orders
from partners.selectors.weighing import HALF_LIFE_DAYS
from partners.services.agreements import own_of
from partners.services.settled import CARRIED
from partners.services.terms import MAX_DAYS

MOST_DIGITS = 18
"""Of a weight that is typed in."""


class AgreementForm(forms.ModelForm):  # type: ignore[type-arg]
    """An agreement on the manager's desk; what it pays stands in its versions."""

    class Meta:
        model = Agreement
        fields = ("code", "title", "title_zh", "owner", "scope_kind", "scope_id")
        widgets = {"scope_kind": UnfoldAdminSelectWidget(choices=[("course", _("One course"))])}
        help_texts = {"scope_id": _("The number in the address of the course's page in this administration.")}


class AsKnownForm(forms.Form):
    """Two instants: of the orders, and of the knowledge about them."""

    at = forms.DateTimeField(
        label=_("For orders placed at"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    known_on = forms.DateTimeField(
        label=_("As it was known at"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )

    @staticmethod
    def today() -> dict[str, str]:
        """What is asked unless something else is: now (the end of this minute), as known now."""
        now = (timezone.localtime() + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M")
        return {"at": now, "known_on": now}


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
    reserve_percent = forms.DecimalField(
        label=_("Percent kept in reserve"),
        min_value=0,
        max_value=100,
        decimal_places=2,
        initial=0,
        help_text=_("Of each party's share, for refunds that come later."),
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
    window_days = forms.IntegerField(
        label=_("Look-back in days"), min_value=1, max_value=MAX_DAYS["window_days"], initial=30
    )
    half_life_days = forms.IntegerField(
        label=_("Half-life in days"),
        required=False,
        min_value=1,
        max_value=MAX_DAYS["half_life_days"],
        initial=HALF_LIFE_DAYS,
        help_text=_("Of time decay: a touch so much older weighs half."),
    )
    position_weights = WeightsField()
    hold_days = forms.IntegerField(
        label=_("Holding period in days"), min_value=0, max_value=MAX_DAYS["hold_days"], initial=7
    )
    reserve_days = forms.IntegerField(
        label=_("Reserve in days"), min_value=0, max_value=MAX_DAYS["reserve_days"], initial=90
    )
    caps = forms.CharField(
        label=_("Caps for partners who bring the learner"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("A line for each: order or month, amount, currency, such as “month 10000.00 CNY”."),
    )
    meter = forms.ChoiceField(
        label=_("Volume for tiers"), choices=MeterPeriod.choices, help_text=_("What the tiers of a rule ask for.")
    )
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
        data["caps"] = self._caps(data.get("caps", ""))
        rehearse(self, self.write)
        return data

    def write(self, by: Any = None) -> AgreementVersion:
        """Draft the version, or change the draft."""
        data = self.cleaned_data
        if self.draft is not None:
            return services.version_redraft(version=self.draft, rule=data["rule"], terms=self.terms(), by=by)
        return services.version_draft(agreement=data["agreement"], rule=data["rule"], terms=self.terms(), by=by)

    def terms(self) -> services.DraftTerms:
        """What was entered beside the rule."""
        data = self.cleaned_data
        return services.DraftTerms(
            effective_from=data.get("effective_from") or timezone.now(),
            paying_model=data["paying_model"],
            window_days=data["window_days"],
            half_life_days=data["half_life_days"] or HALF_LIFE_DAYS,
            position_weights=data["position_weights"],
            hold_days=data["hold_days"],
            precedence=data["precedence"],
            self_purchase=data["self_purchase"],
            reserve_days=data["reserve_days"],
            caps=data["caps"],
            meter=data["meter"],
            note=data["note"],
        )

    def _caps(self, text: str) -> list[dict[str, Any]]:
        """The caps, a line each."""
        found = []
        for line in filter(str.strip, text.splitlines()):
            currency = ""
            try:
                per, amount, currency = line.split()
                found.append({"per": per, "minor": minor_from_decimal(amount, currency), "currency": currency})
            except ValueError as fault:
                known = isinstance(fault, MoneyError) and currency in EXPONENTS
                why = amount_refused(currency) if known else ""
                told = _("“%(line)s” is not order or month, an amount and a currency. %(why)s") % {
                    "line": line,
                    "why": why,
                }
                self.add_error("caps", told.strip())
        return found

    def _written(self, text: str) -> dict[str, Any]:
        """The rule as it was written out."""
        try:
            rule = json_written(text)
        except NotJsonError as fault:
            self.add_error("rule", str(fault))
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
            if words and (len(words) != 2 or not words[1].isdecimal() or len(words[1]) > MOST_DIGITS):
                self.add_error("shares", _("“%(line)s” is not a code and a weight.") % {"line": line})
            elif words:
                parties.append({"account": f"party:{words[0]}", "weight": int(words[1])})
        rule: dict[str, Any] = {"steps": [*steps, {"take": "split", "parties": parties}]}
        reserve_bp = int(data["reserve_percent"] * 100)
        return {**rule, "reserve_bp": reserve_bp} if reserve_bp else rule


class CorrectionForm(VersionForm):
    """A correction to be drafted: the terms under which some settled orders are computed again."""

    orders = forms.CharField(
        label=_("Orders"),
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_(
            "Codes of settled orders of this agreement, a line or a space between them. Who brought the learner, caps, "
            "volumes and the days of a reserve stay as these orders were settled."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("effective_from", *CARRIED):
            del self.fields[name]

    def terms(self) -> services.DraftTerms:
        """What a correction says beside its rule; the rest is as the orders were settled."""
        data = self.cleaned_data
        return services.DraftTerms(effective_from=timezone.now(), hold_days=data["hold_days"], note=data["note"])

    def write(self, by: Any = None) -> AgreementVersion:
        """Draft the correction, or change the draft; it begins with the first of its orders."""
        data = self.cleaned_data
        codes = data["orders"].split()
        if self.draft is not None:
            return services.version_redraft(
                version=self.draft, rule=data["rule"], terms=self.terms(), by=by, order_codes=codes
            )
        return services.correction_draft(
            agreement=data["agreement"], rule=data["rule"], terms=self.terms(), order_codes=codes, by=by
        )


def version_initial(version: AgreementVersion) -> dict[str, Any]:
    """What the form shows for a version: its figures where they are the usual ones, else its rule as JSON."""
    start = version.starts
    told: dict[str, Any] = {
        "agreement": version.agreement_id,
        "effective_from": start,
        "paying_model": version.paying_model,
        "window_days": version.window_days,
        "half_life_days": version.half_life_days,
        "position_weights": " ".join(map(str, version.position_weights)),
        "hold_days": version.hold_days,
        "precedence": version.precedence,
        "self_purchase": version.self_purchase,
        "reserve_days": version.reserve_days,
        "meter": version.meter,
        "caps": "\n".join(
            f"{cap['per']} {decimal_from_minor(cap['minor'], cap['currency'])} {cap['currency']}"
            for cap in version.caps
        ),
        "note": version.note,
        "orders": "\n".join(bound_orders(version)),
    }
    own = own_of(version.rule)
    usual = _usual_figures(own)
    return told | (usual if usual is not None else {"rule": json.dumps(own, ensure_ascii=False, indent=1)})


def _usual_figures(rule: dict[str, Any]) -> dict[str, Any] | None:
    """The figures of a rule of the usual shape; None where it says more than they can."""
    steps = list(rule.get("steps", ()))
    if not rule.keys() <= {"steps", "reserve_bp"} or not steps:
        return None
    told: dict[str, Any] = {"channel_percent": Decimal(0), "fee_from_pool": False, "platform_percent": Decimal(0)}
    told["reserve_percent"] = Decimal(rule.get("reserve_bp", 0)) / 100
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
