"""The question of a what-if as a form, and a stored one in words."""

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from ledger.money import decimal_from_minor
from ledger.splits.accounts import CHANNEL, REVENUE
from partners import services
from partners.choices import CapPeriod, MeterPeriod, PayingModel, Precedence, SelfPurchase
from partners.errors import PartnersError, ReplayRefusedError
from partners.forms.reach import rehearse
from partners.forms.weights import WeightsField
from partners.forms.written import NotJsonError, json_written
from partners.models import AgreementVersion, Replay
from partners.services import Change, change_of, changes_read
from partners.services.whatif.changes import WEIGHING

AS_IT_WAS = ("", gettext_lazy("As it was"))


class ReplayForm(forms.Form):
    """Which terms would have been otherwise, and for orders of which days. About a draft only the days are asked."""

    since = forms.DateField(label=gettext_lazy("Orders from"), widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(
        label=gettext_lazy("Orders to"),
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=gettext_lazy("Inclusive. Refunds and disputes of these orders count whenever they came."),
    )
    title = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=200)
    agreements = forms.CharField(
        label=gettext_lazy("Agreements"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text=gettext_lazy("A code on each line. Empty: all of them."),
    )
    platform_percent = forms.DecimalField(
        label=gettext_lazy("Percent for the platform"), required=False, min_value=0, max_value=100, decimal_places=2
    )
    channel_percent = forms.DecimalField(
        label=gettext_lazy("Percent for partners who bring the learner"),
        required=False,
        min_value=0,
        max_value=100,
        decimal_places=2,
    )
    hold_days = forms.IntegerField(
        label=gettext_lazy("Holding period in days"), required=False, min_value=0, max_value=365
    )
    window_days = forms.IntegerField(
        label=gettext_lazy("Look-back in days"), required=False, min_value=1, max_value=365
    )
    paying_model = forms.ChoiceField(
        label=gettext_lazy("Paying model"), required=False, choices=[AS_IT_WAS, *PayingModel.choices]
    )
    half_life_days = forms.IntegerField(
        label=gettext_lazy("Half-life in days"), required=False, min_value=1, max_value=365
    )
    position_weights = WeightsField()
    precedence = forms.ChoiceField(
        label=gettext_lazy("Link against coupon"), required=False, choices=[AS_IT_WAS, *Precedence.choices]
    )
    self_purchase = forms.ChoiceField(
        label=gettext_lazy("Own purchase"), required=False, choices=[AS_IT_WAS, *SelfPurchase.choices]
    )
    rule = forms.CharField(
        label=gettext_lazy("Rule as JSON"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false"}),
        help_text=format_lazy(
            "{} {}",
            gettext_lazy("Another split instead of the percentages, as docs/reference/splits.md describes."),
            gettext_lazy("The account “owner” stands for each agreement's owner."),
        ),
    )

    def __init__(self, *args: Any, version: AgreementVersion | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.version = version
        first, last = _last_year(timezone.localdate())
        self.initial = {"since": first, "until": last, **self.initial}
        if version is not None:
            for name in [name for name in self.fields if name not in {"since", "until"}]:
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        """Put the question together and refuse what the verb would."""
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        try:
            data["changes"] = [change_of(self.version)] if self.version else list(changes_read(self._told(data)))
        except ReplayRefusedError as fault:
            self.add_error(None, str(fault))
            return data
        if self.version is None and data["changes"] == [Change(agreements=data["changes"][0].agreements)]:
            self.add_error(None, _("Nothing would be otherwise; change a figure, a clause or the rule."))
        rehearse(self, lambda: self.ask(by=None))
        return data

    def ask(self, *, by: User | None) -> Replay:
        """Ask by the verb."""
        data = self.cleaned_data
        if self.version is not None:
            return services.replay_of_version(version=self.version, since=data["since"], until=data["until"], by=by)
        return services.replay_request(
            changes=data["changes"], since=data["since"], until=data["until"], title=data["title"], by=by
        )

    def _told(self, data: dict[str, Any]) -> dict[str, Any]:
        """The question as plain data."""
        percents = {
            account: int(data[name] * 100)
            for name, account in (("platform_percent", REVENUE), ("channel_percent", CHANNEL))
            if data[name] is not None
        }
        told: dict[str, Any] = {"agreements": data["agreements"].split() or "all"}
        if percents:
            told["percents"] = percents
        if data["rule"].strip():
            try:
                told["rule"] = json_written(data["rule"])
            except NotJsonError as fault:
                raise ReplayRefusedError(str(fault)) from None
        clauses = ("hold_days", *WEIGHING, "precedence", "self_purchase")
        told["clauses"] = {name: data[name] for name in clauses if data[name] not in (None, "", ())}
        return told


def changes_told(replay: Replay) -> list[dict[str, Any]]:
    """What a stored question changes, as rows of words: agreements, then clause and value."""
    try:
        changes = changes_read(replay.change)
    except PartnersError:  # asked by another release, whose words are gone
        return []
    return [{"agreements": change.agreements, "rows": _rows(change), "rule": _rule(change)} for change in changes]


def _rows(change: Change) -> list[tuple[str, Any]]:
    names = {REVENUE: _("Percent for the platform"), CHANNEL: _("Percent for partners who bring the learner")}
    rows: list[tuple[str, Any]] = [
        (names.get(account, account), f"{Decimal(bp) / 100}%") for account, bp in change.percents.items()
    ]
    if change.hold_days is not None:
        rows.append((_("Holding period in days"), change.hold_days))
    if change.window_days is not None:
        rows.append((_("Look-back in days"), change.window_days))
    if change.half_life_days is not None:
        rows.append((_("Half-life in days"), change.half_life_days))
    if change.position_weights is not None:
        rows.append((_("Weights by position"), " ".join(map(str, change.position_weights))))
    for value, label, choices in (
        (change.paying_model, _("Paying model"), PayingModel),
        (change.precedence, _("Link against coupon"), Precedence),
        (change.self_purchase, _("Own purchase"), SelfPurchase),
        (change.meter, _("Volume for tiers"), MeterPeriod),
    ):
        if value is not None:
            rows.append((label, choices(value).label))
    if change.caps is not None:
        told = [
            f"{CapPeriod(cap['per']).label}: {decimal_from_minor(cap['minor'], cap['currency'])} {cap['currency']}"
            for cap in change.caps
        ]
        rows.append((_("Caps"), " · ".join(told) or "–"))
    return rows


def _rule(change: Change) -> str:
    return "" if change.rule is None else json.dumps(change.rule, ensure_ascii=False, indent=1)


def _last_year(today: date) -> tuple[date, date]:
    """The twelve whole months before this one."""
    last = today.replace(day=1) - timedelta(days=1)
    return today.replace(year=today.year - 1, day=1), last
