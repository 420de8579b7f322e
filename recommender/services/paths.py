"""Verbs of learning paths: plan, adjust, plan again. What a learner finished stays where it is."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from courses.choices import Level
from courses.models import Course, Enrolment
from courses.selectors import visible_courses
from recommender.choices import PathGoal, Stage, StepReason
from recommender.engine.path import Plan, Score, Scorer, Why, arranged, moved, plan
from recommender.errors import PathRefusedError
from recommender.models import LearningPath, PathSkip, PathStep, TrainingRun
from recommender.selectors.paths import Ground, ground_of
from recommender.services.training_stages import models_folder

if TYPE_CHECKING:
    from recommender.engine.serve import Recommender

logger = logging.getLogger(__name__)

MOST_PATHS = 20
MOST_STEPS = 40
REASONS = {
    Why.REQUIRED: StepReason.REQUIRED,
    Why.NEXT: StepReason.NEXT,
    Why.GOAL: StepReason.GOAL,
    Why.CHOSEN: StepReason.CHOSEN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPath:
    """A goal: exactly one of topic, course, words; the level to begin at; courses a level (1 to 3)."""

    topic_id: int | None = None
    course_id: int | None = None
    words: str = ""
    level: str = Level.BEGINNER
    per_level: int = 1


@transaction.atomic
def path_create(*, user: User, new: NewPath) -> LearningPath:
    """Plan a path. PathRefusedError: nothing on sale serves the goal, or the learner keeps too many paths."""
    if LearningPath.objects.filter(user=user).count() >= MOST_PATHS:
        raise PathRefusedError(_("You keep %(n)s paths. Delete one before you plan another.") % {"n": MOST_PATHS})
    kind = PathGoal.COURSE if new.course_id else PathGoal.TOPIC if new.topic_id else PathGoal.WORDS
    path = LearningPath.objects.create(
        user=user,
        goal=kind,
        course_id=new.course_id,
        topic_id=new.topic_id if kind == PathGoal.TOPIC else None,
        words=new.words.strip() if kind == PathGoal.WORDS else "",
        level=new.level,
        per_level=new.per_level,
    )
    _plan(path)
    if not path.steps.exists():
        raise PathRefusedError(
            _("Nothing is taught about “%(goal)s” at this level yet. Try other words or another level.")
            % {"goal": path.title}
        )
    return path


@transaction.atomic
def path_replan(*, user: User, path_id: int) -> LearningPath:
    """Plan again from where the learner stands now. Finished steps, choices and what was left out stay."""
    path = _locked(user, path_id)
    _plan(path)
    return path


@transaction.atomic
def path_delete(*, user: User, path_id: int) -> None:
    """Delete a path; what was learned on it stays learned."""
    _locked(user, path_id).delete()


@transaction.atomic
def step_move(*, user: User, path_id: int, course_id: int, by: int) -> None:
    """Move a step one place (−1 is earlier). PathRefusedError where a prerequisite would come after what asks for it.

    Steps that are done do not move, and nothing moves among them.
    """
    path = _locked(user, path_id)
    ground = ground_of(path=path)
    steps = _open_steps(path, ground)
    order = [step.course_id for step in steps]
    if course_id not in order:
        raise PathRefusedError(_("This course is no open step of the path."))
    wanted, forbids = moved(order, course_id, by, ground.requires)
    if forbids is not None:
        pair = (course_id, forbids) if by < 0 else (forbids, course_id)
        titles = {course.pk: course.local_title for course in Course.objects.filter(pk__in=pair)}
        raise PathRefusedError(
            _("“%(later)s” asks for “%(first)s” first.") % {"later": titles[pair[0]], "first": titles[pair[1]]}
        )
    if wanted == order:
        return
    first = path.steps.count() - len(steps)
    by_course = {step.course_id: step for step in steps}
    for place, pk in enumerate(wanted):
        by_course[pk].position = first + place
    PathStep.objects.bulk_update(steps, ["position"])
    LearningPath.objects.filter(pk=path.pk).update(is_arranged=True)


@transaction.atomic
def step_leave_out(*, user: User, path_id: int, course_id: int) -> None:
    """Take an open step out: what asks for it takes it as known. PathRefusedError for the goal and for done steps."""
    path = _locked(user, path_id)
    _refuse_done(path, course_id)
    if path.course_id == course_id:
        raise PathRefusedError(_("This course is the goal. Delete the path if you no longer want to go there."))
    path.steps.filter(course=course_id).delete()
    PathSkip.objects.get_or_create(path=path, course_id=course_id)
    _plan(path)


@transaction.atomic
def step_take_back(*, user: User, path_id: int, course_id: int) -> None:
    """Let a course that was left out take part again; the plan then decides whether it is needed."""
    path = _locked(user, path_id)
    path.skips.filter(course=course_id).delete()
    _plan(path)


@transaction.atomic
def step_add(*, user: User, path_id: int, course_id: int) -> None:
    """Put a course on the path, with what it asks for. PathRefusedError: not on sale for this learner, or finished."""
    path = _locked(user, path_id)
    _choose(path, course_id)
    _plan(path)


@transaction.atomic
def step_replace(*, user: User, path_id: int, course_id: int, by_course_id: int) -> None:
    """Put another course in an open step's place; the old one is left out from then on."""
    path = _locked(user, path_id)
    _refuse_done(path, course_id)
    if path.course_id == course_id:
        raise PathRefusedError(_("This course is the goal. Delete the path if you no longer want to go there."))
    old = path.steps.get(course=course_id)
    old.delete()
    PathSkip.objects.get_or_create(path=path, course_id=course_id)
    _choose(path, by_course_id, at=old.position)
    _plan(path)


