"""Tables of the recommender."""

from recommender.models.served import Dismissal, ServedList
from recommender.models.training import TrainingRun

__all__ = ["Dismissal", "ServedList", "TrainingRun"]
