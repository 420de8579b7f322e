"""Corrections: a version bound to its orders, signed by all who lose or win by it, booked once by the difference."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from ledger.selectors import proofs
from partners.errors import AgreementError
from partners.models import AgreementVersion, BoundOrder, EarningDecision
from partners.selectors import correction_effect, version_before, version_consents
from partners.services import (
    DraftTerms,
    correction_apply,
    correction_draft,
    earnings_settle,
    version_accept,
    version_propose,
    version_put_in_force,
    version_redraft,
)
from tests.cast import Cast
from tests.partners import desk
from tests.partners.desk import PLACED
from tests.partners.stage import books

pytestmark = pytest.mark.usefixtures("everything")

TO_ALICE = {"steps": [desk.percent("platform:revenue", 3000), desk.split(("party:alice", 1))]}
TERMS = DraftTerms(effective_from=PLACED + timedelta(days=99))


class Shop:
    """Alice shares 70 : 30 with bob after the platform's 30 %; three orders are settled, one of two courses."""

    def __init__(self, cast: Cast) -> None:
        cast.alice, cast.bob  # noqa: B018 - take their seats
        self.cast = cast
        steps = [desk.percent("platform:revenue", 3000), desk.split(("party:alice", 70), ("party:bob", 30))]
        self.version = desk.agreement(parties=[cast.alice_party, cast.bob_party], steps=steps)
        desk.agreement(scope_id="2", parties=[cast.carol_party], steps=[desk.split(("party:carol", 1))])
        earnings_settle(
            sales=[
                desk.sale("K-1", lines=[desk.line(1)]),
                desk.sale("K-2", lines=[desk.line(2), desk.line(3, "2")], placed_at=PLACED + timedelta(days=1)),
                desk.sale("K-3", lines=[desk.line(4)]),
            ]
        )

    def draft(self, *orders: str, rule: Any = TO_ALICE) -> AgreementVersion:
        return correction_draft(
            agreement=self.version.agreement, rule=rule, terms=TERMS, order_codes=orders, by=self.cast.mei
        )

    def forced(self, version: AgreementVersion) -> AgreementVersion:
        version = version_propose(version=version, by=self.cast.mei)
        for party, user in ((self.cast.alice_party, self.cast.alice), (self.cast.bob_party, self.cast.bob)):
            version_accept(version=version, party=party, user=user, text_hash=version.text_hash)
        return version_put_in_force(version=version, by=self.cast.finn)


@pytest.fixture
def shop(cast: Cast) -> Shop:
    return Shop(cast)


def corrected() -> list[tuple[str, str, int]]:
    rows = EarningDecision.objects.filter(reason="corrected").order_by("order_code", "party__code")
    return list(rows.values_list("order_code", "party__code", "amount_minor"))


def test_a_correction_is_bound_to_its_orders_and_outside_the_ranges(shop: Shop) -> None:
    version = shop.draft("K-2", "K-1", "K-2")
    assert (version.kind, version.effective.lower, version_before(version)) == ("correction", PLACED, shop.version)
    assert [row.order_code for row in version.orders.order_by("order_code")] == ["K-1", "K-2"]
    assert [row.party.code for row in version_consents(version)] == ["alice", "bob"]
    version = version_propose(version=version, by=shop.cast.mei)
    assert "corrects what these orders were settled under, and holds for no other: K-1, K-2." in version.text
    assert "更正以下订单的结算依据，不适用于其他订单：K-1、K-2。" in version.text_zh


def test_it_is_previewed_then_booked_once_by_the_difference(shop: Shop) -> None:
    version = shop.draft("K-1", "K-2")
    effect = correction_effect(version=version)
    told = [(row.party.code if row.party else "", row.before_minor, row.change_minor) for row in effect.parties]
    assert told == [("alice", 9_800, 4_200), ("bob", 4_200, -4_200)]
    assert effect.refused == ()
    before = books()
    with pytest.raises(AgreementError, match="put in force can be booked"):
        correction_apply(version=version, by=shop.cast.finn)
    version = shop.forced(version)
    assert correction_apply(version=version, by=shop.cast.finn) == 2
    assert corrected() == [
        ("K-1", "alice", 2_100),
        ("K-1", "bob", -2_100),
        ("K-2", "alice", 2_100),
        ("K-2", "bob", -2_100),
    ]
    after = books()
    assert {code: after.get(code, 0) - before.get(code, 0) for code in before | after} == {
        **dict.fromkeys(before, 0),
        "party:alice": 4_200,
        "party:bob": -4_200,
    }
    assert correction_apply(version=version, by=shop.cast.finn) == 0
    assert books() == after
    assert [row.change_minor for row in correction_effect(version=version).parties] == []
    shop.version.refresh_from_db()
    assert (shop.version.state, shop.version.effective.upper) == ("in_force", None)


def test_proofs_hold_over_corrected_orders(shop: Shop) -> None:
    from django.db import connection

    correction_apply(version=shop.forced(shop.draft("K-1", "K-2")), by=shop.cast.finn)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for proof in proofs():
            cursor.execute(proof.sql)
            assert not cursor.fetchall(), proof.code


def test_orders_that_are_not_the_agreements_are_named(shop: Shop) -> None:
    for orders, says in (
        ((), "names the orders"),
        (("K-1", "X-9", "X-8"), r"not settled under this agreement: X-9, X-8"),
    ):
        with pytest.raises(AgreementError, match=says):
            shop.draft(*orders)
    assert not BoundOrder.objects.exists()


def test_who_loses_by_a_correction_must_accept_it_too(shop: Shop) -> None:
    version = version_propose(version=shop.draft("K-1"), by=shop.cast.mei)
    said: dict[str, Any] = {"version": version, "text_hash": version.text_hash}
    version_accept(**said, party=shop.cast.alice_party, user=shop.cast.alice)
    version.refresh_from_db()
    assert version.state == "proposed"
    version_accept(**said, party=shop.cast.bob_party, user=shop.cast.bob)
    version.refresh_from_db()
    assert version.state == "accepted"


def test_a_draft_changes_its_orders_and_a_proposal_does_not(
    shop: Shop, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    version = version_redraft(
        version=shop.draft("K-1"), rule=TO_ALICE, terms=TERMS, by=shop.cast.mei, order_codes=["K-2"]
    )
    assert [row.order_code for row in version.orders.all()] == ["K-2"]
    assert version.effective.lower == PLACED + timedelta(days=1)
    version = version_propose(version=version, by=shop.cast.mei)
    for verb in (version.orders.all().delete, lambda: version.orders.create(order_code="K-3")):
        with pytest.raises(IntegrityError, match="fixed once it is proposed"), transaction.atomic():
            verb()
    with as_parties(shop.cast.bob_party):
        assert BoundOrder.objects.count() == 1
    with as_parties(shop.cast.carol_party):
        assert not BoundOrder.objects.exists()


def test_the_database_lets_no_correction_be_proposed_without_orders(shop: Shop) -> None:
    version = shop.draft("K-1")
    version.orders.all().delete()
    with pytest.raises(IntegrityError, match="corrects no order"), transaction.atomic():
        AgreementVersion.objects.filter(pk=version.pk).update(state="proposed", text_hash="x")
