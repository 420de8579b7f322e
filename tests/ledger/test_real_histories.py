"""Random histories through the real ledger: what is booked is what the second engine says, and every proof holds."""

import json
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given, settings

from accounts.scope import all_rows
from ledger.services.rehearsal import _Stage
from ledger.splits.reading import Reader
from tests.examples import examples
from tests.ledger.splits.desk import raw_rule, split
from tests.ledger.splits.model import Model
from tests.ledger.splits.test_histories import histories
from tests.ledger.stage import violations

pytestmark = pytest.mark.usefixtures("everything")

UNNAMED = {"I18-actor"}
"""A rehearsal has no person at the desk."""


@settings(max_examples=examples(24))
@given(histories())
def test_every_history_is_booked_as_the_second_engine_says(
    case: tuple[list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    versions, events = case
    model = Model(versions)
    expected: list[Any] = []
    for event in events:
        if event["type"] == "sale" and event["order"] in model.orders:
            expected.append("duplicate_order")
        else:
            expected.append(model.apply(event))
    with transaction.atomic(), all_rows():
        stage = _Stage("history", Reader(json.loads(json.dumps({"rules": versions, "events": events}))))
        told = stage.run()["results"]
        found = {code: rows for code, rows in violations().items() if code not in UNNAMED}
        transaction.set_rollback(True)
    for result, wanted in zip(told, expected, strict=True):
        if isinstance(wanted, str):
            assert result == {"rejected": wanted}
        else:
            assert {(p["account"], p["currency"]): p["amount"] for p in result["postings"]} == wanted
    assert found == {}


def test_a_second_sale_of_an_order_is_told_so_even_where_its_day_has_no_rule() -> None:
    rule = raw_rule(split(alice=1))
    first = {"type": "sale", "order": "o1", "placed_at": "2026-02-02T00:00:00Z", "list_price": 100, "currency": "USD"}
    events = [first, {**first, "placed_at": "1999-01-01T00:00:00Z"}]
    with transaction.atomic(), all_rows():
        told = _Stage("twice", Reader({"rules": [rule], "events": events})).run()["results"]
        transaction.set_rollback(True)
    assert told[1] == {"rejected": "duplicate_order"}
