"""Addresses of the storefront and of learning."""

from django.urls import URLPattern, URLResolver, path

from courses.views import behaviour, cart, crawlers, learn, storefront

app_name = "courses"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", storefront.home, name="home"),
    path("courses/", storefront.listing, name="catalogue"),
    path("courses/<slug:slug>/", storefront.course, name="course"),
    path("courses/<slug:slug>/rating/", learn.rate, name="rate"),
    path("cart/", cart.cart, name="cart"),
    path("cart/add/<int:course_id>/", cart.add, name="cart-add"),
    path("cart/remove/<int:course_id>/", cart.remove, name="cart-remove"),
    path("checkout/", cart.checkout, name="checkout"),
    path("orders/<str:code>/", cart.order, name="order"),
    path("orders/<str:code>/pay/", cart.pay, name="pay"),
    path("orders/<str:code>/cancel/", cart.cancel, name="cancel"),
    path("favourites/<int:course_id>/", learn.favourite, name="favourite"),
    path("learn/", learn.home, name="learn"),
    path("learn/<slug:slug>/<int:lesson_id>/", learn.lesson, name="lesson"),
    path("learn/<slug:slug>/<int:lesson_id>/finish/", learn.finish, name="finish"),
    path("learn/<slug:slug>/<int:lesson_id>/progress/", learn.progress, name="progress"),
    path("behaviour/view/<int:course_id>/", behaviour.view, name="view"),
    path("behaviour/stay/<int:course_id>/", behaviour.stay, name="stay"),
    path("robots.txt", crawlers.robots, name="robots"),
    path("sitemap.xml", crawlers.sitemap, name="sitemap"),
]
