"""People, their roles and what they agreed to."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateTimeFilter,
)
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from accounts import services
from accounts.admin.base import Desk, Lines, ReadingDesk, clerk, refuse
from accounts.choices import Role
from accounts.errors import AccountsError
from accounts.models import Consent, RoleGrant, Seat, User

admin.site.unregister(Group)  # roles come from the matrix; groups would be a second truth beside it


class LiveRoleFilter(DropdownFilter):
    """People who hold a role now."""

    title = _("role")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        """The staff roles, and creators."""
        return [*Role.choices, ("creator", _("Creator or partner"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:  # noqa: ARG002
        """Those who hold it."""
        if self.value() == "creator":
            return queryset.filter(Exists(Seat.objects.filter(user=OuterRef("pk"))))
        if self.value():
            held = RoleGrant.objects.filter(user=OuterRef("pk"), role=self.value(), revoked_at=None)
            return queryset.filter(Exists(held))
        return queryset


class RoleLines(Lines):
    """Roles of a person; a new line grants, the list of roles revokes."""

    model = RoleGrant
    fk_name = "user"
    verbose_name_plural = _("roles")
    fields = ("role", "granted_by", "granted_at", "revoked_at")
    readonly_fields = ("granted_by", "granted_at", "revoked_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoleGrant]:
        """Live grants first."""
        queryset: QuerySet[RoleGrant] = super().get_queryset(request)
        return queryset.select_related("granted_by", "user").order_by("-revoked_at", "role")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """A grant is not rewritten; it is revoked."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Nor is it removed."""
        return False


class SeatLines(Lines):
    """Parties for which a person acts."""

    model = Seat
    verbose_name_plural = _("seats")
    fields = ("party", "role", "created_at")
    readonly_fields = ("created_at",)
    autocomplete_fields = ("party",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Seat]:
        """With their parties."""
        queryset: QuerySet[Seat] = super().get_queryset(request)
        return queryset.select_related("party", "user")


