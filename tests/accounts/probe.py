"""Addresses that only tests/accounts/test_middleware.py serves: views that show what a request may see and undo."""

from collections.abc import Callable, Iterator

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import include, path
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.audit import current
from accounts.models import Party
from accounts.rules import entrance
from accounts.scope import streamed
from accounts.services import party_create
from partners.models import Membership
from portal.urls import urlpatterns as portal_urls

VISITOR = "7d1f2a0e-6c0a-4a7e-9a55-3f0e5a1d9b11"


def known_visitor(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A middleware: the browser is known by a key, whatever else recognises visitors."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.visitor_key = VISITOR  # type: ignore[attr-defined]
        return get_response(request)

    return middleware


def headlines() -> Iterator[str]:
    yield from Membership.objects.order_by("headline").values_list("headline", flat=True)


def look(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"seen": list(headlines()), "context": current(), "atomic": connection.in_atomic_block})


def rendered(request: HttpRequest) -> HttpResponse:
    template = engines["django"].from_string("{% for member in members %}{{ member.headline }};{% endfor %}")
    return TemplateResponse(request, template, {"members": Membership.objects.order_by("headline")})


def broken_template(request: HttpRequest) -> HttpResponse:
    party_create(code="written", kind="creator", name="W")
    template = engines["django"].from_string("{% for x in boom %}{% endfor %}")
    return TemplateResponse(request, template, {"boom": _boom()})


def _boom() -> Iterator[str]:
    raise RuntimeError("while rendering")
    yield ""


def write(request: HttpRequest, end: str) -> HttpResponse:
    party_create(code="written", kind="creator", name="W")
    if end == "raise":
        raise RuntimeError("after writing")
    if end == "404":
        raise Http404
    if end == "403":
        raise PermissionDenied
    return HttpResponse(status=int(end))


@api_view(["POST"])
def api_write(request: Request) -> Response:
    party_create(code="written", kind="creator", name="W")
    raise ValidationError("after writing")


def stream(request: HttpRequest, how: str) -> StreamingHttpResponse:
    body = streamed(headlines) if how == "scoped" else headlines()
    return StreamingHttpResponse(body)


def still(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"atomic": connection.in_atomic_block})


still.needs_no_database = True  # type: ignore[attr-defined]


@entrance("marketing")
def desk(request: HttpRequest) -> HttpResponse:
    return HttpResponse("desk")


@entrance("creator")
def studio(request: HttpRequest) -> HttpResponse:
    return HttpResponse("studio")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """An error page asks the database too (menus, baskets)."""
    return HttpResponse(f"{Party.objects.count()} parties, {Membership.objects.count()} members", status=404)


handler404 = "tests.accounts.probe.page_not_found"
urlpatterns = [
    path("probe/look", look),
    path("probe/rendered", rendered),
    path("probe/broken-template", broken_template),
    path("probe/write/<str:end>", write),
    path("probe/api", api_write),
    path("probe/stream/<str:how>", stream),
    path("probe/still", still),
    path("probe/desk", desk),
    path("probe/studio", studio),
    path("", include(portal_urls)),
]
