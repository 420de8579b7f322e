"""Stage two of the demo: topics, courses with chapters and lessons, agreements, exchange rates."""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from courses.choices import LessonKind, Level
from courses.services import NewCourse, NewLesson, NewSection, courses_create, prerequisites_set_all, topic_ensure
from ledger.services import NewRate, rates_record
from partners.choices import PayingModel
from partners.services import (
    DraftTerms,
    NewAgreement,
    agreements_establish,
    version_accept,
    version_draft,
    version_propose,
    version_put_in_force,
)
from portal.demo.catalogue import (
    LESSON_SHAPES,
    OUTCOME_SHAPES,
    PREREQUISITES,
    SECTION_SHAPES,
    SUMMARY_SHAPES,
    TOPICS,
)
from portal.demo.people import Cast, slug
from portal.demo.simulate import DemoCourse
from portal.demo.terms import terms_of

LEVELS = (Level.BEGINNER, Level.INTERMEDIATE, Level.ADVANCED)
MODELS = (
    PayingModel.LAST_TOUCH,
    PayingModel.LAST_TOUCH,
    PayingModel.LINEAR,
    PayingModel.U_SHAPE,
    PayingModel.TIME_DECAY,
)
YEAR_STARTS = {"USD": Decimal("7.12"), "EUR": Decimal("7.78"), "JPY": Decimal("0.0478")}


def make_school(courses: Sequence[DemoCourse], cast: Cast, *, start: datetime, opened: datetime) -> list[int]:
    """Create catalogue and agreements; returns the courses' primary keys in order."""
    topics = [
        topic_ensure(code=topic.code, name=topic.name, name_zh=topic.name_zh, position=position)
        for position, topic in enumerate(TOPICS)
    ]
    before = _prerequisites(courses)
    ids = courses_create(courses=[_course(course, topics, cast, start, before) for course in courses])
    prerequisites_set_all(wanted={ids[at]: [ids[one] for one in required] for at, required in before.items()})
    versions = agreements_establish(
        agreements=[_agreement(course, pk, cast, opened) for course, pk in zip(courses, ids, strict=True)]
    )
    for course, version in list(zip(courses, versions, strict=True))[4::11]:
        _improve(course, version, cast, start + timedelta(days=182))
    return ids


def _prerequisites(courses: Sequence[DemoCourse]) -> dict[int, list[int]]:
    """What the courses that are there ask for among themselves, by their places."""
    at = {course.title: place for place, course in enumerate(courses)}
    found: dict[int, list[int]] = {}
    for course, required in PREREQUISITES:
        if course in at and required in at:
            found.setdefault(at[course], []).append(at[required])
    return found


def _level(course: DemoCourse, before: Mapping[int, Sequence[int]]) -> str:
    """One that asks for others stands above them; the rest as drawn."""

    def height(place: int) -> int:
        return 1 + max(map(height, before[place])) if place in before else 0

    asked = {place for required in before.values() for place in required}
    inside = course.index in before or course.index in asked
    return LEVELS[min(height(course.index), 2) if inside else course.level]


def _course(
    course: DemoCourse, topics: Sequence[int], cast: Cast, start: datetime, before: Mapping[int, Sequence[int]]
) -> NewCourse:
    topic = TOPICS[course.topic]
    subjects = [topic.subjects[(course.index + step * 3) % len(topic.subjects)] for step in range(4)]
    shape = SUMMARY_SHAPES[course.index % len(SUMMARY_SHAPES)]
    words = {"first": subjects[0][0], "second": subjects[1][0].lower(), "third": subjects[2][0].lower()}
    words_zh = {"first": subjects[0][1], "second": subjects[1][1], "third": subjects[2][1]}
    summary, summary_zh = shape[0].format(**words), shape[1].format(**words_zh)
    outcomes = [(OUTCOME_SHAPES[step], subjects[step]) for step in range(4)]
    return NewCourse(
        slug=slug("".join(c for c in course.title if c.isalnum() or c in " -")),
        title=course.title,
        title_zh=course.title_zh,
        summary=summary,
        summary_zh=summary_zh,
        description=summary,
        description_zh=summary_zh,
        outcomes=[shape[0].format(subject=subject[0].lower()) for shape, subject in outcomes],
        outcomes_zh=[shape[1].format(subject=subject[1]) for shape, subject in outcomes],
        topic_id=topics[course.topic],
        price_minor=course.price_minor,
        currency=course.currency,
        creator_ids=[cast.creators[creator].pk for creator in course.creators],
        level=_level(course, before),
        language="zh-hans" if course.currency == "CNY" else "en",
        sections=[_section(course, number, subject) for number, subject in enumerate(subjects)],
        published_at=start + timedelta(days=course.published_day, hours=2),
    )


