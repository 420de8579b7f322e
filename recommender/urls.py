"""Addresses of the recommender: suggestions under /suggestions/, learning paths under /paths/."""

from django.urls import URLPattern, URLResolver, path

from recommender.views import paths, suggestions

app_name = "recommender"
urlpatterns: list[URLPattern | URLResolver] = [
    path("home/", suggestions.for_home, name="home"),
    path("course/<int:pk>/", suggestions.for_course, name="course"),
    path("dismiss/<int:pk>/", suggestions.dismiss, name="dismiss"),
]
paths_urlpatterns: list[URLPattern | URLResolver] = [
    path("", paths.paths, name="paths"),
    path("<int:pk>/", paths.path, name="path"),
    path("<int:pk>/change/", paths.change, name="change"),
    path("<int:pk>/steps/<int:course_id>/", paths.step, name="step"),
]
