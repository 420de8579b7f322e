"""Agreements with their parties and versions, and who accepted what."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter, RelatedDropdownFilter
from unfold.decorators import display

from accounts.admin.base import Desk, Lines, ReadingDesk, clerk
from ledger.admin.words import moment
from partners import services
from partners.choices import VersionState
from partners.forms.versions import AgreementForm, AsKnownForm
from partners.models import Acceptance, Agreement, AgreementParty, AgreementVersion
from partners.selectors import open_leaves, terms_as_known

TONES = {
    str(VersionState.DRAFT): "",
    str(VersionState.PROPOSED): "info",
    str(VersionState.ACCEPTED): "warning",
    str(VersionState.IN_FORCE): "success",
    str(VersionState.SUPERSEDED): "",
    str(VersionState.WITHDRAWN): "danger",
    str(VersionState.DECLINED): "danger",
}


class PartyLines(Lines):
    """Who may read the agreement and may be paid by its versions."""

    model = AgreementParty
    tab = False
    hide_title = True
    fields = ("party",)
    autocomplete_fields = ("party",)
    verbose_name_plural = _("parties")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AgreementParty]:
        """With their names."""
        queryset: QuerySet[AgreementParty] = super().get_queryset(request)
        return queryset.select_related("party", "agreement")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Named once, a party stays named: it must be able to read what it accepted."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """As above."""
        return False


class VersionLines(Lines):
    """The versions, the newest first."""

    model = AgreementVersion
    tab = False
    hide_title = True
    ordering = ("-number",)
    fields = ("display_number", "state", "display_from", "display_until", "paying_model", "note", "approved_by")
    readonly_fields = fields
    verbose_name_plural = _("versions")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AgreementVersion]:
        """With who approved them."""
        queryset: QuerySet[AgreementVersion] = super().get_queryset(request)
        return queryset.select_related("agreement", "approved_by")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Versions are drafted on their own page."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """As above."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """As above."""
        return False

    @display(description=_("version"))
    def display_number(self, obj: AgreementVersion) -> SafeString:
        """Its number, leading to its page."""
        return version_link(obj)

    @display(description=_("from"))
    def display_from(self, obj: AgreementVersion) -> str:
        """Start, inclusive."""
        return moment(obj.starts)

    @display(description=_("until"))
    def display_until(self, obj: AgreementVersion) -> str:
        """End, exclusive."""
        return moment(obj.ends)


def version_link(version: AgreementVersion) -> SafeString:
    """A version's number as a link to its page."""
    url = reverse("admin:partners_agreementversion_change", args=[version.pk])
    return format_html('<a class="text-primary-600 underline" href="{}">{}</a>', url, version)


