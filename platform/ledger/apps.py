"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LedgerConfig(AppConfig):
    """Money: the only writer of money rows."""

    name = "ledger"
    verbose_name = _("Ledger")
