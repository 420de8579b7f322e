"""Verbs of the recommender."""

from recommender.services.serving import Suggestion, course_dismiss, suggest
from recommender.services.training import (
    model_promote,
    training_request,
    training_request_nightly,
    training_run,
)

__all__ = [
    "Suggestion",
    "course_dismiss",
    "model_promote",
    "suggest",
    "training_request",
    "training_request_nightly",
    "training_run",
]
