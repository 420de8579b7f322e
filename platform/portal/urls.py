"""Every address of the portal, composed from the floors' own `urls`."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from analytics import urls as analytics_urls
from portal.health import healthz
from portal.imports import admin as _imports_desk  # noqa: F401 - replaces the page of imports by one that reverses them
from portal.views import experiment, experiment_csv, experiments, months, palette, patterns, suggestion_figures
from recommender import urls as recommender_urls
from recommender.views.figures import for_creators

# Tracking links are short and stand outside /marketing/, so analytics keeps them in a list of their own.
GO: list[URLPattern | URLResolver] = getattr(analytics_urls, "go_urlpatterns", [])

handler500 = "portal.views.failed"

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", healthz, name="healthz"),
    path("go/", include((GO, "go"))),
    *analytics_urls.consent_urlpatterns,
    path("patterns/", patterns, name="patterns"),
    path("palette/", palette, name="palette"),
    path("calendar/", months, name="calendar"),
    path("creator/suggestions/", for_creators, name="creator-suggestions"),
    path("creator/", include("partners.urls")),
    path("marketing/experiments/", experiments, name="marketing-experiments"),
    path("marketing/experiments/<int:pk>/", experiment, name="marketing-experiment"),
    path("marketing/experiments/<int:pk>.csv", experiment_csv, name="marketing-experiment-csv"),
    path("marketing/suggestions/", suggestion_figures, name="marketing-suggestions"),
    path("marketing/", include("analytics.urls")),
    path("suggestions/", include("recommender.urls")),
    path("paths/", include((recommender_urls.paths_urlpatterns, "paths"))),
    path("admin/login/", secure_admin_login(admin.site.login)),  # the admin is entered by allauth's door alone
    path("admin/", admin.site.urls),
    path("accounts/", include("accounts.urls")),
    path("accounts/", include("allauth.urls")),
    path("api/v1/", include("portal.api")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("", include("courses.urls")),
]
if settings.METRICS:
    urlpatterns.insert(0, path("", include("django_prometheus.urls")))
