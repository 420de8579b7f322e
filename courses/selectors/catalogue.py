"""Reads of the storefront: the catalogue with filters and search, and one course with all that its page tells."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.search import SearchRank, TrigramWordSimilarity
from django.core.paginator import Paginator
from django.db.models import Avg, Count, F, FloatField, IntegerField, OuterRef, Prefetch, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.models import User
from accounts.rules import is_staff
from courses.choices import CourseState
from courses.models import CartItem, Course, CourseCreator, Enrolment, Favourite, Lesson, Rating, Section, Topic
from courses.selectors import search
from ledger.money import BP, apportion

Reader = User | AnonymousUser | None
PAGE_SIZE = 24
REVIEWS_SHOWN = 6
NEAR_ENOUGH = 0.28
"""Least trigram likeness (0 to 1) of a title to a mistyped word: two letters changed about keep so much of six."""

SORTS = ("best", "popular", "newest", "rating", "price", "-price")
WEIGHTS = [0.05, 0.2, 0.5, 1.0]
"""Weights of D, C, B, A in the rank: description and pairs, summary, topic and creators, title."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address of a catalogue page asks for; blank means all. Prices are minor units of `currency`."""

    query: str = ""
    topic: str = ""
    level: str = ""
    language: str = ""
    currency: str = ""
    price: str = ""
    sort: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class CourseCard:
    """A course in a list. `rating` is the mean of `ratings` stars, None without any."""

    course: Course
    creators: tuple[str, ...]
    rating: float | None
    ratings: int
    learners: int


@dataclass(frozen=True, slots=True)
class Facet:
    """One value of a filter with the number of courses that it would leave."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class CataloguePage:
    """One page of the catalogue. `corrected`: nothing held the words, these titles are merely like them."""

    cards: list[CourseCard]
    total: int
    page: int
    pages: int
    corrected: bool
    topics: list[Facet]


@dataclass(frozen=True, slots=True)
class FrontPage:
    """What the storefront's front shows."""

    topics: list[Facet]
    total: int
    popular: list[CourseCard]
    newest: list[CourseCard]


@dataclass(frozen=True, slots=True)
class Stars:
    """How many gave `stars`, and that as basis points of all."""

    stars: int
    count: int
    share_bp: int


@dataclass(frozen=True, slots=True)
class SectionRow:
    """A section with its lessons; durations in seconds."""

    section: Section
    lessons: list[Lesson]
    seconds: int


@dataclass(frozen=True, slots=True)
class CoursePage:
    """All that a course's page tells to one reader."""

    course: Course
    creators: list[CourseCreator]
    sections: list[SectionRow]
    lessons: int
    seconds: int
    learners: int
    rating: float | None
    ratings: int
    stars: list[Stars]
    reviews: list[Rating]
    enrolment: Enrolment | None
    own_rating: Rating | None
    is_favourite: bool
    in_cart: bool
    first_preview: Lesson | None = None
    next_lesson: Lesson | None = None

    @property
    def lead(self) -> CourseCreator | None:
        """The first creator."""
        return self.creators[0] if self.creators else None


def on_sale() -> QuerySet[Course]:
    """Published courses that no reversed import brought."""
    return Course.objects.filter(
        Q(import_batch=None) | ~Q(import_batch__state="reversed"), state=CourseState.PUBLISHED
    ).select_related("topic")


def visible_courses(visible_to: Reader) -> QuerySet[Course]:
    """Courses that this reader may see: all for staff, else those on sale and those that the reader is enrolled in."""
    if visible_to is not None and is_staff(visible_to):
        return Course.objects.select_related("topic")
    if visible_to is None or not visible_to.is_authenticated:
        return on_sale()
    mine = Enrolment.objects.filter(user=visible_to, withdrawn_at=None).values("course")
    return Course.objects.select_related("topic").filter(Q(pk__in=on_sale().values("pk")) | Q(pk__in=mine))


def catalogue(*, filters: Filters, visible_to: Reader = None) -> CataloguePage:
    """Return one page of courses on sale by filters, search and sort, in a constant number of queries."""
    del visible_to  # the catalogue is the same for everybody: drafts are shown on their own pages only
    base, corrected = _searched(on_sale(), filters.query)
    narrowed = _narrowed(base, filters)
    ordered = _ordered(narrowed if not filters.topic else narrowed.filter(topic__code=filters.topic), filters)
    pages = Paginator(ordered, PAGE_SIZE)
    page = pages.get_page(filters.page)
    topics = _topic_facets(narrowed)
    return CataloguePage(
        cards=cards(list(page.object_list)),
        total=pages.count,
        page=page.number,
        pages=pages.num_pages,
        corrected=corrected,
        topics=topics,
    )


