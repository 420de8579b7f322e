"""Reads of learning paths: what a goal asks for, where a learner stands, a path as its page shows it."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet, Sum

from accounts.models import User
from courses.choices import Level
from courses.models import Course, Enrolment, Lesson, Topic
from courses.selectors import on_sale, requirements, search, visible_courses
from recommender.choices import PathGoal, StepReason
from recommender.engine.path import Aim, Option, Score, Standing, alternatives
from recommender.models import LearningPath, PathStep

LEVELS = list(Level.values)
MOST_FOUND = 40
"""How many courses found by words may take part."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a planner needs: options, the demand, where the learner stands, and what every course asks for."""

    options: tuple[Option, ...]
    demand: dict[Aim, int]
    standing: Standing
    requires: dict[int, frozenset[int]]
    learners: dict[int, int]


@dataclass(frozen=True, slots=True)
class StepRow:
    """A step as a page shows it; seconds of its lessons, and what could stand in its place."""

    step: PathStep
    course: Course
    seconds: int
    is_done: bool
    is_owned: bool
    others: list[Course]


@dataclass(frozen=True, slots=True)
class PathPage:
    """A path with its sums. `price`: list prices of what is not owned yet, (minor units, currency) by currency."""

    path: LearningPath
    rows: list[StepRow]
    done: int
    seconds_left: int
    price: list[tuple[int, str]]
    left_out: list[Course]
    addable: list[Course]

    @property
    def share_bp(self) -> int:
        """Steps done in basis points of all."""
        return 10_000 * self.done // len(self.rows) if self.rows else 0


def paths_of(*, visible_to: User) -> QuerySet[LearningPath]:
    """A learner's own paths, the latest first, each with `steps_all` and `steps_done`."""
    finished = Enrolment.objects.filter(user=visible_to, completed_at__isnull=False, withdrawn_at=None)
    return (
        LearningPath.objects.filter(user=visible_to)
        .select_related("topic", "course")
        .annotate(
            steps_all=Count("steps"),
            steps_done=Count("steps", filter=Q(steps__course__in=finished.values("course"))),
        )
        .order_by("-created_at", "-pk")
    )


def found_by(*, words: str) -> list[int]:
    """Courses on sale that words name: those of a topic so called, then those found by all words, else by any."""
    typed = search.cleaned(words)
    called = (
        Topic.objects.filter(Q(name__icontains=typed) | Q(name_zh__icontains=typed)) if typed else Topic.objects.none()
    )
    found = list(on_sale().filter(topic__in=called).order_by("pk").values_list("pk", flat=True))
    for asked in (typed, *typed.split()):
        query = search.query_of(asked)
        if query is not None and not (found and asked != typed):
            found += on_sale().filter(search=query).order_by("pk").values_list("pk", flat=True)[:MOST_FOUND]
    return list(dict.fromkeys(found))


def ground_of(*, path: LearningPath) -> Ground:
    """Gather what planning this path needs, in a constant number of queries."""
    user, courses = path.user, {course.pk: course for course in visible_courses(path.user)}
    for course in on_sale():
        courses.setdefault(course.pk, course)
    requires = {pk: pre & courses.keys() for pk, pre in requirements().items() if pk in courses}
    enrolled = Enrolment.objects.filter(user=user, withdrawn_at=None).order_by("enrolled_at", "pk")
    held = {pk: at for pk, at in enrolled.values_list("course_id", "completed_at") if pk in courses}
    done = sorted((pk for pk, at in held.items() if at is not None), key=lambda pk: (held[pk], pk))
    aims = _aims(path, courses)
    pinned = [step.course_id for step in path.steps.all() if step.reason == StepReason.CHOSEN]
    inside = _closed({*aims, *pinned, *(step.course_id for step in path.steps.all())}, requires) & courses.keys()
    options = tuple(
        Option(pk, LEVELS.index(courses[pk].level), aims.get(pk, frozenset()), requires.get(pk, frozenset()))
        for pk in sorted(inside)
    )
    below = {pk for pk in inside if LEVELS.index(courses[pk].level) < LEVELS.index(path.level)}
    served = Counter(aim for option in options for aim in option.serves)
    learners = Enrolment.objects.filter(course__in=inside, withdrawn_at=None).values("course").annotate(n=Count("pk"))
    return Ground(
        options=options,
        demand={aim: min(path.per_level, count) for aim, count in sorted(served.items(), key=str)},
        standing=Standing(
            done=tuple(done),
            owned=frozenset(held),
            known=frozenset(below - aims.keys() - set(pinned)),
            pinned=tuple(pk for pk in pinned if pk in inside),
            barred=frozenset(path.skips.values_list("course_id", flat=True)),
        ),
        requires=requires,
        learners=dict(learners.values_list("course", "n")),
    )


