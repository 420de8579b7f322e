"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People, parties, seats, roles, consent and the audit trail."""

    name = "accounts"
    verbose_name = _("People and parties")

    def ready(self) -> None:
        """Let every floor's queries say `__among`."""
        from accounts import columns  # noqa: F401 - the import registers it