def _section(course: DemoCourse, number: int, subject: tuple[str, str]) -> NewSection:
    shape = SECTION_SHAPES[number]
    count = 3 + (course.index + number) % 3
    lessons = [LESSON_SHAPES[(course.index + number + step) % len(LESSON_SHAPES)] for step in range(count)]
    return NewSection(
        title=shape[0].format(subject=subject[0]),
        title_zh=shape[1].format(subject=subject[1]),
        lessons=[
            NewLesson(
                title=title,
                title_zh=title_zh,
                kind=LessonKind.EXERCISE if title.startswith("Exercise") else LessonKind.VIDEO,
                duration_seconds=300 + (course.index * 37 + number * 91 + step * 53) % 900,
                body=f"{title}. {subject[0]} in one sitting: read, try, compare with the solution.",
                body_zh=f"{title_zh}。一次学完{subject[1]}：先读，再做，最后对答案。",
                is_preview=number == 0 and step < 2,
            )
            for step, (title, title_zh) in enumerate(lessons)
        ],
    )


def _agreement(course: DemoCourse, pk: int, cast: Cast, opened: datetime) -> NewAgreement:
    parties = [cast.creators[creator] for creator in course.creators]
    terms = terms_of(course, parties)
    return NewAgreement(
        code=f"course-{pk}",
        title=course.title,
        title_zh=course.title_zh,
        owner_id=parties[0].pk,
        scope_id=str(pk),
        party_ids=[party.pk for party in parties],
        rule=terms.rule,
        reserve_days=terms.reserve_days,
        meter=terms.meter,
        caps=terms.caps,
        paying_model=MODELS[course.index % len(MODELS)],
        window_days=30,
        hold_days=7,
        effective_from=opened,
        prepared_by_id=cast.maker.pk,
        approved_by_id=cast.checker.pk,
        accepted_at=opened,
    )


def _improve(course: DemoCourse, version: Any, cast: Cast, at: datetime) -> None:
    """A second version from the middle of the year, under which the school takes less."""
    parties = [cast.creators[creator] for creator in course.creators]
    better = terms_of(course, parties, platform_bp=2_500)
    terms = DraftTerms(
        effective_from=at,
        paying_model=version.paying_model,
        window_days=version.window_days,
        hold_days=version.hold_days,
        reserve_days=better.reserve_days,
        meter=better.meter,
        caps=better.caps,
    )
    draft = version_draft(agreement=version.agreement, rule=better.rule, terms=terms, by=cast.maker)
    proposed = version_propose(version=draft, by=cast.maker)
    for party in parties:
        user = party.seats.select_related("user").get().user
        version_accept(version=proposed, party=party, user=user, text_hash=proposed.text_hash)
    version_put_in_force(version=proposed, by=cast.checker)


def make_rates(*, first: date, days: int, by: int) -> None:
    """A rate a day for each foreign currency, drifting gently around where it began."""
    rates_record(
        rates=[
            NewRate(
                first + timedelta(days=day),
                base,
                "CNY",
                (rate * Decimal(1 + round(0.018 * math.sin(day / 47 + len(base) + shift), 5))).quantize(
                    Decimal("1e-6")
                ),
                "demo",
            )
            for shift, (base, rate) in enumerate(YEAR_STARTS.items())
            for day in range(days)
        ],
        actor_id=by,
    )