def front_page(*, popular: int = 8, newest: int = 4) -> FrontPage:
    """Return topics and their sum, the courses with most learners, and the newest, in a constant number of queries."""
    topics = _topic_facets(on_sale())
    most = list(_ordered(on_sale(), Filters(sort="popular"))[:popular])
    shown = cards([*most, *_ordered(on_sale(), Filters(sort="newest"))[:newest]])
    return FrontPage(topics, sum(topic.count for topic in topics), shown[: len(most)], shown[len(most) :])


def cards(courses: Sequence[Course]) -> list[CourseCard]:
    """Return these courses, in this order, as cards: three queries however many there are."""
    ids = [course.pk for course in courses]
    rated = {
        row["course"]: row
        for row in Rating.objects.filter(course__in=ids).values("course").annotate(mean=Avg("stars"), n=Count("pk"))
    }
    learners = dict(
        Enrolment.objects.filter(course__in=ids, withdrawn_at=None)
        .values("course")
        .annotate(n=Count("pk"))
        .values_list("course", "n")
    )
    names = _creator_names(ids)
    return [
        CourseCard(
            course=course,
            creators=tuple(names.get(course.pk, ())),
            rating=rated[course.pk]["mean"] if course.pk in rated else None,
            ratings=rated[course.pk]["n"] if course.pk in rated else 0,
            learners=learners.get(course.pk, 0),
        )
        for course in courses
    ]


def course_cards(ids: Sequence[int]) -> list[CourseCard]:
    """Return the cards of these courses in this order, leaving out those that are not on sale."""
    found = on_sale().in_bulk(list(ids))
    return cards([found[pk] for pk in ids if pk in found])


def topics_on_sale() -> list[Facet]:
    """Topics that have courses on sale, with their number."""
    return _topic_facets(on_sale())


def languages_on_sale() -> list[str]:
    """Codes of the languages in which courses are on sale."""
    return list(on_sale().order_by("language").values_list("language", flat=True).distinct())


