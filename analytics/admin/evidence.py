"""Visitors, touches, conversions: nothing here is written by hand."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.admin.base import Lines, ReadingDesk
from analytics.admin.words import money, percent
from analytics.choices import ConversionKind, TouchFlag
from analytics.models import Conversion, Credit, Touchpoint, Visitor, VisitorMerge

KIND_TONES = {ConversionKind.ORDER: "success", ConversionKind.SIGN_UP: "info"}


@admin.register(Visitor)
class VisitorAdmin(ReadingDesk):
    """Browsers by their random keys, and the people recognised in them."""

    list_display = ("display_key", "user", "country", "device", "consent", "first_seen_at")
    list_filter = (
        ("user", admin.EmptyFieldListFilter),
        "consent",
        ("first_seen_at", RangeDateTimeFilter),
        ("import_batch", RelatedDropdownFilter),
    )
    list_select_related = ("user",)
    search_fields = ("=key", "user__email", "user__name")
    search_help_text = _("Key of the browser, e-mail or name of the person")
    ordering = ("-pk",)
    paginator = InfinitePaginator
    fields = (
        "key",
        "user",
        "display_merge",
        ("country", "device", "consent"),
        "first_seen_at",
        "import_batch",
        "display_touches",
    )
    readonly_fields = ("display_merge", "display_touches")

    @display(description=_("visitor"), ordering="key")
    def display_key(self, obj: Visitor) -> str:
        """The beginning of its key; a page of one shows all of it."""
        return gettext("Visitor %(key)s") % {"key": str(obj.key)[:8]}

    @display(description=_("recognised by"))
    def display_merge(self, obj: Visitor) -> str:
        """What told whose it is, and when."""
        merge = VisitorMerge.objects.filter(visitor=obj).first()
        if merge is None:
            return "–"
        return f"{merge.get_cause_display()} · {date_format(timezone.localtime(merge.merged_at), 'DATETIME_FORMAT')}"

    @display(description=_("touches"))
    def display_touches(self, obj: Visitor) -> SafeString:
        """How many, as a link to them."""
        number = Touchpoint.objects.filter(visitor=obj).count()
        address = reverse("admin:analytics_touchpoint_changelist")
        return format_html('<a href="{}?q={}">{}</a>', address, obj.key, number)


@admin.register(Touchpoint)
class TouchpointAdmin(ReadingDesk):
    """Touches, newest first."""

    list_display = (
        "occurred_at",
        "channel",
        "owner",
        "campaign",
        "referrer_host",
        "landing",
        "display_flag",
        "display_visitor",
    )
    list_filter = (
        ("channel", RelatedDropdownFilter),
        ("flag", ChoicesDropdownFilter),
        ("occurred_at", RangeDateTimeFilter),
        ("owner", admin.EmptyFieldListFilter),
        "consent",
    )
    list_select_related = ("channel", "owner", "campaign", "visitor")
    search_fields = ("=visitor__key", "=click_id", "=link__code")
    search_help_text = _("Key of the browser, click id, or code of the link, each in full")
    # The key of every monthly partition begins with it, so a page is read from an index whatever the table's size.
    ordering = ("-pk",)
    paginator = InfinitePaginator
    fields = (
        ("occurred_at", "recorded_at"),
        "visitor",
        ("channel", "owner"),
        ("campaign", "link"),
        "landing",
        ("referrer_host", "click_id"),
        ("utm", "sub_ids"),
        "flag",
        ("consent", "import_batch"),
    )

    @display(description=_("does not count"), label=dict.fromkeys(TouchFlag.values, "warning"))
    def display_flag(self, obj: Touchpoint) -> tuple[str, str]:
        """Why it is kept and brings nobody anything."""
        return obj.flag, obj.get_flag_display()

    @display(description=_("visitor"))
    def display_visitor(self, obj: Touchpoint) -> SafeString:
        """The browser, as a link."""
        address = reverse("admin:analytics_visitor_change", args=[obj.visitor_id])
        return format_html('<a href="{}">{}…</a>', address, str(obj.visitor.key)[:8])


class CreditLines(Lines):
    """What each channel was credited when the order was settled."""

    model = Credit
    verbose_name_plural = _("credits")
    fields = ("model", "channel", "owner", "display_ppm")
    readonly_fields = fields
    ordering = ("model", "-ppm", "pk")
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Credit]:
        """With their channels and owners."""
        queryset: QuerySet[Credit] = super().get_queryset(request)
        return queryset.select_related("channel", "owner")

    def has_add_permission(self, request: HttpRequest, obj: Conversion | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Conversion | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    @display(description=_("credit"))
    def display_ppm(self, obj: Credit) -> str:
        """In percent, exactly."""
        return percent(obj.ppm)


@admin.register(Conversion)
class ConversionAdmin(ReadingDesk):
    """Paid orders and sign-ups with the credit that was settled for them."""

    list_display = ("occurred_at", "display_kind", "order", "user", "display_value", "display_models", "settled_at")
    list_filter = (
        ("kind", ChoicesDropdownFilter),
        ("occurred_at", RangeDateTimeFilter),
        ("import_batch", RelatedDropdownFilter),
    )
    list_select_related = ("order", "user")
    search_fields = ("=order__code", "user__email", "=visitor__key")
    search_help_text = _("Code of the order, e-mail of the person, key of the browser")
    ordering = ("-pk",)
    paginator = InfinitePaginator
    fields = (
        ("kind", "occurred_at"),
        ("order", "display_value"),
        ("user", "visitor"),
        ("settled_at", "import_batch"),
    )
    readonly_fields = ("display_value",)
    inlines = (CreditLines,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Conversion]:
        """With the number of credits."""
        queryset: QuerySet[Conversion] = super().get_queryset(request)
        return queryset.annotate(credit_count=Count("credits"))

    @display(description=_("kind"), label=KIND_TONES, ordering="kind")
    def display_kind(self, obj: Conversion) -> tuple[str, str]:
        """Order or sign-up."""
        return obj.kind, str(obj.get_kind_display())

    @display(description=_("value"), ordering="value_minor")
    def display_value(self, obj: Conversion) -> str:
        """What was paid."""
        return money(obj.value_minor, obj.currency)

    @display(description=_("credits"), ordering="credit_count")
    def display_models(self, obj: Conversion) -> int:
        """How many credit rows it has."""
        return int(getattr(obj, "credit_count", 0))
