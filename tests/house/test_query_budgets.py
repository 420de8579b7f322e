"""List pages cost as many queries with many rows as with few, and no more than was agreed.

`UPDATE_QUERY_BUDGETS=1` writes what is measured into `query_budgets.json`.
"""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.rules import allows
from courses.services import cart_add, enrolment_give
from partners.models import Channel
from partners.services import adjustment_request, claim_file, coupon_create, link_create
from tests.factories import evidence
from tests.factories.courses import course
from tests.house import world as house
from tests.partners import desk

BUDGETS = Path(__file__).with_name("query_budgets.json")
PAGES = {
    "storefront home": ("", "/"),
    "catalogue": ("", "/courses/"),
    "course": ("", "/courses/harbour/"),
    "learn": ("lee", "/learn/"),
    "cart": ("lee", "/cart/"),
    "creator home": ("alice", "/creator/"),
    "creator lines, csv": ("alice", "/creator/earnings.csv"),
    "creator links": ("alice", "/creator/links/"),
    "creator agreements": ("alice", "/creator/agreements/"),
    "creator claims": ("alice", "/creator/claims/"),
    "creator payouts": ("alice", "/creator/payouts/"),
    "creator statements": ("alice", "/creator/statements/"),
    "marketing overview": ("marco", "/marketing/"),
    "marketing campaigns": ("marco", "/marketing/campaigns/"),
    "admin, today": ("finn", "/admin/"),
    "admin, open months": ("finn", "/admin/ledger/closedperiod/open/"),
}
"""List page -> who opens it, where."""


def desks() -> Iterator[tuple[str, str, str]]:
    """Every list of the admin with somebody who may open it."""
    for model in admin.site._registry:
        label = model._meta.label_lower
        reader = "olga" if allows("operator", "view", label) else "ada"
        yield f"admin {label}", reader, reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def costs(clients: dict[str, Client]) -> dict[str, list[str]]:
    """The statements of each page."""
    found = {}
    for name, reader, address in [*((name, *where) for name, where in PAGES.items()), *desks()]:
        clients[reader].get(address)  # content types, sessions and the like are kept from now on
        with CaptureQueriesContext(connection) as queries:
            assert clients[reader].get(address).status_code == 200, address
        found[name] = [row["sql"] for row in queries]
    return found


def more(world: house.World) -> None:
    """At least three more rows of what lists show."""
    cast, at = world.cast, timezone.now() - timedelta(days=2)
    shared = [
        course(f"Harbour {number}", creators=[cast.alice_party, cast.bob_party], slug=f"harbour-{number}")
        for number in range(4)
    ]
    channel = Channel.objects.get(owner=cast.alice_party)
    orders = []
    for number, of in enumerate(shared):
        house.terms(cast, of, [cast.alice_party, cast.bob_party], desk.THIRTY)
        link_create(channel=channel, owner=cast.alice_party, code=f"more{number}")
        coupon_create(code=f"MORE{number}", percent_bp=100, owner=cast.alice_party)
        key = evidence.visitor(at)
        evidence.touches(key, (channel.pk, at))
        evidence.spend(channel.pk, at, 100 + number)
        orders.append(house.order(f"MORE{number}", of, cast.mei, 10_000 + number, at, key))
        enrolment_give(user=cast.lee, course_id=of.pk)
        other = course(f"Shoal {number}", slug=f"shoal-{number}")
        cart_add(visitor_key=evidence.visitor(at, cast.lee), user=cast.lee, course_id=other.pk)
    house.paid(orders)
    for number in range(3):
        claim_file(party=cast.alice_party, order_code=f"MORE{number}", order_day=house.day(at), by=cast.alice)
        adjustment_request(
            key=f"more{number}", party=cast.bob_party, currency="CNY", amount_minor=5, reason="more", by=cast.mei
        )
    enrolment_give(user=cast.finn, course_id=shared[0].pk)
    house.learn(shared, [cast.finn, cast.ada, cast.marco])


def test_lists_keep_their_budgets_however_many_rows_there_are(world: house.World) -> None:
    names = {reader for _name, reader, _address in desks()} | {reader for reader, _address in PAGES.values()}
    clients = {name: world.cast.client_of(getattr(world.cast, name)) if name else Client() for name in names}
    cart_add(
        visitor_key=evidence.visitor(timezone.now(), world.cast.lee),
        user=world.cast.lee,
        course_id=course("First Shoal", slug="first-shoal").pk,
    )
    few = costs(clients)
    more(world)
    many = costs(clients)
    if os.environ.get("UPDATE_QUERY_BUDGETS") == "1":
        budgets = {name: max(len(few[name]), len(many[name])) for name in sorted(many)}
        BUDGETS.write_text(json.dumps(budgets, indent=2) + "\n", encoding="utf-8")
    budgets = json.loads(BUDGETS.read_text(encoding="utf-8"))
    faults = []
    for name, statements in many.items():
        budget = budgets.get(name)
        if budget is None:
            faults.append(f"{name} has no budget; UPDATE_QUERY_BUDGETS=1 writes it")
        elif len(statements) > budget:
            faults.append(f"{name}: {len(statements)} queries, the budget is {budget}\n  " + "\n  ".join(statements))
        if len(statements) > len(few[name]):
            extra = [sql for sql in statements if statements.count(sql) > few[name].count(sql)]
            faults.append(
                f"{name}: {len(few[name])} queries with few rows, {len(statements)} with many\n  " + "\n  ".join(extra)
            )
    assert not faults, "\n".join(faults)
    assert not set(budgets) - set(many), "query_budgets.json names pages that are gone"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_list_page_has_an_agreed_budget(name: str) -> None:
    assert json.loads(BUDGETS.read_text(encoding="utf-8"))[name] > 0
