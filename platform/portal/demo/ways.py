"""What the demo's learner is after: a path into artificial intelligence, planned by the model that serves."""

from contextlib import suppress

from accounts.models import User
from courses.models import Topic
from recommender.errors import PathRefusedError
from recommender.services import NewPath, path_create

GOAL = "ai"


def make_path(learner_id: int) -> None:
    """Plan it; a learner who finished all of it has none."""
    with suppress(PathRefusedError):
        path_create(
            user=User.objects.get(pk=learner_id),
            new=NewPath(topic_id=Topic.objects.get(code=GOAL).pk, per_level=2),
        )
