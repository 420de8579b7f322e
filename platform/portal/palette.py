"""What the command palette finds: pages, actions, courses, orders, partners, each by the reader's own rights."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from accounts.models import Party, User
from accounts.rules import may, may_enter
from courses.models import Order
from courses.selectors import on_sale
from portal.sidebar import navigation

MOST = 6
"""Entries of one kind that are shown; who types on finds the rest."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the palette."""

    label: str
    url: str
    icon: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of one kind."""

    title: str
    entries: list[Entry]


def find(request: HttpRequest, query: str) -> list[Group]:
    """Groups that have something for the query, or the reader's main pages where nothing is asked."""
    text = " ".join(query.split())[:80]
    user = request.user if isinstance(request.user, User) else None
    if not text:
        return _kept(
            [Group(pgettext("palette", "Pages"), list(_pages(user))), Group(_("Actions"), list(_actions(user)))]
        )
    return _kept(
        [
            Group(pgettext("palette", "Pages"), _fitting((*_pages(user), *_desks(request, user)), text)),
            Group(_("Actions"), _fitting(_actions(user), text)),
            Group(_("Courses"), _courses(text)),
            Group(_("Orders"), _orders(user, text)),
            Group(_("Partners"), _partners(user, text)),
        ]
    )


def _kept(groups: list[Group]) -> list[Group]:
    return [group for group in groups if group.entries]


def _fitting(entries: Iterable[Entry], text: str) -> list[Entry]:
    wanted = text.casefold()
    return [entry for entry in entries if wanted in f"{entry.label} {entry.note}".casefold()][:MOST]


def _pages(user: User | None) -> Iterator[Entry]:
    yield Entry(_("Courses"), reverse("courses:catalogue"), "book")
    yield Entry(_("Cart"), reverse("courses:cart"), "cart")
    if user is None:
        yield Entry(_("Log in"), reverse("account_login"), "user")
        return
    yield Entry(_("My learning"), reverse("courses:learn"), "notebook")
    if may_enter(user, "creator"):
        room = _("Creator")
        yield Entry(_("Earnings"), reverse("partners:home"), "coins", room)
        yield Entry(_("Links"), reverse("partners:links"), "link", room)
        yield Entry(_("Agreements"), reverse("partners:agreements"), "agreement", room)
        yield Entry(_("Claims"), reverse("partners:claims"), "message", room)
    if may_enter(user, "marketing"):
        room = _("Marketing")
        yield Entry(_("Overview"), reverse("analytics:overview"), "chart", room)
        yield Entry(_("Campaigns"), reverse("analytics:campaigns"), "megaphone", room)
    if may_enter(user, "admin"):
        yield Entry(_("Today"), reverse("admin:index"), "home", _("Back office"))
    yield Entry(_("Account"), reverse("accounts:you"), "user")
    yield Entry(_("Sign-in security"), reverse("mfa_index"), "shield-check")


def _desks(request: HttpRequest, user: User | None) -> Iterator[Entry]:
    """Lists of the back office, as its sidebar names them."""
    if user is None or not may_enter(user, "admin"):
        return
    for group in navigation(request):
        room = str(group["title"])
        for item in group["items"] if room else ():
            yield Entry(str(item["title"]), str(item["link"]), "table", room)


def _actions(user: User | None) -> Iterator[Entry]:
    rows: tuple[tuple[str, str, str], ...] = (
        (_("Create a tracking link"), "partners.trackinglink", "link"),
        (_("Create a coupon"), "partners.coupon", "tag"),
        (_("Draft an agreement version"), "partners.agreementversion", "agreement"),
        (_("Adjust a balance"), "partners.adjustment", "coins"),
        (_("Enter spend"), "analytics.spend", "coins"),
        (_("Enter an exchange rate"), "ledger.fxrate", "bank"),
        (_("Write a channel rule"), "analytics.channelrule", "streams"),
    )
    for label, model, icon in rows:
        if user is not None and may_enter(user, "admin") and may(user, "add", model):
            yield Entry(label, reverse(f"admin:{model.replace('.', '_')}_add"), icon)


def _courses(text: str) -> list[Entry]:
    found = on_sale().filter(Q(title__icontains=text) | Q(title_zh__icontains=text)).order_by("title", "pk")[:MOST]
    return [Entry(course.local_title, reverse("courses:course", args=[course.slug]), "book") for course in found]


def _orders(user: User | None, text: str) -> list[Entry]:
    """By the beginning of the code: any order for staff who may read them, else one's own."""
    if user is None or len(text) < 3:
        return []
    found = Order.objects.filter(
        Q(code__startswith=text) | Q(code__startswith=text.upper()) | Q(code__startswith=text.lower())
    )
    desk = may_enter(user, "admin") and may(user, "view", "courses.order")
    if not desk:
        found = found.filter(buyer=user)
    return [
        Entry(order.code, _order_url(order, desk=desk), "receipt", _state(order))
        for order in found.order_by("-pk")[:MOST]
    ]


def _order_url(order: Order, *, desk: bool) -> str:
    return (
        reverse("admin:courses_order_change", args=[order.pk]) if desk else reverse("courses:order", args=[order.code])
    )


def _state(order: Order) -> str:
    return str(order.get_state_display())


def _partners(user: User | None, text: str) -> list[Entry]:
    if user is None or not may_enter(user, "admin") or not may(user, "view", "accounts.party"):
        return []
    named = Q(name__icontains=text) | Q(name_zh__icontains=text) | Q(code__startswith=text.lower())
    found: Any = Party.objects.filter(named).order_by("name", "pk")[:MOST]
    return [
        Entry(str(party), reverse("admin:accounts_party_change", args=[party.pk]), "handshake", party.code)
        for party in found
    ]
