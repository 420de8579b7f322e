"""The recommender's desk."""

from recommender.admin.serving import DismissalAdmin, ServedListAdmin, TasteAdmin
from recommender.admin.training import TrainingRunAdmin

__all__ = ["DismissalAdmin", "ServedListAdmin", "TasteAdmin", "TrainingRunAdmin"]
