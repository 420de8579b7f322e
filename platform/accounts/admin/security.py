"""Addresses and second factors, for the operator who helps a person back in."""

from typing import Any

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin.base import ReadingDesk

# allauth's own pages would show secrets and do not wear our look.
for _model in (EmailAddress, EmailConfirmation, Authenticator):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)


@admin.register(EmailAddress)
class EmailAddressAdmin(ReadingDesk):
    """Addresses and whether they were confirmed."""

    list_display = ("email", "user", "verified", "primary")
    list_filter = ("verified", "primary")
    list_select_related = ("user",)
    search_fields = ("email", "user__name")


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadingDesk):
    """Second factors. Removing one lets a person who lost it set up another; its secret is never shown."""

    list_display = ("user", "display_kind", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")
    fields = ("user", "display_kind", "created_at", "last_used_at")
    readonly_fields = fields

    @display(description=_("second factor"), ordering="type")
    def display_kind(self, obj: Any) -> str:
        """Code, key or recovery codes."""
        return str(obj.get_type_display())

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Operators, for another person than themselves."""
        own = obj is not None and getattr(obj, "user_id", None) == request.user.pk
        return not own and request.user.has_perm("mfa.delete_authenticator")
