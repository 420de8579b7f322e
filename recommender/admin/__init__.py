"""The recommender's desk."""

from recommender.admin.serving import DismissalAdmin, ServedListAdmin, TasteAdmin
from recommender.admin.training import DatasetSnapshotAdmin, ShadowReadingAdmin, TrainingRunAdmin

__all__ = [
    "DatasetSnapshotAdmin",
    "DismissalAdmin",
    "ServedListAdmin",
    "ShadowReadingAdmin",
    "TasteAdmin",
    "TrainingRunAdmin",
]
