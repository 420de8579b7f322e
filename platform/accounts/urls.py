"""Addresses of one's own account, beside allauth's under /accounts/."""

from django.urls import URLPattern, URLResolver, path

from accounts.views import you

app_name = "accounts"
urlpatterns: list[URLPattern | URLResolver] = [path("you/", you, name="you")]
