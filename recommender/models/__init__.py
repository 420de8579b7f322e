"""Tables of the recommender."""

from recommender.models.path import LearningPath, PathSkip, PathStep
from recommender.models.served import Dismissal, Impression, ServedList, ServingPolicy, Taste
from recommender.models.training import DatasetSnapshot, ShadowReading, TrainingRun

__all__ = [
    "DatasetSnapshot",
    "Dismissal",
    "Impression",
    "LearningPath",
    "PathSkip",
    "PathStep",
    "ServedList",
    "ServingPolicy",
    "ShadowReading",
    "Taste",
    "TrainingRun",
]
