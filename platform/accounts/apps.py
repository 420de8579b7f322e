"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People, parties, seats, roles, consent and the audit trail."""

    name = "accounts"
    verbose_name = _("People and parties")
