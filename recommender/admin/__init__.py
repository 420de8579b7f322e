"""The recommender's desk."""

from recommender.admin.paths import LearningPathAdmin
from recommender.admin.serving import DismissalAdmin, ServedListAdmin, ServingPolicyAdmin, TasteAdmin
from recommender.admin.training import DatasetSnapshotAdmin, ShadowReadingAdmin, TrainingRunAdmin

__all__ = [
    "DatasetSnapshotAdmin",
    "DismissalAdmin",
    "LearningPathAdmin",
    "ServedListAdmin",
    "ServingPolicyAdmin",
    "ShadowReadingAdmin",
    "TasteAdmin",
    "TrainingRunAdmin",
]
