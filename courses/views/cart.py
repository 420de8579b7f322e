"""Cart, checkout, payment."""

from datetime import timedelta
from itertools import groupby
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from courses.choices import OrderState
from courses.errors import AlreadyOwnedError, CoursesError, EmptyCartError
from courses.forms import CouponForm
from courses.models import CartItem, Order
from courses.selectors import cards, cart_items, order_of, refunds_shown
from courses.services import (
    Quote,
    cart_add,
    cart_merge,
    cart_remove,
    checkout_quote,
    order_cancel,
    order_pay,
    order_place,
)
from courses.views.frame import learner_of, shop, suggestions_at, visitor_of
from courses.views.storefront import COUPON_SESSION_KEY
from partners.errors import CouponError

TEST_PROVIDER, FREE_PROVIDER = "test", "free"


@require_safe
@never_cache
def cart(request: HttpRequest) -> HttpResponse:
    """What is to be bought, by currency, because an order has one."""
    _merge(request)
    items = list(cart_items(user=learner_of(request), visitor_key=visitor_of(request)))
    shown = {card.course.pk: card for card in cards([item.course for item in items])}
    groups = []
    by_currency = sorted(items, key=lambda item: item.course.currency)
    for currency, some in groupby(by_currency, key=lambda item: item.course.currency):
        courses = [item.course for item in some]
        groups.append(
            {
                "currency": currency,
                "cards": [shown[course.pk] for course in courses],
                "total": sum(course.price_minor for course in courses),
            }
        )
    return shop(
        request, "courses/cart.html", {"groups": groups, "several": len(groups) > 1, "private": True}, place="cart"
    )


@require_POST
def add(request: HttpRequest, course_id: int) -> HttpResponse:
    """Put a course into the cart; `buy` goes on to the checkout."""
    key = visitor_of(request, make=True)
    assert key is not None
    try:
        cart_add(visitor_key=key, user=learner_of(request), course_id=course_id)
    except AlreadyOwnedError as refusal:
        messages.info(request, str(refusal))
        return redirect("courses:learn")
    except CoursesError as refusal:
        messages.error(request, str(refusal))
        return redirect("courses:catalogue")
    return redirect("courses:cart")


@require_POST
def remove(request: HttpRequest, course_id: int) -> HttpResponse:
    """Take a course out of the cart."""
    cart_remove(visitor_key=visitor_of(request), user=learner_of(request), course_id=course_id)
    return redirect("courses:cart")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
def checkout(request: HttpRequest) -> HttpResponse:
    """The cart's prices with a coupon; placing the order leads to its payment."""
    _merge(request)
    user = learner_of(request)
    assert user is not None
    currency = request.GET.get("currency", "")[:3]
    form = CouponForm(request.POST or {"coupon": request.session.get(COUPON_SESSION_KEY, "")})
    form.is_valid()
    code = form.cleaned_data.get("coupon", "")
    try:
        quote, refusal = _quoted(request, user, code, currency)
    except EmptyCartError:
        return redirect("courses:cart")
    except CoursesError as fault:
        messages.info(request, str(fault))
        return redirect("courses:cart")
    if refusal:
        form.add_error("coupon", refusal)
        request.session.pop(COUPON_SESSION_KEY, None)
    elif request.method == "POST":
        request.session[COUPON_SESSION_KEY] = code
        if "place" in request.POST:
            return _placed(request, user, code, currency)
    context = {"quote": quote, "form": form, "currency": currency, "is_free": not quote.total_minor, "private": True}
    return shop(request, "courses/checkout.html", context, place="cart")


@require_safe
@never_cache
@login_required
def order(request: HttpRequest, code: str) -> HttpResponse:
    """One of the learner's orders: to be paid, paid, or over."""
    mine = _order(request, code)
    context = {
        "order": mine,
        "waits": mine.state == OrderState.PLACED,
        "until": mine.placed_at + timedelta(hours=settings.ORDER_HOURS),
        "in_cart": mine.state == OrderState.CANCELLED and _lies_in_cart(request, mine),
        "refunds": refunds_shown(order=mine, visible_to=mine.buyer) if mine.buyer and mine.returned_minor else [],
        "test_payment": settings.TEST_PAYMENT,
        "suggestions_url": suggestions_at("/suggestions/bought/") if mine.state == OrderState.PAID else "",
        "private": True,
    }
    return shop(request, "courses/order.html", context)


@require_POST
@login_required
def pay(request: HttpRequest, code: str) -> HttpResponse:
    """Pay an order by the test payment: it moves no money, and exists where the installation says so."""
    if not settings.TEST_PAYMENT:
        raise Http404
    return _pay(request, _order(request, code), TEST_PROVIDER)


@require_POST
@login_required
def cancel(request: HttpRequest, code: str) -> HttpResponse:
    """Give up an order that waits for its payment."""
    try:
        order_cancel(order_id=_order(request, code).pk)
    except CoursesError as refusal:
        messages.error(request, str(refusal))
    return redirect("courses:order", code=code)


def _merge(request: HttpRequest) -> None:
    """Give the browser's cart to the person who signed in meanwhile."""
    user, key = learner_of(request), visitor_of(request)
    if user is not None and key is not None and CartItem.objects.filter(visitor_key=key, user=None).exists():
        cart_merge(user=user, visitor_key=key)


def _quoted(request: HttpRequest, user: User, code: str, currency: str) -> tuple[Quote, str]:
    asked: dict[str, Any] = {"visitor_key": visitor_of(request), "user": user, "currency": currency}
    try:
        return checkout_quote(**asked, coupon_code=code), ""
    except CouponError as refusal:
        return checkout_quote(**asked), str(refusal)


def _placed(request: HttpRequest, user: User, code: str, currency: str) -> HttpResponse:
    try:
        made = order_place(user=user, visitor_key=visitor_of(request), coupon_code=code, currency=currency)
    except (CoursesError, CouponError) as refusal:
        messages.error(request, str(refusal))
        return redirect("courses:cart")
    request.session.pop(COUPON_SESSION_KEY, None)
    if not made.total_minor:
        return _pay(request, made, FREE_PROVIDER)
    return redirect("courses:order", code=made.code)


def _pay(request: HttpRequest, mine: Order, provider: str) -> HttpResponse:
    try:
        order_pay(
            order_id=mine.pk,
            provider=provider,
            external_id=f"{provider}-{mine.code}",
            amount_minor=mine.total_minor,
            currency=mine.currency,
        )
    except CoursesError as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("Order %(code)s is paid. The course is yours.") % {"code": mine.code})
    return redirect(reverse("courses:order", args=[mine.code]))


def _lies_in_cart(request: HttpRequest, mine: Order) -> bool:
    """Whether anything of the order can still be bought from the cart."""
    mine_now = cart_items(user=learner_of(request), visitor_key=visitor_of(request))
    return mine_now.filter(course__in=mine.lines.values("course")).exists()


def _order(request: HttpRequest, code: str) -> Order:
    user = learner_of(request)
    mine = order_of(code=code, visible_to=user) if user else None
    if mine is None:
        raise Http404(_("There is no such order among yours."))
    return mine
