"""Journal entries and postings, read only: a wrong one is reversed by a new one."""

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import Lines, ReadingDesk
from ledger.admin.words import amount, plain_data, source_words, why_link
from ledger.choices import EntryKind
from ledger.models import JournalEntry, Posting
from ledger.selectors.recomputed import entry_recomputed
from ledger.splits.trace import SUMS_FORMAT

KIND_TONES: dict[str, str] = dict.fromkeys(EntryKind.values, "") | {
    str(EntryKind.SALE): "success",
    str(EntryKind.VOID): "danger",
    str(EntryKind.REFUND): "danger",
    str(EntryKind.DISPUTE): "warning",
    str(EntryKind.DISPUTE_LOST): "danger",
    str(EntryKind.PAYOUT_FAILED): "danger",
    str(EntryKind.PAYOUT): "info",
}


class PostingLines(Lines):
    """The postings of an entry, in order."""

    model = Posting
    tab = False
    hide_title = True
    ordering = ("position",)
    fields = ("account", "display_amount", "line", "clause", "matures_at", "display_why")
    readonly_fields = fields
    verbose_name_plural = _("postings")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        """With their accounts."""
        queryset: QuerySet[Posting] = super().get_queryset(request)
        return queryset.select_related("account")

    def has_add_permission(self, request: HttpRequest, obj: JournalEntry | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: JournalEntry | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: JournalEntry | None = None) -> bool:  # noqa: ARG002
        """Nobody."""
        return False

    @display(description=_("amount"))
    def display_amount(self, obj: Posting) -> SafeString:
        """Positive is credit, negative debit."""
        return amount(obj.amount, obj.currency)

    @display(description=_("why"))
    def display_why(self, obj: Posting) -> SafeString:
        """Leads to how it came about."""
        return why_link(obj.pk)


@admin.register(JournalEntry)
class JournalEntryAdmin(ReadingDesk):
    """Entries with what they were computed from and every step."""

    list_display = ("display_source", "display_kind", "display_postings", "occurred_at", "recorded_at", "actor")
    list_filter = (("kind", ChoicesDropdownFilter), ("occurred_at", RangeDateTimeFilter))
    list_select_related = ("actor",)
    search_fields = ("=source_id", "=body_hash")
    ordering = ("-occurred_at", "-pk")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("source_id", "source_kind", "kind"),
                    ("occurred_at", "booked_on"),
                    ("recorded_at", "actor"),
                    "reverses",
                    "display_hash",
                )
            },
        ),
        (_("Computed from"), {"fields": ("display_inputs",), "classes": ("collapse",)}),
        (_("Every step"), {"fields": ("display_trace",), "classes": ("collapse",)}),
    )
    readonly_fields = ("display_hash", "display_inputs", "display_trace")
    inlines = (PostingLines,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[JournalEntry]:
        """With the number of postings; the list leaves inputs and traces where they are."""
        # Counted for the rows of the page alone; a join would group every entry there ever was.
        postings = Posting.objects.filter(entry=OuterRef("pk")).order_by().values("entry").annotate(n=Count("pk"))
        queryset: QuerySet[JournalEntry] = (
            super().get_queryset(request).annotate(posting_count=Subquery(postings.values("n")))
        )
        page = request.resolver_match.url_name if request.resolver_match else ""
        return queryset.defer("inputs", "trace") if (page or "").endswith("_changelist") else queryset

    @display(description=_("entry"), header=True, ordering="source_id")
    def display_source(self, obj: JournalEntry) -> tuple[str, str]:
        """Its number, above what it books."""
        return gettext("Entry %(number)d") % {"number": obj.pk}, source_words(obj.source_kind, obj.source_id)

    @display(description=_("kind"), ordering="kind", label=KIND_TONES)
    def display_kind(self, obj: JournalEntry) -> tuple[str, str]:
        """Sale or void."""
        return obj.kind, str(EntryKind(obj.kind).label)

    @display(description=_("postings"), ordering="posting_count")
    def display_postings(self, obj: JournalEntry) -> int:
        """How many."""
        return int(getattr(obj, "posting_count", 0) or 0)

    @display(description=_("hash of the body"))
    def display_hash(self, obj: JournalEntry) -> SafeString:
        """What `verify_ledger` computes again from the stored rows."""
        return format_html('<code class="break-all">{}</code>', obj.body_hash)

    @display(description=_("inputs"))
    def display_inputs(self, obj: JournalEntry) -> SafeString:
        """All that the amounts were computed from."""
        return plain_data(obj.inputs)

    @display(description=_("trace"))
    def display_trace(self, obj: JournalEntry) -> SafeString:
        """Each step with its rounding; a sale keeps its sums alone, and its steps follow from its inputs."""
        told = obj.trace
        short = isinstance(told, dict) and told.get("format") == SUMS_FORMAT
        return plain_data(entry_recomputed(entry=obj).trace if short else told)


@admin.register(Posting)
class PostingAdmin(ReadingDesk):
    """Single postings, for looking along one account."""

    list_display = (
        "occurred_at",
        "account",
        "display_amount",
        "entry",
        "clause",
        "matures_at",
        "display_why",
    )
    list_filter = (("account__kind", ChoicesDropdownFilter), "currency", ("occurred_at", RangeDateTimeFilter))
    list_select_related = ("account", "entry")
    search_fields = ("=entry__source_id", "=account__code", "=line")
    ordering = ("-pk",)
    fields = (
        "entry",
        "position",
        "account",
        "display_amount",
        ("line", "clause"),
        ("occurred_at", "booked_on", "matures_at"),
        "display_again",
        "display_why",
    )
    readonly_fields = ("display_amount", "display_again", "display_why")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        """Without the entries' inputs and traces."""
        queryset: QuerySet[Posting] = super().get_queryset(request)
        return queryset.defer("entry__inputs", "entry__trace")

    @display(description=_("amount"), ordering="amount")
    def display_amount(self, obj: Posting) -> SafeString:
        """Positive is credit, negative debit."""
        return amount(obj.amount, obj.currency)

    @display(description=_("why"))
    def display_why(self, obj: Posting) -> SafeString:
        """Leads to how it came about."""
        return why_link(obj.pk)

    @display(description=_("computed again just now"))
    def display_again(self, obj: Posting) -> SafeString:
        """What the entry's stored inputs give for this account and line, beside what stands there."""
        made = entry_recomputed(entry=obj.entry)
        if not made.details:
            return mark_safe("–")
        same = obj.entry.postings.filter(account=obj.account_id, line=obj.line)
        computed = sum(d.amount for d in made.details if d.account == obj.account.code and d.line == obj.line)
        booked = sum(row.amount for row in same)
        words = _("as it was booked") if computed == booked else _("but something else was booked")
        return format_html(
            '{}, {} · <a href="{}">{}</a>',
            amount(computed, obj.currency),
            words,
            reverse("admin:ledger_journalentry_change", args=[obj.entry_id]),
            _("every step"),
        )
