"""Campaigns and what they cost."""

from typing import Any

from django.contrib import admin
from django.db.models import Max, Min, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter, RelatedDropdownFilter
from unfold.decorators import display

from accounts.admin.base import Desk
from analytics import services
from analytics.admin.words import money
from analytics.forms import CampaignForm, SpendForm
from analytics.models import Campaign, Spend


class SpendingDesk(Desk):
    """What was imported stays as its files say; everything else is written by the verbs."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """By the matrix, and only what was entered by hand."""
        if obj is not None and obj.import_batch_id:
            return False
        return bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody: reports were computed with it. A wrong amount is corrected, down to 0."""
        return False


@admin.register(Campaign)
class CampaignAdmin(SpendingDesk):
    """Campaigns of advertising accounts, each in one channel."""

    form = CampaignForm
    list_display = ("display_name", "channel", "source", "external_id", "display_first", "display_last")
    list_filter = (("channel", RelatedDropdownFilter), "source", ("import_batch", RelatedDropdownFilter))
    list_select_related = ("channel",)
    search_fields = ("name", "name_zh", "=external_id")
    ordering = ("-pk",)
    fields = (("name", "name_zh"), "channel", ("source", "external_id"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campaign]:
        """With the days of their spend."""
        queryset: QuerySet[Campaign] = super().get_queryset(request)
        return queryset.annotate(first_day=Min("spend__day"), last_day=Max("spend__day"))

    def get_readonly_fields(self, request: HttpRequest, obj: Campaign | None = None) -> tuple[str, ...]:
        """What names it in its source stays."""
        del request
        return ("source", "external_id") if obj else ()

    @display(description=_("name"), ordering="name")
    def display_name(self, obj: Campaign) -> str:
        """Name in the reader's language."""
        return obj.local_name

    @display(description=_("first day"), ordering="first_day")
    def display_first(self, obj: Any) -> Any:
        """First day with spend."""
        return obj.first_day

    @display(description=_("last day"), ordering="last_day")
    def display_last(self, obj: Any) -> Any:
        """Last day with spend."""
        return obj.last_day

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: bool) -> None:
        """Write by the verbs."""
        del request, form
        if change:
            services.campaign_change(campaign_id=obj.pk, name=obj.name, name_zh=obj.name_zh, channel_id=obj.channel_id)
            return
        new = services.NewCampaign(obj.source, obj.external_id, obj.name, obj.channel_id, name_zh=obj.name_zh)
        obj.pk = services.campaigns_record(campaigns=[new])[obj.source, obj.external_id]


@admin.register(Spend)
class SpendAdmin(SpendingDesk):
    """What a campaign cost on a day."""

    form = SpendForm
    list_display = ("day", "campaign", "display_channel", "display_amount", "impressions", "clicks", "import_batch")
    list_filter = (
        ("campaign__channel", RelatedDropdownFilter),
        "currency",
        ("day", RangeDateFilter),
        ("import_batch", RelatedDropdownFilter),
    )
    list_select_related = ("campaign__channel", "import_batch")
    search_fields = ("campaign__name", "campaign__name_zh", "=campaign__external_id")
    ordering = ("-day", "-pk")
    autocomplete_fields = ("campaign",)
    fields = (("campaign", "day"), ("amount", "currency"), ("impressions", "clicks"))
    readonly_fields = ("display_amount",)

    def get_fields(self, request: HttpRequest, obj: Spend | None = None) -> Any:
        """An amount that cannot be changed is written out."""
        if obj and not self.has_change_permission(request, obj):
            return (("campaign", "day"), "display_amount", ("impressions", "clicks"), "import_batch")
        return self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Spend | None = None) -> tuple[str, ...]:
        """Campaign, day and currency name the row; only what it cost can be corrected."""
        del request
        return ("display_amount", "campaign", "day", "currency") if obj else ("display_amount",)

    @display(description=_("channel"))
    def display_channel(self, obj: Spend) -> str:
        """The campaign's channel."""
        return obj.campaign.channel.local_name

    @display(description=_("amount"), ordering="amount_minor")
    def display_amount(self, obj: Spend) -> str:
        """With its currency."""
        return money(obj.amount_minor, obj.currency)

    def save_model(self, request: HttpRequest, obj: Spend, form: Any, change: bool) -> None:
        """Write by the verbs."""
        del request
        minor = form.cleaned_data["amount_minor"]
        if change:
            services.spend_correct(spend_id=obj.pk, amount_minor=minor, impressions=obj.impressions, clicks=obj.clicks)
            return
        services.spend_record(
            spend=[services.NewSpend(obj.campaign_id, obj.day, minor, obj.currency, obj.impressions, obj.clicks)]
        )
        obj.pk = Spend.objects.get(campaign=obj.campaign_id, day=obj.day, currency=obj.currency, import_batch=None).pk
