"""Channels, tracking links with their QR codes, coupons."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display

from accounts.admin.base import Desk, clerk, figure
from ledger.admin.words import amount
from partners import services
from partners.forms.reach import ChannelForm, CouponForm, TrackingLinkForm
from partners.models import Channel, Coupon, TrackingLink
from partners.selectors.phrases import percent

UTM = ("utm_source", "utm_medium", "utm_term", "utm_content")
ON = {"on": "success", "off": ""}


class ReachDesk(Desk):
    """What channels, links and coupons have in common: they are closed, never deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody: journeys and orders point at them."""
        return False

    @display(description=_("open"), label=ON, ordering="is_active")
    def display_active(self, obj: Any) -> tuple[str, str]:
        """Open or closed."""
        return ("on", pgettext("state", "Open")) if obj.is_active else ("off", pgettext("state", "Closed"))


@admin.register(Channel)
class ChannelAdmin(ReachDesk):
    """How visitors come; an owner may earn by it."""

    form = ChannelForm
    list_display = ("display_name", "kind", "owner", "display_links", "slot", "display_active")
    list_filter = (("kind", ChoicesDropdownFilter), ("owner", RelatedDropdownFilter), "is_active")
    list_select_related = ("owner",)
    search_fields = ("code", "name", "name_zh", "owner__name", "owner__name_zh")
    ordering = ("name",)
    autocomplete_fields = ("owner",)
    fields = (("name", "name_zh"), ("code", "kind"), ("owner", "slot"), "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        """With the number of links."""
        queryset: QuerySet[Channel] = super().get_queryset(request)
        return queryset.annotate(link_count=Count("links"))

    def get_readonly_fields(self, request: HttpRequest, obj: Channel | None = None) -> tuple[str, ...]:
        """What names it stays, and so does the owner: earlier journeys are credited to it."""
        del request
        return ("code", "owner") if obj else ("slot", "is_active")

    @display(description=_("channel"), header=True, ordering="name")
    def display_name(self, obj: Channel) -> tuple[str, str]:
        """Name above code."""
        return obj.local_name, obj.code

    @display(description=_("links"), ordering="link_count")
    def display_links(self, obj: Any) -> int:
        """How many lead through it."""
        return int(obj.link_count)

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        """Write by the verbs."""
        del form
        if change:
            services.channel_change(
                channel=obj,
                name=obj.name,
                name_zh=obj.name_zh,
                kind=obj.kind,
                slot=obj.slot,
                active=obj.is_active,
                by=clerk(request),
            )
            return
        made = services.channel_create(
            code=obj.code, name=obj.name, name_zh=obj.name_zh, kind=obj.kind, owner=obj.owner, by=clerk(request)
        )
        obj.pk = made.pk


@admin.register(TrackingLink)
class TrackingLinkAdmin(ReachDesk):
    """Links with their QR codes; where a link leads is fixed, because it may be printed somewhere."""

    form = TrackingLinkForm
    list_display = ("display_code", "channel", "owner", "destination", "campaign", "display_active", "created_at")
    list_filter = (
        ("channel", RelatedDropdownFilter),
        ("owner", RelatedDropdownFilter),
        "is_active",
        ("created_at", RangeDateTimeFilter),
    )
    list_select_related = ("channel", "owner")
    search_fields = ("code", "campaign", "destination", "owner__name", "owner__name_zh")
    ordering = ("-created_at", "-pk")
    autocomplete_fields = ("channel", "owner")
    fields = (
        ("channel", "owner"),
        ("destination", "campaign"),
        ("utm_source", "utm_medium"),
        ("utm_term", "utm_content"),
        "anyway",
        ("code", "is_active"),
        "display_address",
        "display_qr",
    )
    actions = ("close", "open_again")

    def get_readonly_fields(self, request: HttpRequest, obj: TrackingLink | None = None) -> tuple[str, ...]:
        """Only the switch can be turned once it exists."""
        del request
        if obj is None:
            return ("is_active", "display_address", "display_qr")
        return ("channel", "owner", "destination", "campaign", *UTM, "code", "display_address", "display_qr")

    def get_fields(self, request: HttpRequest, obj: TrackingLink | None = None) -> Any:
        """What is asked while it is made stands nowhere afterwards."""
        del request
        return tuple(row for row in self.fields if row != "anyway") if obj else self.fields

    @display(description=_("link"), ordering="code")
    def display_code(self, obj: TrackingLink) -> str:
        """Its short address."""
        return str(obj)

    @display(description=_("address"))
    def display_address(self, obj: TrackingLink) -> str:
        """The full address."""
        return f"{settings.BASE_URL}{obj}" if obj.pk else "–"

    @display(description=_("QR code"))
    def display_qr(self, obj: TrackingLink) -> SafeString | str:
        """The address as a QR code."""
        if not obj.pk:
            return "–"
        import segno

        drawn = segno.make(self.display_address(obj), error="m").svg_inline(scale=5, border=2, light="#fff")
        return mark_safe(drawn)  # noqa: S308 - drawn here from an address of ours

    @admin.action(description=_("Close"), permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[TrackingLink]) -> None:
        """Close the chosen links."""
        self._activate(request, queryset, active=False)

    @admin.action(description=_("Open again"), permissions=["change"])
    def open_again(self, request: HttpRequest, queryset: QuerySet[TrackingLink]) -> None:
        """Open the chosen links."""
        self._activate(request, queryset, active=True)

    def save_model(self, request: HttpRequest, obj: TrackingLink, form: Any, change: bool) -> None:
        """Write by the verbs."""
        del form
        if change:
            services.link_activate(link=obj, active=obj.is_active, by=clerk(request))
            return
        made = services.link_create(
            channel=obj.channel,
            owner=obj.owner,
            destination=obj.destination,
            code=obj.code,
            campaign=obj.campaign,
            utm={key: getattr(obj, key) for key in UTM},
            by=clerk(request),
        )
        obj.pk, obj.code = made.pk, made.code

    def _activate(self, request: HttpRequest, queryset: QuerySet[TrackingLink], *, active: bool) -> None:
        links = list(queryset)
        for link in links:
            services.link_activate(link=link, active=active, by=clerk(request))
        if active:
            told = ngettext("%(count)d link is open.", "%(count)d links are open.", len(links))
        else:
            told = ngettext("%(count)d link is closed.", "%(count)d links are closed.", len(links))
        messages.success(request, told % {"count": len(links)})


@admin.register(Coupon)
class CouponAdmin(ReachDesk):
    """Coupons; what one takes off is fixed, because it was promised."""

    form = CouponForm
    list_display = (
        "code",
        "display_discount",
        "borne_by",
        "owner",
        "display_uses",
        "starts_at",
        "ends_at",
        "display_active",
    )
    list_filter = (
        ("borne_by", ChoicesDropdownFilter),
        ("owner", RelatedDropdownFilter),
        "is_active",
        ("ends_at", RangeDateTimeFilter),
    )
    list_select_related = ("owner",)
    search_fields = ("code", "owner__name", "owner__name_zh")
    ordering = ("-is_active", "code")
    autocomplete_fields = ("owner", "channel")
    fields = (
        ("code", "is_active"),
        "percent",
        ("amount", "currency"),
        ("borne_by", "max_uses"),
        ("owner", "channel"),
        ("starts_at", "ends_at"),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Coupon]:
        """With the number of uses."""
        queryset: QuerySet[Coupon] = super().get_queryset(request)
        return queryset.annotate(use_count=Count("redemptions"))

    def get_fields(self, request: HttpRequest, obj: Coupon | None = None) -> Any:
        """Once it exists the discount is written out."""
        del request
        return (("code", "is_active"), ("display_discount", "display_uses"), *self.fields[3:]) if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Coupon | None = None) -> tuple[str, ...]:
        """Only the switch can be turned once it exists."""
        del request
        fixed = ("code", "borne_by", "owner", "channel", "starts_at", "ends_at", "max_uses")
        return ("display_discount", "display_uses", *fixed) if obj else ("is_active",)

    @display(description=_("discount"))
    def display_discount(self, obj: Coupon) -> SafeString | str:
        """The percentage or the amount."""
        return percent(obj.percent_bp) if obj.percent_bp is not None else amount(obj.amount_minor, obj.currency)

    @display(description=_("uses"), ordering="use_count")
    def display_uses(self, obj: Any) -> SafeString:
        """Uses so far, of how many."""
        return figure(f"{obj.use_count:,} / {obj.max_uses:,}" if obj.max_uses else obj.use_count)

    def save_model(self, request: HttpRequest, obj: Coupon, form: Any, change: bool) -> None:
        """Write by the verbs."""
        if change:
            services.coupon_activate(coupon=obj, active=obj.is_active, by=clerk(request))
            return
        made = services.coupon_create(
            code=obj.code,
            percent_bp=form.percent_bp,
            amount_minor=form.amount_minor,
            currency=obj.currency,
            borne_by=obj.borne_by,
            owner=obj.owner,
            channel=obj.channel,
            starts_at=obj.starts_at,
            ends_at=obj.ends_at,
            max_uses=obj.max_uses,
            by=clerk(request),
        )
        obj.pk, obj.code = made.pk, made.code