@admin.register(User)
class UserAdmin(Desk):
    """People. Passwords are set by their owners, by mail."""

    list_display = ("display_person", "display_roles", "display_parties", "language", "is_active", "date_joined")
    list_filter = (LiveRoleFilter, "is_active", "language", ("date_joined", RangeDateTimeFilter))
    search_fields = ("email", "name", "name_zh")
    ordering = ("-date_joined", "-pk")
    fieldsets = (
        (None, {"fields": (("email", "language"), ("name", "name_zh"), "is_active")}),
        (_("Known since"), {"fields": (("date_joined", "last_login"), "import_batch")}),
    )
    readonly_fields = ("date_joined", "last_login", "import_batch")
    inlines = (RoleLines, SeatLines)
    actions = ("end_sessions",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With live roles and seats: three queries for a page of any length."""
        queryset: QuerySet[User] = super().get_queryset(request)
        live = RoleGrant.objects.filter(revoked_at=None).order_by("role")
        return queryset.prefetch_related(
            Prefetch("role_grants", live, to_attr="live_grants"),
            Prefetch("seats", Seat.objects.select_related("party"), to_attr="live_seats"),
        )

    @display(description=_("person"), header=True, ordering="email")
    def display_person(self, obj: User) -> tuple[str, str]:
        """Name above address."""
        return str(obj), obj.email

    @display(description=_("roles"), label=True)
    def display_roles(self, obj: Any) -> list[str]:
        """Live roles as chips."""
        return [str(grant.get_role_display()) for grant in obj.live_grants]

    @display(description=_("acts for"))
    def display_parties(self, obj: Any) -> str:
        """Names of their parties."""
        return ", ".join(str(seat.party) for seat in obj.live_seats) or "–"

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Languages are chosen, not typed."""
        if db_field.name == "language":
            return forms.ChoiceField(
                label=db_field.verbose_name.capitalize(),
                choices=[("", _("As the browser asks")), *settings.LANGUAGES],
                required=False,
                widget=UnfoldAdminSelectWidget,
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_inlines(self, request: HttpRequest, obj: User | None) -> tuple[type[Lines], ...]:
        """Roles and seats wait until the person exists."""
        del request
        return self.inlines if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """People are closed or erased, never deleted: money and audit trail point at them."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Create through the verb; closing an account ends its sessions."""
        if not change:
            made = services.person_create(
                email=obj.email, name=obj.name, name_zh=obj.name_zh, language=obj.language, by=clerk(request)
            )
            obj.pk = made.pk
            return
        wanted = obj.is_active
        if "is_active" in form.changed_data:
            try:
                services.person_set_active(user=obj, active=wanted, by=clerk(request))
            except AccountsError as fault:
                obj.is_active = not wanted
                refuse(request, fault)
        obj.save(update_fields=["email", "name", "name_zh", "language"])

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Grant roles and give or take seats by their verbs."""
        del form, change
        lines = formset.save(commit=False)
        for line in lines:
            try:
                if isinstance(line, RoleGrant):
                    services.role_grant(user=line.user, role=line.role, by=clerk(request))
                else:
                    services.seat_give(user=line.user, party=line.party, role=line.role, by=clerk(request))
            except AccountsError as fault:
                refuse(request, fault)
        for line in formset.deleted_objects:
            services.seat_take(user=line.user, party=line.party, by=clerk(request))

    @action(description=_("End sessions"), permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End every open session of the chosen people, at once. A list's action, because a link could be forged."""
        for user in queryset:
            services.sessions_end(user=user)
            messages.success(request, gettext("%(person)s has to log in again everywhere.") % {"person": user})


@admin.register(RoleGrant)
class RoleGrantAdmin(Desk):
    """Who holds or held which role. Granted here or on a person's page, revoked here."""

    list_display = ("user", "role", "display_state", "granted_by", "granted_at", "revoked_at")
    list_filter = (
        ("role", ChoicesDropdownFilter),
        ("revoked_at", admin.EmptyFieldListFilter),
        ("user", AutocompleteSelectFilter),
    )
    list_select_related = ("user", "granted_by")
    search_fields = ("user__email", "user__name", "user__name_zh")
    ordering = ("-granted_at", "-pk")
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    actions = ("revoke",)

    @display(
        description=_("state"),
        label={"live": "success", "revoked": ""},
    )
    def display_state(self, obj: RoleGrant) -> tuple[str, str]:
        """Held now, or revoked."""
        return ("revoked", gettext("Revoked")) if obj.revoked_at else ("live", gettext("Held"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The list's action needs the right; a single grant is not rewritten."""
        return obj is None and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """Grants stay as evidence."""
        return False

    def save_model(self, request: HttpRequest, obj: RoleGrant, form: Any, change: bool) -> None:
        """Grant through the verb."""
        del form, change
        try:
            obj.pk = services.role_grant(user=obj.user, role=obj.role, by=clerk(request)).pk
        except AccountsError as fault:
            refuse(request, fault)

    def log_addition(self, request: HttpRequest, obj: RoleGrant, message: Any) -> Any:
        """Nothing was added when the verb refused."""
        return super().log_addition(request, obj, message) if obj.pk else None

    def response_add(self, request: HttpRequest, obj: RoleGrant, post_url_continue: str | None = None) -> HttpResponse:
        """Back to the list; the reason is shown there when the verb refused."""
        if obj.pk:
            return super().response_add(request, obj, post_url_continue)  # type: ignore[no-any-return]
        return HttpResponseRedirect(reverse("admin:accounts_rolegrant_changelist"))

    @admin.action(description=_("Revoke; ends the person's sessions"), permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[RoleGrant]) -> None:
        """Revoke the chosen grants."""
        count = 0
        for grant in queryset.filter(revoked_at=None).select_related("user"):
            try:
                count += services.role_revoke(user=grant.user, role=grant.role, by=clerk(request))
            except AccountsError as fault:
                refuse(request, fault)
        if count:
            messages.success(request, ngettext("%d role revoked.", "%d roles revoked.", count) % count)


@admin.register(Consent)
class ConsentAdmin(ReadingDesk):
    """What people said yes or no to; the latest word counts."""

    empty_words = _(
        "What people agree to on their account pages is kept here with its date, and so is what they take back."
    )
    list_display = ("user", "purpose", "granted", "given_at")
    list_filter = (("purpose", ChoicesDropdownFilter), "granted", ("given_at", RangeDateTimeFilter))
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")
    ordering = ("-given_at", "-pk")
