"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LedgerConfig(AppConfig):
    """Money: the only writer of money rows."""

    name = "ledger"
    verbose_name = _("Ledger")

    def ready(self) -> None:
        """Register the checks."""
        from ledger import checks  # noqa: F401 - registers by being imported
