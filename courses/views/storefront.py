"""The storefront: home, catalogue, a course's page."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from courses.choices import EventKind, Level
from courses.forms import CatalogueForm, rating_form
from courses.models import Course
from courses.selectors import (
    CoursePage,
    Filters,
    catalogue,
    course_page,
    front_page,
    languages_on_sale,
    needed_before,
    price_steps,
    search,
)
from courses.services import Quote, behaviour_record, courses_quote
from courses.views.frame import (
    canonical,
    learner_of,
    linked_data,
    may_observe,
    public,
    shop,
    suggestions_at,
    visitor_of,
)
from ledger.money import decimal_from_minor
from partners.errors import CouponError

COUPON_SESSION_KEY = "coupon"


@require_safe
@public
def home(request: HttpRequest) -> HttpResponse:
    """The front page: what there is to learn."""
    search.warm()
    front = front_page()
    context = {
        "topics": front.topics,
        "total": front.total,
        "popular": front.popular,
        "newest": front.newest,
        # A stranger would be suggested what stands above already; who was here before left something to go by.
        "suggestions_url": suggestions_at("/suggestions/home/") if _is_known(request) else "",
        "description": _("Courses on programming, data, cloud and AI, by people who do the work."),
    }
    return shop(request, "courses/home.html", context, place="home")


@require_safe
@public
def listing(request: HttpRequest) -> HttpResponse:
    """The catalogue, filtered as the address says."""
    search.warm()
    filters = CatalogueForm(request.GET).filters()
    page = catalogue(filters=filters)
    if filters.query and filters.page == 1 and may_observe(request) and not request.headers.get("HX-Request"):
        user = learner_of(request)
        behaviour_record(
            kind=EventKind.SEARCH,
            user_id=user.pk if user else None,
            visitor_key=visitor_of(request),
            query=filters.query,
            value=page.total,
        )
    steps = price_steps(currency=settings.CURRENCY)
    context = {
        "filters": filters,
        "page": page,
        "topic": next((facet for facet in page.topics if facet.value == filters.topic), None),
        "levels": Level.choices,
        "level_name": dict(Level.choices).get(filters.level, ""),
        "languages": languages_on_sale(),
        "prices": _prices(steps),
        "price": request.GET.get("price", ""),
        "sorts": _sorts(request, filters),
        "search_value": filters.query,
        "canonical": canonical(request, topic=filters.topic),
    }
    return shop(request, "courses/catalogue.html", context, place="catalogue")


@require_safe
@public
def course(request: HttpRequest, slug: str) -> HttpResponse:
    """One course: what it teaches, what others think, what it costs."""
    user = learner_of(request)
    page = course_page(slug=slug, visible_to=user, visitor_key=visitor_of(request))
    if page is None:
        raise Http404(_("There is no such course."))
    if "coupon" in request.GET:
        request.session[COUPON_SESSION_KEY] = request.GET["coupon"][:32]
    quote, coupon_refused = _quoted(page.course, request.session.get(COUPON_SESSION_KEY, ""))
    context = {
        "page": page,
        "course": page.course,
        "quote": quote,
        "coupon_refused": coupon_refused if "coupon" in request.GET else "",
        "star_counts": [row.count for row in page.stars],
        "others": [credit.party.local_name for credit in page.creators[1:]],
        "linked_data": linked_data(_described(page)),
        "suggestions_url": suggestions_at(f"/suggestions/course/{page.course.pk}/"),
        "needed": needed_before(course=page.course, visible_to=user),
        "path_url": suggestions_at("/paths/"),
        "observe": may_observe(request),
        "rating_form": rating_form(page.own_rating) if page.enrolment else None,
        "description": page.course.local_summary,
    }
    return shop(request, "courses/course.html", context, place="catalogue")


def _is_known(request: HttpRequest) -> bool:
    """Whether somebody is signed in, or the browser was here before and lets itself be observed."""
    return learner_of(request) is not None or bool(getattr(request, "visitor_known", False))


def _quoted(course: Course, coupon_code: str) -> tuple[Quote, str]:
    """The course's price with the coupon that the visitor brought along, or why that does not count."""
    try:
        return courses_quote(courses=[course], coupon_code=coupon_code), ""
    except CouponError as refusal:
        return courses_quote(courses=[course]), str(refusal)


def _prices(steps: tuple[int, int] | None) -> list[dict[str, Any]]:
    code = settings.CURRENCY
    if steps is None:
        return []
    low, high = steps
    return [
        {"value": f"-{low}.{code}", "low": None, "high": low},
        {"value": f"{low}-{high}.{code}", "low": low, "high": high},
        {"value": f"{high}-.{code}", "low": high, "high": None},
    ]


def _sorts(request: HttpRequest, filters: Filters) -> list[dict[str, Any]]:
    words = {
        "best": _("Best match"),
        "popular": _("Most learners"),
        "rating": _("Best rated"),
        "newest": _("Newest"),
        "price": _("Price, low to high"),
        "-price": _("Price, high to low"),
    }
    if not filters.query:
        del words["best"]
    now = filters.sort if filters.sort in words else next(iter(words))
    rows = []
    for value, label in words.items():
        query = request.GET.copy()
        query["sort"] = value
        query.pop("page", None)
        rows.append({"label": label, "url": f"?{query.urlencode()}", "current": value == now})
    return rows


def _described(page: CoursePage) -> dict[str, Any]:
    """The course in schema.org's words."""
    course = page.course
    url = f"{settings.BASE_URL}{reverse('courses:course', args=[course.slug])}"
    body: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Course",
        "name": course.local_title,
        "description": course.local_summary or course.local_title,
        "url": url,
        "inLanguage": course.language,
        "educationalLevel": course.get_level_display(),
        "provider": {"@type": "Organization", "name": settings.PLATFORM_NAME, "url": settings.BASE_URL},
        "offers": {
            "@type": "Offer",
            "category": "Paid" if course.price_minor else "Free",
            "price": decimal_from_minor(course.price_minor, course.currency),
            "priceCurrency": course.currency,
            "url": url,
        },
        "hasCourseInstance": {
            "@type": "CourseInstance",
            "courseMode": "Online",
            "courseWorkload": f"PT{max(page.seconds // 60, 1)}M",
        },
    }
    if page.rating is not None:
        body["aggregateRating"] = {
            "@type": "AggregateRating",
            "ratingValue": round(page.rating, 2),
            "ratingCount": page.ratings,
        }
    return body
