"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PartnersConfig(AppConfig):
    """Creators and partners of all kinds, channels, links, coupons, agreements, earnings."""

    name = "partners"
    verbose_name = _("Partners")
