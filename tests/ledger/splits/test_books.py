"""The state machine's frame: versions by instant, ids that count once, events that make no sense."""

from typing import Any

import pytest

from ledger.splits.books import HANDLERS, Books
from ledger.splits.problems import REJECTIONS, EventError, RejectedError
from ledger.splits.sale import Posting
from tests.ledger.splits.desk import ALICE_REST, PLATFORM_30, Desk, rule, split


def test_a_sale_uses_the_version_in_force_at_its_instant_for_good() -> None:
    later = rule({**PLATFORM_30, "bp": 2000}, ALICE_REST, version=2, effective_from="2026-11-11T00:00:00+08:00")
    desk = Desk(later, rule(effective_from="2026-01-01T00:00:00+08:00"))
    assert desk.sale(1000, placed_at="2026-11-10T23:59:59.999999+08:00")["platform:revenue"] == 300
    assert desk.sale(1000, order="o2", placed_at="2026-11-10T16:00:00Z")["platform:revenue"] == 200
    assert desk.post("refund", amount=1000)["platform:revenue"] == -300
    event = {"order": "o0", "placed_at": "2025-12-31T15:59:59Z", "currency": "USD", "list_price": 1}
    assert desk.reject("sale", **event) == "no_rule"
    assert desk.reject("refund", order="o0", amount=1) == "unknown_order"


def test_a_sale_no_variant_is_for_is_refused_like_one_without_a_rule() -> None:
    desk = Desk(rule(variants=[{"when": {"kind": "a"}, "steps": [ALICE_REST]}]))
    event = {"order": "o1", "placed_at": "2026-03-01T00:00:00Z", "currency": "USD", "list_price": 1}
    assert desk.reject("sale", **event) == "no_rule"
    assert desk.post("sale", **event, kind="a")["party:alice"] == 1


def test_an_order_is_sold_once() -> None:
    desk = Desk()
    desk.sale(1000)
    event = {"order": "o1", "placed_at": "2026-03-01T00:00:00Z", "currency": "USD", "list_price": 1}
    assert desk.reject("sale", **event) == "duplicate_order"


def test_the_same_event_id_has_no_effect_again() -> None:
    desk = Desk()
    desk.sale(1000, event_id="s")
    desk.post("refund", amount=100, event_id="re_1")
    before = desk.balances()
    again = desk.apply("refund", order="o1", amount=100, event_id="re_1")
    assert again.repeated
    assert (again.postings, again.rejected, again.details) == ((), "", ())
    assert desk.balances() == before
    desk.post("refund", amount=100, event_id="re_2")
    desk.post("refund", amount=100)
    desk.post("refund", amount=100)


def test_the_same_event_id_with_another_body_is_refused() -> None:
    desk = Desk()
    desk.sale(1000)
    desk.post("refund", amount=100, event_id="re_1")
    assert desk.reject("refund", order="o1", amount=101, event_id="re_1") == "idempotency_conflict"
    assert desk.reject("void", order="o1", event_id="re_1") == "idempotency_conflict"
    assert desk.reject("refund", order="o1", amount=100, event_id="re_1", note=True) == "idempotency_conflict"


def test_the_order_of_fields_is_not_another_body() -> None:
    desk = Desk()
    desk.sale(1000)
    books = desk.books
    books.apply({"type": "refund", "order": "o1", "amount": 5, "event_id": "x"})
    assert books.apply({"event_id": "x", "amount": 5, "order": "o1", "type": "refund"}).repeated


def test_a_rejected_or_malformed_event_does_not_use_up_its_id() -> None:
    desk = Desk()
    refund = {"order": "o1", "amount": 100, "event_id": "re_1"}
    assert desk.reject("refund", **refund) == "unknown_order"
    with pytest.raises(EventError):
        desk.apply("refund", order="o1", amount="100", event_id="re_1")
    desk.sale(1000)
    assert desk.post("refund", **refund)["processor:clearing"] == 100


@pytest.mark.parametrize(
    ("event", "code", "path"),
    [
        ({}, "missing", "type"),
        ({"type": "gift"}, "unknown_event", "type"),
        ({"type": 5}, "not_text", "type"),
        ({"type": "void"}, "missing", "order"),
        ({"type": "void", "order": ""}, "not_text", "order"),
        ({"type": "refund", "order": "o1"}, "missing", "amount"),
        ({"type": "refund", "order": "o1", "amount": 1.0}, "not_integer", "amount"),
        ({"type": "refund", "order": "o1", "amount": True}, "not_integer", "amount"),
        ({"type": "refund", "order": "o1", "amount": 1, "settlement_amount": -1}, "too_small", "settlement_amount"),
        ({"type": "refund", "order": "o1", "amount": 1, "event_id": 7}, "not_text", "event_id"),
        ({"type": "refund_reversal", "order": "o1"}, "missing", "refund_index"),
        ({"type": "refund_reversal", "order": "o1", "refund_index": -1}, "too_small", "refund_index"),
        ({"type": "dispute_opened", "order": "o1", "amount": -1}, "too_small", "amount"),
        ({"type": "dispute_opened", "order": "o1", "amount": 1, "fee": -1}, "too_small", "fee"),
        ({"type": "sale", "order": "o2", "currency": "USD", "list_price": 1}, "missing", "placed_at"),
        (
            {"type": "sale", "order": "o2", "placed_at": "2026-03-01T12:00:00", "currency": "USD", "list_price": 1},
            "not_instant",
            "placed_at",
        ),
    ],
)
def test_a_malformed_event_names_its_field_and_changes_nothing(event: dict[str, Any], code: str, path: str) -> None:
    desk = Desk()
    desk.sale(1000)
    before = desk.balances()
    with pytest.raises(EventError) as caught:
        desk.books.apply(event)
    assert (caught.value.code, caught.value.path) == (code, path)
    assert desk.balances() == before


@pytest.mark.parametrize("event", [None, [], "sale", 3])
def test_an_event_is_an_object(event: Any) -> None:
    with pytest.raises(EventError) as caught:
        Desk().books.apply(event)
    assert (caught.value.code, str(caught.value)) == ("not_object", "the whole must be an object with named fields")


def test_balances_are_listed_by_account_without_zeros() -> None:
    desk = Desk(rule(split(bob=1)))
    desk.sale(10, currency="USD")
    desk.sale(10, order="o2", currency="EUR")
    desk.sale(5, order="o3", currency="JPY")
    desk.post("void", order="o3")
    assert desk.books.balances() == [
        Posting("party:bob", "EUR", 10),
        Posting("party:bob", "USD", 10),
        Posting("processor:clearing", "EUR", -10),
        Posting("processor:clearing", "USD", -10),
    ]


def test_books_without_rules_know_no_sale() -> None:
    event = {"type": "sale", "order": "o1", "placed_at": "2026-03-01T00:00:00Z", "currency": "USD", "list_price": 1}
    assert Books().apply(event).rejected == "no_rule"


def test_every_rejection_has_its_sentence_and_every_event_its_handler() -> None:
    for code in REJECTIONS:
        assert str(RejectedError(code)) == REJECTIONS[code]
    assert len(HANDLERS) == 13
