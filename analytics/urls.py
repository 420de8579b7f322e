"""Addresses of analytics: the marketer's pages under /marketing/, tracking links under /go/."""

from django.urls import URLPattern, URLResolver, path

from analytics.views import explorer, journeys, marketing
from analytics.views.consent import consent
from analytics.views.go import gone

app_name = "analytics"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", marketing.overview, name="overview"),
    path("report.csv", marketing.report_csv, name="report_csv"),
    path("attribution/", explorer.explorer, name="explorer"),
    path("attribution.csv", explorer.explorer_csv, name="explorer_csv"),
    path("journeys/", journeys.journeys, name="journeys"),
    path("journeys.csv", journeys.journeys_csv, name="journeys_csv"),
    path("cohorts/", journeys.cohorts, name="cohorts"),
    path("cohorts.csv", journeys.cohorts_csv, name="cohorts_csv"),
    path("runs/again/", marketing.again, name="again"),
    path("runs/<int:run_id>/", marketing.progress, name="progress"),
    path("campaigns/", marketing.campaigns, name="campaigns"),
    path("campaigns.csv", marketing.campaigns_csv, name="campaigns_csv"),
]
go_urlpatterns: list[URLPattern | URLResolver] = [path("<slug:code>", gone, name="go")]
consent_urlpatterns: list[URLPattern | URLResolver] = [path("consent/", consent, name="consent")]
