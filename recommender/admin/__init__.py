"""The recommender's desk."""

from recommender.admin.datasets import DatasetSnapshotAdmin, ShadowReadingAdmin
from recommender.admin.experiments import ExperimentAdmin
from recommender.admin.paths import LearningPathAdmin
from recommender.admin.serving import DismissalAdmin, ServedListAdmin, ServingPolicyAdmin, TasteAdmin
from recommender.admin.training import TrainingRunAdmin

__all__ = [
    "DatasetSnapshotAdmin",
    "DismissalAdmin",
    "ExperimentAdmin",
    "LearningPathAdmin",
    "ServedListAdmin",
    "ServingPolicyAdmin",
    "ShadowReadingAdmin",
    "TasteAdmin",
    "TrainingRunAdmin",
]
