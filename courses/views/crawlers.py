"""What search engines ask for: which pages there are, in which languages."""

from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from courses.selectors import on_sale
from courses.views.frame import hreflang

MOST_PAGES = 50_000
"""A sitemap may name no more."""


@require_safe
def robots(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Keep crawlers out of what is nobody's business but the reader's."""
    closed = ("/admin/", "/accounts/", "/cart/", "/checkout/", "/orders/", "/learn/", "/go/", "/api/", "/suggestions/")
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed), ""]
    lines.append(f"Sitemap: {settings.BASE_URL}{reverse('courses:sitemap')}")
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@require_safe
def sitemap(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """Every public page with its languages."""
    pages: list[tuple[str, datetime | None]] = [(reverse("courses:home"), None), (reverse("courses:catalogue"), None)]
    rows = on_sale().order_by("-pk").values_list("slug", "updated_at")[: MOST_PAGES - len(pages)]
    pages += [(reverse("courses:course", args=[slug]), at) for slug, at in rows]
    body = "".join(_entry(path, at.date().isoformat() if at else "") for path, at in pages)
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
        ' xmlns:xhtml="http://www.w3.org/1999/xhtml">\n'
    )
    return HttpResponse(f"{head}{body}</urlset>\n", content_type="application/xml; charset=utf-8")


def _entry(path: str, day: str) -> str:
    # Paths are made of slugs, so nothing in them needs escaping.
    address = f"{settings.BASE_URL}{path}"
    links = "".join(
        f'<xhtml:link rel="alternate" hreflang="{hreflang(code)}" href="{address}?lang={code}"/>'
        for code, _name in settings.LANGUAGES
    )
    changed = f"<lastmod>{day}</lastmod>" if day else ""
    return f"<url><loc>{address}</loc>{changed}{links}</url>\n"
