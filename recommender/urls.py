"""Addresses of the recommender, under /suggestions/."""

from django.urls import URLPattern, URLResolver, path

from recommender.views import suggestions

app_name = "recommender"
urlpatterns: list[URLPattern | URLResolver] = [
    path("home/", suggestions.for_home, name="home"),
    path("course/<int:pk>/", suggestions.for_course, name="course"),
    path("dismiss/<int:pk>/", suggestions.dismiss, name="dismiss"),
]
