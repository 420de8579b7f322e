"""Addresses of creators and partners, under /creator/."""

from django.urls import URLPattern, URLResolver, path

from partners.views import agreements, home, lines, links

app_name = "partners"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("earnings.csv", home.lines_csv, name="csv"),
    path("lines/<int:pk>/", lines.line, name="line"),
    path("links/", links.links, name="links"),
    path("links/<slug:code>.svg", links.qr, name="qr"),
    path("agreements/", agreements.agreements, name="agreements"),
    path("agreements/<int:pk>/accept/", agreements.accept, name="accept"),
]
