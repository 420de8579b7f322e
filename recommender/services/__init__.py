"""Verbs of the recommender."""

from recommender.services.paths import (
    NewPath,
    path_create,
    path_delete,
    path_replan,
    step_add,
    step_leave_out,
    step_move,
    step_replace,
    step_take_back,
)
from recommender.services.serving import Suggestion, course_dismiss, suggest
from recommender.services.training import (
    training_request,
    training_request_nightly,
    training_run,
    training_stop,
    training_waiting,
)
from recommender.services.training_refresh import shadows_compare, training_update
from recommender.services.training_search import BEST
from recommender.services.training_stages import model_beside, model_promote, model_rollback, serving_run

__all__ = [
    "BEST",
    "NewPath",
    "Suggestion",
    "course_dismiss",
    "model_beside",
    "model_promote",
    "model_rollback",
    "path_create",
    "path_delete",
    "path_replan",
    "serving_run",
    "shadows_compare",
    "step_add",
    "step_leave_out",
    "step_move",
    "step_replace",
    "step_take_back",
    "suggest",
    "training_request",
    "training_request_nightly",
    "training_run",
    "training_stop",
    "training_update",
    "training_waiting",
]
