"""Addresses of the recommender: suggestions under /suggestions/, learning paths under /paths/."""

from django.urls import URLPattern, URLResolver, path

from recommender.views import paths, suggestions, taste

app_name = "recommender"
urlpatterns: list[URLPattern | URLResolver] = [
    path("home/", suggestions.for_home, name="home"),
    path("course/<int:pk>/", suggestions.for_course, name="course"),
    path("bought/", suggestions.after_purchase, name="bought"),
    path("open/<uuid:code>/<int:position>/", suggestions.opened, name="open"),
    path("why/<uuid:code>/<int:position>/", suggestions.why, name="why"),
    path("dismiss/<int:pk>/", taste.dismiss, name="dismiss"),
    path("undo/<int:pk>/", taste.undo, name="undo"),
    path("yours/", taste.yours, name="yours"),
    path("interests/", taste.interests, name="interests"),
    path("mail/<str:token>/", taste.mail, name="mail"),
    path("personal/", taste.personal, name="personal"),
]
paths_urlpatterns: list[URLPattern | URLResolver] = [
    path("", paths.paths, name="paths"),
    path("<int:pk>/", paths.path, name="path"),
    path("<int:pk>/change/", paths.change, name="change"),
    path("<int:pk>/steps/<int:course_id>/", paths.step, name="step"),
]