def price_steps(*, currency: str) -> tuple[int, int] | None:
    """Return two round prices that part the courses of this currency into three; None for too few prices."""
    prices = sorted(on_sale().filter(currency=currency, price_minor__gt=0).values_list("price_minor", flat=True))
    steps = {_round(prices[len(prices) * part // 3]) for part in (1, 2)} if prices else set()
    return (min(steps), max(steps)) if len(steps) == 2 else None


def course_page(*, slug: str, visible_to: Reader = None, visitor_key: Any = None) -> CoursePage | None:
    """Return a course's page for one reader, None when there is no such course for that reader. Constant queries."""
    learners = _per_course(Enrolment, Count("pk"), IntegerField(), withdrawn_at=None)
    course = visible_courses(visible_to).filter(slug=slug).annotate(learner_count=learners).first()
    if course is None:
        return None
    sections = _sections(course)
    lessons = [lesson for row in sections for lesson in row.lessons]
    stars = _stars(course)
    ratings = sum(row.count for row in stars)
    enrolment, own_rating, favourite, in_cart = _own(course, visible_to, visitor_key)
    return CoursePage(
        course=course,
        creators=list(course.credits.select_related("party")),
        sections=sections,
        lessons=len(lessons),
        seconds=sum(lesson.duration_seconds for lesson in lessons),
        learners=course.learner_count,
        rating=sum(row.stars * row.count for row in stars) / ratings if ratings else None,
        ratings=ratings,
        stars=stars,
        reviews=list(
            Rating.objects.filter(course=course, hidden_at=None)
            .exclude(comment="")
            .select_related("user")
            .order_by("-created_at", "-id")[:REVIEWS_SHOWN]
        ),
        enrolment=enrolment,
        own_rating=own_rating,
        is_favourite=favourite,
        in_cart=in_cart,
        first_preview=next((lesson for lesson in lessons if lesson.is_preview), None),
        next_lesson=_next(lessons, enrolment) if enrolment else None,
    )


def _next(lessons: Sequence[Lesson], enrolment: Enrolment) -> Lesson | None:
    """The first lesson that the learner has not finished, else the first of all."""
    done = set(enrolment.progress.filter(completed_at__isnull=False).values_list("lesson", flat=True))
    return next((lesson for lesson in lessons if lesson.pk not in done), lessons[0] if lessons else None)


def _searched(courses: QuerySet[Course], typed: str) -> tuple[QuerySet[Course], bool]:
    typed = search.cleaned(typed)
    asked = search.query_of(typed)
    if asked is None:
        return courses.annotate(rank=_zero()), False
    found = courses.filter(search=asked).annotate(rank=SearchRank(F("search"), asked, weights=WEIGHTS))
    if found.exists():
        return found, False
    like = courses.annotate(rank=TrigramWordSimilarity(typed, "title"))
    return like.filter(rank__gte=NEAR_ENOUGH), True


def _zero() -> Any:
    return Value(0.0, output_field=FloatField())


def _narrowed(courses: QuerySet[Course], filters: Filters) -> QuerySet[Course]:
    if filters.level:
        courses = courses.filter(level=filters.level)
    if filters.language:
        courses = courses.filter(language=filters.language)
    if filters.currency:
        courses = courses.filter(currency=filters.currency)
    if filters.price == "free":
        courses = courses.filter(price_minor=0)
    elif filters.price:
        low, _, high = filters.price.partition("-")
        if low.isdigit():
            courses = courses.filter(price_minor__gte=int(low))
        if high.isdigit():
            courses = courses.filter(price_minor__lte=int(high))
    return courses


def _ordered(courses: QuerySet[Course], filters: Filters) -> QuerySet[Course]:
    sort = filters.sort if filters.sort in SORTS else ("best" if filters.query else "popular")
    if sort == "best":
        return courses.order_by(F("rank").desc(), "-published_at", "-pk")
    if sort == "newest":
        return courses.order_by("-published_at", "-pk")
    if sort in {"price", "-price"}:
        return courses.order_by("currency", F("price_minor").desc() if sort == "-price" else "price_minor", "-pk")
    if sort == "rating":
        return courses.annotate(mean=_per_course(Rating, Avg("stars"), FloatField())).order_by("-mean", "-pk")
    return courses.annotate(learners=_per_course(Enrolment, Count("pk"), IntegerField(), withdrawn_at=None)).order_by(
        "-learners", "-pk"
    )


def _per_course(model: Any, figure: Any, kind: Any, **where: Any) -> Any:
    rows = model.objects.filter(course=OuterRef("pk"), **where).order_by().values("course").annotate(figure=figure)
    return Coalesce(Subquery(rows.values("figure"), output_field=kind), 0, output_field=kind)


def _topic_facets(courses: QuerySet[Course]) -> list[Facet]:
    counts = dict(courses.order_by().values("topic").annotate(n=Count("pk")).values_list("topic", "n"))
    return [
        Facet(value=topic.code, label=topic.local_name, count=counts[topic.pk])
        for topic in Topic.objects.all()
        if counts.get(topic.pk)
    ]


def _creator_names(course_ids: Iterable[int]) -> dict[int, list[str]]:
    names: dict[int, list[str]] = {}
    for credit in CourseCreator.objects.filter(course__in=list(course_ids)).select_related("party"):
        names.setdefault(credit.course_id, []).append(credit.party.local_name)
    return names


def _sections(course: Course) -> list[SectionRow]:
    # Bodies may be long, and the outline shows none of them.
    lessons = Lesson.objects.defer("body", "body_zh")
    rows = []
    for section in course.sections.prefetch_related(Prefetch("lessons", queryset=lessons)):
        inside = list(section.lessons.all())
        rows.append(SectionRow(section, inside, sum(lesson.duration_seconds for lesson in inside)))
    return rows


def _stars(course: Course) -> list[Stars]:
    counts = dict(
        Rating.objects.filter(course=course)
        .order_by()
        .values("stars")
        .annotate(n=Count("pk"))
        .values_list("stars", "n")
    )
    numbers = [counts.get(stars, 0) for stars in (5, 4, 3, 2, 1)]
    shares = apportion(BP if sum(numbers) else 0, numbers)
    return [Stars(5 - i, number, share) for i, (number, share) in enumerate(zip(numbers, shares, strict=True))]


def _own(course: Course, reader: Reader, visitor_key: Any) -> tuple[Enrolment | None, Rating | None, bool, bool]:
    if reader is None or not reader.is_authenticated:
        waiting = CartItem.objects.filter(course=course, user=None, visitor_key=visitor_key)
        return None, None, False, visitor_key is not None and waiting.exists()
    return (
        Enrolment.objects.filter(course=course, user=reader, withdrawn_at=None).first(),
        Rating.objects.filter(course=course, user=reader).first(),
        Favourite.objects.filter(course=course, user=reader).exists(),
        CartItem.objects.filter(course=course, user=reader).exists(),
    )


def _round(price: int) -> int:
    """To one significant figure, or to half of it where that is nearer: 17,320 to 15,000, 4,890 to 5,000."""
    step: int = 5 * 10 ** max(len(str(price)) - 2, 0)
    return max(step, (2 * price + step) // (2 * step) * step)
