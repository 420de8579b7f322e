"""Accounts with what lies on them."""

from typing import Any

from django.contrib import admin
from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from accounts.admin.base import ReadingDesk
from ledger.admin.words import amount
from ledger.models import Account, BalanceSnapshot, Posting


@admin.register(Account)
class AccountAdmin(ReadingDesk):
    """Accounts are opened by bookings; the balance is the last snapshot and what was posted since."""

    list_display = ("display_code", "kind", "currency", "display_balance", "created_at")
    list_filter = (("kind", ChoicesDropdownFilter), "currency")
    list_select_related = ("party",)
    search_fields = ("code", "party__name", "party__name_zh")
    ordering = ("code", "currency")
    fields = (("code", "currency"), ("kind", "party"), "display_balance", "created_at")
    readonly_fields = ("display_balance",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        """With the balance, by subqueries: one statement for the whole list."""
        queryset: QuerySet[Account] = super().get_queryset(request)
        last = BalanceSnapshot.objects.filter(account=OuterRef("pk")).order_by("-upto_posting")
        since = Posting.objects.filter(account=OuterRef("pk"), pk__gt=OuterRef("upto")).order_by().values("account")
        return queryset.annotate(upto=Coalesce(Subquery(last.values("upto_posting")[:1]), 0)).annotate(
            balance=Coalesce(Subquery(last.values("amount")[:1]), 0)
            + Coalesce(Subquery(since.annotate(moved=Sum("amount")).values("moved")), 0)
        )

    @display(description=_("account"), header=True, ordering="code")
    def display_code(self, obj: Account) -> tuple[str, str]:
        """The code, and whose account it is."""
        return obj.code, str(obj.party or "")

    @display(description=_("balance"), ordering=F("balance").desc())
    def display_balance(self, obj: Any) -> SafeString:
        """Positive is credit: owed to whoever the account names."""
        return amount(obj.balance, obj.currency)


@admin.register(BalanceSnapshot)
class BalanceSnapshotAdmin(ReadingDesk):
    """Shortcuts for reading; they can be thrown away and taken again."""

    empty_words = _("Snapshots are taken at night, so that balances are read quickly; the postings alone decide.")
    list_display = ("account", "upto_posting", "display_amount", "taken_at")
    list_select_related = ("account",)
    list_filter = ("account__currency",)
    search_fields = ("account__code",)
    ordering = ("-pk",)
    fields = ("account", "upto_posting", "display_amount", "taken_at")
    readonly_fields = ("display_amount",)

    @display(description=_("balance"), ordering="amount")
    def display_amount(self, obj: BalanceSnapshot) -> SafeString:
        """The balance up to that posting."""
        return amount(obj.amount, obj.account.currency)
