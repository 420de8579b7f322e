"""Addresses of analytics: the marketer's pages under /marketing/, tracking links under /go/."""

from django.urls import URLPattern, URLResolver, path

from analytics.views import marketing
from analytics.views.go import gone

app_name = "analytics"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", marketing.overview, name="overview"),
    path("report.csv", marketing.report_csv, name="report_csv"),
    path("runs/again/", marketing.again, name="again"),
    path("runs/<int:run_id>/", marketing.progress, name="progress"),
    path("campaigns/", marketing.campaigns, name="campaigns"),
]
go_urlpatterns: list[URLPattern | URLResolver] = [path("<slug:code>", gone, name="go")]