def _locked(user: User, path_id: int) -> LearningPath:
    path = LearningPath.objects.select_for_update().filter(pk=path_id, user=user).first()
    if path is None:
        raise PathRefusedError(_("There is no such path of yours."))
    return path


def _refuse_done(path: LearningPath, course_id: int) -> None:
    done = Enrolment.objects.filter(user=path.user, course=course_id, withdrawn_at=None, completed_at__isnull=False)
    if done.exists():
        raise PathRefusedError(_("You finished this course; it stays on the path."))
    if not path.steps.filter(course=course_id).exists():
        raise PathRefusedError(_("This course is no open step of the path."))


def _choose(path: LearningPath, course_id: int, *, at: int | None = None) -> None:
    if not visible_courses(path.user).filter(pk=course_id).exists():
        raise PathRefusedError(_("This course is not on sale."))
    held = Enrolment.objects.filter(user=path.user, course=course_id, withdrawn_at=None, completed_at__isnull=False)
    if held.exists():
        raise PathRefusedError(_("You finished this course already."))
    if path.steps.count() >= MOST_STEPS:
        raise PathRefusedError(_("A path has at most %(n)s steps.") % {"n": MOST_STEPS})
    path.skips.filter(course=course_id).delete()
    last = path.steps.order_by("position").last()
    place = at if at is not None else last.position + 1 if last else 0
    PathStep.objects.update_or_create(
        path=path,
        course_id=course_id,
        defaults={"reason": StepReason.CHOSEN},
        create_defaults={"reason": StepReason.CHOSEN, "position": place},
    )


def _open_steps(path: LearningPath, ground: Ground) -> list[PathStep]:
    return [step for step in path.steps.all() if step.course_id not in ground.standing.done]


def _plan(path: LearningPath) -> None:
    """Write the steps anew: the finished ones as they stood, then the plan."""
    ground = ground_of(path=path)
    score, run = _scorer(path.user, ground)
    made = plan(ground.options, ground.demand, ground.standing, score)
    before = list(path.steps.all())
    finished = [step for step in before if step.course_id in ground.standing.done]
    order = _order(path, [step.course_id for step in before], made, ground)
    told = {step.item_id: step for step in made.steps}
    fresh = [
        PathStep(
            path=path,
            course_id=pk,
            position=len(finished) + place,
            reason=REASONS[told[pk].why],
            of_id=told[pk].of,
        )
        for place, pk in enumerate(order)
    ]
    path.steps.exclude(pk__in=[step.pk for step in finished]).delete()
    for place, step in enumerate(finished):
        step.position = place
    PathStep.objects.bulk_update(finished, ["position"])
    PathStep.objects.bulk_create(fresh)
    path.run, path.planned_at = run, timezone.now()
    path.save(update_fields=["run", "planned_at"])


def _order(path: LearningPath, before: Sequence[int], made: Plan, ground: Ground) -> list[int]:
    """The plan's own order, or what the learner arranged, with new steps after what they follow in the plan."""
    planned = list(made.item_ids)
    if not path.is_arranged:
        return planned
    kept = [pk for pk in before if pk in planned]
    for place, pk in enumerate(planned):
        if pk not in kept:
            kept.insert(kept.index(planned[place - 1]) + 1 if place else 0, pk)
    needed = {pk: pre - ground.standing.known - ground.standing.barred for pk, pre in ground.requires.items()}
    return arranged(kept, needed)


def _scorer(user: User, ground: Ground) -> tuple[Scorer, TrainingRun | None]:
    """The live model's view of what comes next; by the number of learners where none serves."""
    run = TrainingRun.objects.filter(stage=Stage.LIVE).first()
    recommender = _open(run)
    if run is None or recommender is None:
        popular = {pk: Score(float(count)) for pk, count in ground.learners.items()}
        return lambda _history, _courses: popular, None
    offered = {option.item_id for option in ground.options}
    taken = Enrolment.objects.filter(user=user, withdrawn_at=None).exclude(course__in=offered)
    begun = list(taken.order_by("enrolled_at", "pk").values_list("course_id", flat=True))

    def score(history: Sequence[int], courses: Collection[int]) -> Mapping[int, Score]:
        found = recommender.recommend(
            [*begun, *(pk for pk in history if pk not in begun)],
            k=max(len(courses), 1),
            allowed=recommender.allow(courses),
            reasons=1,
        )
        return {item.item_id: Score(item.score, item.reasons[0].item_id if item.reasons else None) for item in found}

    return score, run


def _open(run: TrainingRun | None) -> "Recommender | None":
    """The run's model, None where its file is missing or damaged: a path is then planned by popularity."""
    if run is None:
        return None
    from recommender.engine.errors import EngineError
    from recommender.engine.serve import cached_recommender

    try:
        return cached_recommender(models_folder() / run.artefact, run.artefact_sha256)
    except (OSError, EngineError):
        logger.exception("the model of run %s cannot be opened", run.pk)
        return None
