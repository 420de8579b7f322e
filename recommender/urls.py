"""Addresses of the recommender, under /suggestions/."""

from django.urls import URLPattern, URLResolver, path

from recommender import views

app_name = "recommender"
urlpatterns: list[URLPattern | URLResolver] = [
    path("home/", views.for_home, name="home"),
    path("course/<int:pk>/", views.for_course, name="course"),
    path("dismiss/<int:pk>/", views.dismiss, name="dismiss"),
]
