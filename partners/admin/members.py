"""Creators and partners: who is in the programme, at which tier, with what balance."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext, pgettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from accounts.admin.base import Desk, clerk, figure
from accounts.choices import PartyKind
from ledger.admin.words import amount
from ledger.selectors import party_balances
from partners import services
from partners.choices import MembershipState
from partners.errors import PartnersError
from partners.models import Creator, Membership, Partner

STATES = {
    str(MembershipState.APPLIED): "info",
    str(MembershipState.APPROVED): "success",
    str(MembershipState.REJECTED): "",
    str(MembershipState.SUSPENDED): "warning",
    str(MembershipState.LEFT): "",
}


class MemberAdmin(Desk):
    """What creators and partners have in common."""

    list_display: tuple[str, ...] = (
        "display_party",
        "display_state",
        "tier",
        "display_balances",
        "display_agreements",
        "applied_at",
        "decided_at",
    )
    list_filter: tuple[Any, ...] = (
        ("state", ChoicesDropdownFilter),
        ("tier", ChoicesDropdownFilter),
        "party__currency",
        ("applied_at", RangeDateTimeFilter),
    )
    list_select_related = ("party",)
    search_fields = ("party__name", "party__name_zh", "party__code", "headline", "headline_zh")
    ordering = ("party__name", "pk")
    autocomplete_fields = ("party",)
    fieldsets = (
        (None, {"fields": (("party", "tier"), ("state", "display_balances"))}),
        (_("Shown to learners"), {"fields": ("headline", "headline_zh")}),
        (_("Inside the house"), {"fields": ("note", ("applied_at", "decided_at"))}),
    )
    readonly_fields = ("state", "display_balances", "applied_at", "decided_at")
    actions = ("approve", "reject", "suspend", "let_go")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the number of agreements."""
        queryset: QuerySet[Membership] = super().get_queryset(request)
        return queryset.select_related("party").annotate(agreement_count=Count("party__agreements"))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """With the balances of the page's members, in one query for all of them."""
        page: ChangeList = super().get_changelist_instance(request)
        self._add_balances(request, list(page.result_list))
        return page

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """With its balances."""
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            self._add_balances(request, [found])
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> tuple[str, ...]:
        """A membership stays with its party."""
        del request
        return (*self.readonly_fields, "party") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Members leave, their rows stay."""
        return False

    @display(description=_("name"), header=True, ordering="party__name")
    def display_party(self, obj: Membership) -> tuple[str, str]:
        """Name above code and kind."""
        return obj.party.local_name, f"{obj.party.code} · {obj.party.get_kind_display()}"

    @display(description=_("state"), label=STATES, ordering="state")
    def display_state(self, obj: Membership) -> tuple[str, str]:
        """Where it stands in the programme."""
        return obj.state, str(obj.get_state_display())

    @display(description=_("balance"))
    def display_balances(self, obj: Any) -> SafeString | str:
        """What the house owes it, a line for each currency."""
        rows = [(amount(row.balance, row.currency),) for row in getattr(obj, "balances", ()) if row.balance]
        return format_html_join("", "<div>{}</div>", rows) or figure(None)

    @display(description=_("agreements"), ordering="agreement_count")
    def display_agreements(self, obj: Any) -> int:
        """How many name it."""
        return int(obj.agreement_count)

    @admin.action(description=pgettext_lazy("membership", "Approve"), permissions=["change"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """Let the chosen in, or back in."""
        self._decide(request, queryset, MembershipState.APPROVED)

    @admin.action(description=_("Reject"), permissions=["change"])
    def reject(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """Turn the chosen applications down."""
        self._decide(request, queryset, MembershipState.REJECTED)

    @admin.action(description=_("Suspend"), permissions=["change"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """Stop the chosen from earning by channels, links and coupons."""
        self._decide(request, queryset, MembershipState.SUSPENDED)

    @admin.action(description=_("End the membership"), permissions=["change"])
    def let_go(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """The chosen leave; what they have earned stays theirs."""
        self._decide(request, queryset, MembershipState.LEFT)

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        """Write by the verbs."""
        if not change:
            made = services.party_apply(party=obj.party, headline=obj.headline, headline_zh=obj.headline_zh)
            obj.pk = made.pk
        if "tier" in form.changed_data:
            services.membership_tier_set(membership=obj, tier=obj.tier, by=clerk(request))
        services.membership_describe(
            membership=obj, headline=obj.headline, headline_zh=obj.headline_zh, note=obj.note, by=clerk(request)
        )

    def _decide(self, request: HttpRequest, queryset: QuerySet[Membership], state: MembershipState) -> None:
        done = 0
        for membership in queryset:
            try:
                services.membership_decide(membership=membership, state=state, by=clerk(request))
            except PartnersError as fault:
                messages.error(request, str(fault))
            else:
                done += 1
        if done:
            told = ngettext("%(count)d member is now “%(state)s”.", "%(count)d members are now “%(state)s”.", done)
            messages.success(request, told % {"count": done, "state": state.label})

    def _add_balances(self, request: HttpRequest, members: list[Any]) -> None:
        rows = party_balances(parties=[row.party_id for row in members], visible_to=clerk(request)) if members else []
        for member in members:
            member.balances = [row for row in rows if row.party_id == member.party_id]


@admin.register(Creator)
class CreatorAdmin(MemberAdmin):
    """Members who make courses."""


@admin.register(Partner)
class PartnerAdmin(MemberAdmin):
    """Members who bring learners, technology or money."""

    list_filter = (("party__kind", ChoicesDropdownFilter), *MemberAdmin.list_filter)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Creators have a page of their own."""
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and db_field.name == "party":
            field.queryset = field.queryset.exclude(kind=PartyKind.CREATOR)
        return field
