"""Tables of the recommender."""

from recommender.models.experiment import Arm, DecisionLog, Experiment, Exposure
from recommender.models.path import LearningPath, PathSkip, PathStep
from recommender.models.served import Dismissal, Impression, ServedList, ServingPolicy, Taste
from recommender.models.training import DatasetSnapshot, ShadowReading, TrainingRun

__all__ = [
    "Arm",
    "DatasetSnapshot",
    "DecisionLog",
    "Dismissal",
    "Experiment",
    "Exposure",
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
