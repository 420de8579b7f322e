"""List pages cost as many queries with many rows as with few, and no more than was agreed.

`UPDATE_QUERY_BUDGETS=1` writes what is measured into `query_budgets.json`.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.rules import allows
from tests.house import crowd
from tests.house import world as house

BUDGETS = Path(__file__).with_name("query_budgets.json")
PAGES = {
    "storefront home": ("", "/"),
    "catalogue": ("", "/courses/"),
    "course": ("", "/courses/harbour/"),
    "learn": ("lee", "/learn/"),
    "learning paths": ("lee", "/paths/"),
    "cart": ("lee", "/cart/"),
    "creator home": ("alice", "/creator/"),
    "creator lines, csv": ("alice", "/creator/earnings.csv"),
    "creator links": ("alice", "/creator/links/"),
    "creator agreements": ("alice", "/creator/agreements/"),
    "creator claims": ("alice", "/creator/claims/"),
    "creator messages": ("alice", "/creator/messages/"),
    "creator payouts": ("alice", "/creator/payouts/"),
    "creator statements": ("alice", "/creator/statements/"),
    "marketing overview": ("marco", "/marketing/"),
    "marketing campaigns": ("marco", "/marketing/campaigns/"),
    "marketing attribution": ("marco", "/marketing/attribution/"),
    "marketing journeys": ("marco", "/marketing/journeys/"),
    "marketing experiments": ("marco", "/marketing/experiments/"),
    "marketing cohorts": ("marco", "/marketing/cohorts/"),
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
        with CaptureQueriesContext(connection) as queries:
            assert clients[reader].get(address).status_code == 200, address
        found[name] = [row["sql"] for row in queries]
    return found


def sizes() -> dict[str, int]:
    """How many rows each list of the admin has."""
    return {model._meta.label_lower: model._default_manager.count() for model in admin.site._registry}


def warm(clients: dict[str, Client]) -> None:
    """Content types, sessions and the like are kept from now on."""
    ContentType.objects.get_for_models(*apps.get_models(include_auto_created=True), for_concrete_models=False)
    for client in clients.values():
        for _visit in range(2):  # the browser is recognised once after a login
            client.get("/")


def test_lists_keep_their_budgets_however_many_rows_there_are(world: house.World) -> None:
    names = {reader for _name, reader, _address in desks()} | {reader for reader, _address in PAGES.values()}
    clients = {name: world.cast.client_of(getattr(world.cast, name)) if name else Client() for name in names}
    warm(clients)
    few, before = costs(clients), sizes()
    crowd.grow(world, range(1, 4))
    many, after = costs(clients), sizes()
    still = {label for label in after if after[label] < before[label] + 3}
    assert still == crowd.STAND_STILL, "what does not grow cannot show that it costs a query for each row"
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
