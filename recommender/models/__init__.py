"""Tables of the recommender."""

from recommender.models.served import Dismissal, Impression, ServedList, ServingPolicy, Taste
from recommender.models.training import TrainingRun

__all__ = ["Dismissal", "Impression", "ServedList", "ServingPolicy", "Taste", "TrainingRun"]
