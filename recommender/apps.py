"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RecommenderConfig(AppConfig):
    """Training runs and served lists."""

    name = "recommender"
    verbose_name = _("Recommender")
