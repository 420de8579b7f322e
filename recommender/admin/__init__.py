"""The recommender's desk."""

from recommender.admin.training import DismissalAdmin, ServedListAdmin, TrainingRunAdmin

__all__ = ["DismissalAdmin", "ServedListAdmin", "TrainingRunAdmin"]
