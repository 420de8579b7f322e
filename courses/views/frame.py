"""What every page of the storefront shares: the frame around it, the visitor's key, the language of its address."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import Resolver404, resolve, reverse
from django.utils import translation
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from accounts.models import User
from courses.selectors import cart_items

CART_SESSION_KEY = "cart_key"
View = Callable[..., HttpResponse]


def learner_of(request: HttpRequest) -> User | None:
    """The person who is signed in."""
    return request.user if isinstance(request.user, User) else None


def visitor_of(request: HttpRequest, *, make: bool = False) -> UUID | None:
    """The browser's key: the visitor's cookie, or for browsers that decline it a key in the session.

    With `make` there is always one, because a cart needs it.
    """
    key: UUID | None = getattr(request, "visitor_key", None)
    if key is not None and getattr(request, "visitor_consent", True):
        return key
    kept = request.session.get(CART_SESSION_KEY)
    if kept is None and make:
        kept = request.session[CART_SESSION_KEY] = str(uuid4())
    return UUID(kept) if kept else None


def may_observe(request: HttpRequest) -> bool:
    """Whether this browser lets itself be observed at all."""
    return bool(getattr(request, "visitor_consent", True))


def opens_page(request: HttpRequest) -> bool:
    """Whether a person opens this address now, no program and no browser in advance."""
    asked: Callable[[], bool] | None = getattr(request, "visitor_opens", None)
    return asked is None or asked()


def observed_visitor(request: HttpRequest) -> UUID | None:
    """The visitor's cookie of a browser that lets itself be observed, else none; a program that reads pages is none."""
    key: UUID | None = getattr(request, "visitor_key", None)
    program: Callable[[], bool] | None = getattr(request, "visitor_program", None)
    return key if may_observe(request) and not (program and program()) else None


def shop(
    request: HttpRequest, template: str, context: Mapping[str, Any], *, place: str = "", status: int = 200
) -> HttpResponse:
    """Render a page in the storefront's frame; `place` is the navigation's entry that it belongs to."""
    user = learner_of(request)
    nav = [("catalogue", _("Courses"), reverse("courses:catalogue"))]
    if user is not None:
        nav.append(("learn", _("My learning"), reverse("courses:learn")))
    links = [{"url": reverse("courses:learn"), "label": _("My learning"), "icon": "book"}] if user else []
    if user and (yours := suggestions_at("/suggestions/yours/")):
        links.append({"url": yours, "label": _("Your suggestions"), "icon": "compass"})
    frame = {
        "shop_nav": [{"label": label, "url": url, "current": name == place} for name, label, url in nav],
        "footer_nav": [{"label": label, "url": url, "current": False} for _name, label, url in nav],
        "search_url": reverse("courses:catalogue"),
        "cart_url": reverse("courses:cart"),
        "cart_count": SimpleLazyObject(lambda: cart_items(user=user, visitor_key=visitor_of(request)).count()),
        "user_links": links,
        "alternates": alternates(request),
        "canonical": canonical(request),
    }
    return render(request, template, {**frame, **context}, status=status)


def suggestions_at(path: str) -> str:
    """This path where the recommender answers at it, else nothing: it stands on a floor above."""
    try:
        resolve(path)
    except Resolver404:
        return ""
    return path


def canonical(request: HttpRequest, **query: str) -> str:
    """The address under which this page is to be known, in its own language where the address names one."""
    asked = {**query, **({"lang": request.GET["lang"]} if _asked_language(request) else {})}
    tail = "&".join(f"{name}={value}" for name, value in asked.items() if value)
    return f"{settings.BASE_URL}{request.path}" + (f"?{tail}" if tail else "")


def alternates(request: HttpRequest) -> list[tuple[str, str]]:
    """(hreflang, address) of this page in each language, and of the one that chooses by itself."""
    base = f"{settings.BASE_URL}{request.path}"
    return [
        *((hreflang(code), f"{base}?lang={code}") for code, _name in settings.LANGUAGES),
        ("x-default", base),
    ]


def public(view: View) -> View:
    """Let the address of a public page choose its language: `?lang=zh-hans`. A browser without a choice keeps it."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        asked = _asked_language(request)
        if not asked:
            return view(request, *args, **kwargs)
        with translation.override(asked):
            request.LANGUAGE_CODE = asked
            response = view(request, *args, **kwargs)
        response.headers["Content-Language"] = asked
        if settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
            response.set_cookie(
                settings.LANGUAGE_COOKIE_NAME,
                asked,
                secure=bool(settings.LANGUAGE_COOKIE_SECURE),
                samesite="Lax",
            )
        return response

    return wrapped


def linked_data(body: Mapping[str, Any]) -> SafeString:
    """JSON-LD for a data block, with nothing in it that could end the block."""
    text = json.dumps(body, ensure_ascii=False)
    for letter, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(letter, escape)
    return mark_safe(text)  # noqa: S308 - escaped above, as Django's json_script does


def _asked_language(request: HttpRequest) -> str:
    asked = request.GET.get("lang", "")
    return asked if asked in dict(settings.LANGUAGES) else ""


def hreflang(code: str) -> str:
    """A language's code as HTML and sitemaps write it."""
    return "zh-Hans" if code == "zh-hans" else code