def path_page(*, path_id: int, visible_to: User) -> PathPage | None:
    """A learner's own path as its page shows it, None where there is none of theirs. Constant queries."""
    path = LearningPath.objects.filter(pk=path_id, user=visible_to).select_related("topic", "course").first()
    if path is None:
        return None
    ground = ground_of(path=path)
    steps = list(path.steps.select_related("course__topic", "of"))
    taken = {step.course_id for step in steps} | set(ground.standing.done)
    seconds = dict(
        Lesson.objects.filter(section__course__in=taken)
        .order_by()
        .values("section__course")
        .annotate(n=Sum("duration_seconds"))
        .values_list("section__course", "n")
    )
    instead, addable = _beside(ground, steps, taken)
    rows = [
        StepRow(
            step=step,
            course=step.course,
            seconds=seconds.get(step.course_id, 0),
            is_done=step.course_id in ground.standing.done,
            is_owned=step.course_id in ground.standing.owned,
            others=instead[step.course_id],
        )
        for step in steps
    ]
    return PathPage(
        path=path,
        rows=rows,
        done=sum(row.is_done for row in rows),
        seconds_left=sum(row.seconds for row in rows if not row.is_done),
        price=_price(rows),
        left_out=list(visible_courses(visible_to).filter(pk__in=path.skips.values("course")).order_by("pk")),
        addable=addable,
    )


def _price(rows: Collection[StepRow]) -> list[tuple[int, str]]:
    sums: Counter[str] = Counter()
    for row in rows:
        if not row.is_owned:
            sums[row.course.currency] += row.course.price_minor
    return [(minor, currency) for currency, minor in sorted(sums.items())]


def _beside(
    ground: Ground, steps: Collection[PathStep], taken: Collection[int]
) -> tuple[dict[int, list[Course]], list[Course]]:
    """What could stand in each open step's place, and what else serves the goal: most learners first."""
    scores = {pk: Score(float(count)) for pk, count in ground.learners.items()}
    barred = set(taken) | ground.standing.barred
    instead = {step.course_id: alternatives(ground.options, step.course_id, barred, scores) for step in steps}
    serving = [option.item_id for option in ground.options if option.serves and option.item_id not in barred]
    serving.sort(key=lambda pk: (-ground.learners.get(pk, 0), pk))
    wanted = {pk for pks in instead.values() for pk in pks} | set(serving[:MOST_FOUND])
    offered = on_sale().in_bulk(wanted)
    return (
        {pk: [offered[other] for other in others if other in offered] for pk, others in instead.items()},
        [offered[pk] for pk in serving[:MOST_FOUND] if pk in offered],
    )


def _aims(path: LearningPath, courses: dict[int, Course]) -> dict[int, frozenset[Aim]]:
    """Which courses serve the goal: the one that it names, else the found ones from the level on, an aim a level."""
    if path.goal == PathGoal.COURSE:
        return {path.course_id: frozenset({"course"})} if path.course_id in courses else {}
    if path.goal == PathGoal.TOPIC:
        found = [pk for pk, course in courses.items() if course.topic_id == path.topic_id]
    else:
        found = [pk for pk in found_by(words=path.words) if pk in courses]
    first = LEVELS.index(path.level)
    return {pk: frozenset({courses[pk].level}) for pk in found if LEVELS.index(courses[pk].level) >= first}


def _closed(courses: set[int], requires: dict[int, frozenset[int]]) -> set[int]:
    found, ahead = set(courses), list(courses)
    while ahead:
        fresh = requires.get(ahead.pop(), frozenset()) - found
        found |= fresh
        ahead += fresh
    return found
