"""Verbs of the recommender."""

from recommender.services.experiments import (
    Assigned,
    NewArm,
    NewExperiment,
    arm_for,
    experiment_decide,
    experiment_replay,
    experiment_start,
    experiment_stop,
    experiment_write,
    exposure_record,
)
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
from recommender.services.promotions import arm_promote, arm_rollback, promotion_words
from recommender.services.serving import Manner, Suggestions, impressions_record, places_of, policy_in_force, suggest
from recommender.services.serving_choices import (
    click_record,
    course_dismiss,
    dismissal_undo,
    personal_set,
    policy_check,
    policy_write,
    taste_set,
)
from recommender.services.serving_mail import mail_declines, mail_token, mails_due, suggestions_mail
from recommender.services.serving_rank import Choice
from recommender.services.serving_trials import suggest_tried
from recommender.services.serving_words import cards_of
from recommender.services.training import (
    training_request,
    training_request_nightly,
    training_run,
    training_stop,
    training_waiting,
)
from recommender.services.training_refresh import shadows_compare, training_update
from recommender.services.training_search import BEST, training_check
from recommender.services.training_stages import model_beside, model_promote, model_rollback, serving_run

__all__ = [
    "BEST",
    "Assigned",
    "Choice",
    "Manner",
    "NewArm",
    "NewExperiment",
    "NewPath",
    "Suggestions",
    "arm_for",
    "arm_promote",
    "arm_rollback",
    "cards_of",
    "click_record",
    "course_dismiss",
    "dismissal_undo",
    "experiment_decide",
    "experiment_replay",
    "experiment_start",
    "experiment_stop",
    "experiment_write",
    "exposure_record",
    "impressions_record",
    "mail_declines",
    "mail_token",
    "mails_due",
    "model_beside",
    "model_promote",
    "model_rollback",
    "path_create",
    "path_delete",
    "path_replan",
    "personal_set",
    "places_of",
    "policy_check",
    "policy_in_force",
    "policy_write",
    "promotion_words",
    "serving_run",
    "shadows_compare",
    "step_add",
    "step_leave_out",
    "step_move",
    "step_replace",
    "step_take_back",
    "suggest",
    "suggest_tried",
    "suggestions_mail",
    "taste_set",
    "training_check",
    "training_request",
    "training_request_nightly",
    "training_run",
    "training_stop",
    "training_update",
    "training_waiting",
]
