"""Addresses of this app."""

from django.urls import URLPattern, URLResolver

app_name = "recommender"
urlpatterns: list[URLPattern | URLResolver] = []
