"""The router of `/api/v1/`: each floor's `api` module registers its viewsets here; schema and reference beside them."""

from importlib import import_module
from importlib.util import find_spec

from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

FLOORS = ("accounts", "events", "ledger", "partners", "courses", "analytics", "recommender")
app_name = "api"


def router() -> SimpleRouter:
    """Every viewset that a floor's `api.VIEWSETS` (prefix -> viewset class) names."""
    found = SimpleRouter()
    for floor in FLOORS:
        if find_spec(f"{floor}.api") is None:
            continue
        for prefix, viewset in getattr(import_module(f"{floor}.api"), "VIEWSETS", {}).items():
            found.register(prefix, viewset, basename=prefix)
    return found


urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api:schema"), name="docs"),
    path("", include(router().urls)),
]
