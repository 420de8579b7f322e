"""Addresses of analytics: the marketer's pages under /marketing/, tracking links under /go/."""

from django.urls import URLPattern, URLResolver, path

from analytics.views.go import go

app_name = "analytics"
urlpatterns: list[URLPattern | URLResolver] = []
go_urlpatterns: list[URLPattern | URLResolver] = [path("<slug:code>", go, name="go")]
