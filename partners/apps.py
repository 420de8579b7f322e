"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PartnersConfig(AppConfig):
    """Creators and partners of all kinds, channels, links, coupons, agreements, earnings."""

    name = "partners"
    verbose_name = _("Partners")

    def ready(self) -> None:
        """Add the programme's proofs to those of the ledger, guarantees to what closing a month books, and handlers."""
        from partners import handlers  # noqa: F401 - these three register themselves by being imported
        from partners.selectors import kept_proofs, papers, proofs  # noqa: F401 - they register themselves
        from partners.services import guarantees  # noqa: F401 - as above