@admin.register(Agreement)
class AgreementAdmin(Desk):
    """Who shares what of which sales."""

    form = AgreementForm
    list_display = ("display_title", "owner", "display_scope", "display_parties", "display_now", "created_at")
    list_filter = (("owner", RelatedDropdownFilter), ("created_at", RangeDateTimeFilter))
    list_select_related = ("owner",)
    search_fields = ("code", "title", "title_zh", "owner__name", "owner__name_zh", "=scope_id")
    ordering = ("title", "pk")
    autocomplete_fields = ("owner",)
    fields = (("title", "title_zh"), ("code", "owner"), ("scope_kind", "scope_id"))
    inlines = (VersionLines, PartyLines)
    list_before_template = "admin/partners/leaves.html"
    change_form_outer_after_template = "admin/partners/known.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Agreement]:
        """With the number of parties and what is in force."""
        queryset: QuerySet[Agreement] = super().get_queryset(request)
        latest = AgreementVersion.objects.filter(agreement=OuterRef("pk")).order_by("-number")
        now = latest.filter(state=VersionState.IN_FORCE)
        return queryset.annotate(
            party_count=Count("parties", distinct=True),
            number_now=Subquery(now.values("number")[:1]),
            waiting=Count(
                "versions",
                filter=Q(versions__state__in=[VersionState.PROPOSED, VersionState.ACCEPTED]),
                distinct=True,
            ),
        )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The agreements, under the wishes to leave that still wait."""
        response: HttpResponse = super().changelist_view(request, {**(extra_context or {}), "leaves": open_leaves()})
        return response

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """An agreement, and which version held at one instant as known on another (`?at=&known_on=`)."""
        known = AsKnownForm({**AsKnownForm.today(), **request.GET.dict()})
        context = {**(extra_context or {}), "known_form": known, "asked": "at" in request.GET}
        agreement = Agreement.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if agreement is not None and known.is_valid():
            context["known"] = terms_as_known(agreement=agreement, **known.cleaned_data)
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def get_readonly_fields(self, request: HttpRequest, obj: Agreement | None = None) -> tuple[str, ...]:
        """What it covers and who owns it stays: entries point at it."""
        del request
        return ("code", "owner", "display_scope", "scope_id") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Agreement | None = None) -> Any:
        """What it covers in words, once that is chosen."""
        del request
        return (("title", "title_zh"), ("code", "owner"), ("display_scope", "scope_id")) if obj else self.fields

    def get_inlines(self, request: HttpRequest, obj: Agreement | None) -> tuple[type[Lines], ...]:
        """Versions and parties wait until the agreement exists."""
        del request
        return self.inlines if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nobody: entries point at its versions."""
        return False

    @display(description=_("agreement"), header=True, ordering="title")
    def display_title(self, obj: Agreement) -> tuple[str, str]:
        """Title above code."""
        return obj.local_title, obj.code

    @display(description=_("covers"), ordering="scope_id")
    def display_scope(self, obj: Agreement) -> str:
        """The thing of an upper floor."""
        return str(_("One course") if obj.scope_kind == "course" else obj.scope_kind)

    @display(description=_("parties"), ordering="party_count")
    def display_parties(self, obj: Any) -> int:
        """How many it names."""
        return int(obj.party_count)

    @display(description=_("in force"), label={"in_force": "success", "waiting": "info", "none": "warning"})
    def display_now(self, obj: Any) -> tuple[str, str]:
        """The version that holds, or what is awaited."""
        if obj.waiting:
            return "waiting", str(_("%(count)d waiting") % {"count": obj.waiting})
        if obj.number_now:
            return "in_force", str(_("Version %(number)d") % {"number": obj.number_now})
        return "none", str(_("None"))

    def save_model(self, request: HttpRequest, obj: Agreement, form: Any, change: bool) -> None:
        """Open through the verb; only the titles can be changed afterwards."""
        del form
        if change:
            services.agreement_rename(agreement=obj, title=obj.title, title_zh=obj.title_zh, by=clerk(request))
            return
        made = services.agreement_create(
            code=obj.code,
            title=obj.title,
            title_zh=obj.title_zh,
            owner=obj.owner,
            scope_kind=obj.scope_kind,
            scope_id=obj.scope_id,
            by=clerk(request),
        )
        obj.pk = made.pk

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Name further parties by the verb."""
        del form, change
        for line in formset.save(commit=False):
            services.agreement_party_add(agreement=line.agreement, party=line.party, by=clerk(request))


@admin.register(Acceptance)
class AcceptanceAdmin(ReadingDesk):
    """Who said yes to which text."""

    list_display = ("party", "display_version", "user", "on_behalf", "accepted_at", "display_hash")
    list_filter = (("party", RelatedDropdownFilter), "on_behalf", ("accepted_at", RangeDateTimeFilter))
    list_select_related = ("party", "user", "version__agreement")
    search_fields = ("party__name", "party__name_zh", "version__agreement__title", "=text_hash")
    ordering = ("-accepted_at", "-pk")
    fields = ("party", "version", ("user", "on_behalf"), ("accepted_at", "text_hash"))

    @display(description=_("version"), ordering="version__agreement__title")
    def display_version(self, obj: Acceptance) -> SafeString:
        """The version, leading to its page."""
        return version_link(obj.version)

    @display(description=_("text"))
    def display_hash(self, obj: Acceptance) -> str:
        """The beginning of the text's hash."""
        return obj.text_hash[:12]
