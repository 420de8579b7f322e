"""Corrections: a version bound to its orders, signed by all who lose or win by it, booked once by the difference."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import translation

from ledger.errors import EventRejectedError
from ledger.selectors import proofs
from partners.errors import AgreementError, ReplayRefusedError, RuleRefusedError
from partners.models import AgreementVersion, BoundOrder, EarningDecision
from partners.selectors import correction_effect, rule_changes, version_before, version_consents
from partners.services import (
    DraftTerms,
    correction_apply,
    correction_draft,
    earnings_settle,
    replay_of_version,
    version_accept,
    version_draft,
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


def test_a_correction_says_of_everything_else_what_its_orders_were_settled_under(cast: Cast) -> None:
    """Nothing but the sharing is computed again, so no signed text may say that anything else was."""
    cast.alice  # noqa: B018 - takes her seat
    caps = [{"per": "order", "minor": 500, "currency": "CNY"}]
    steps = [desk.percent("channel", 1000, "base"), desk.split(("party:alice", 1))]
    version = desk.agreement(
        parties=[cast.alice_party], steps=steps, paying_model="linear", window_days=60, precedence="link", caps=caps,
        reserve_days=30,
    )  # fmt: skip
    earnings_settle(sales=[desk.sale("C-1", lines=[desk.line(1)])])
    terms = DraftTerms(effective_from=PLACED, paying_model="first_touch", window_days=7, reserve_days=9, hold_days=21)
    draft = correction_draft(
        agreement=version.agreement, rule={"steps": steps}, terms=terms, order_codes=["C-1"], by=cast.mei
    )
    told = ("paying_model", "window_days", "precedence", "caps", "reserve_days")
    assert [getattr(draft, name) for name in told] == [getattr(version, name) for name in told]
    assert draft.hold_days == draft.rule["hold_days"] == 21
    assert [change.path for change in rule_changes(draft, version_before(draft))] == ["hold_days"]
    unpaid = version_redraft(version=draft, rule=TO_ALICE, terms=terms, by=cast.mei, order_codes=["C-1"])
    assert (unpaid.caps, unpaid.window_days) == ([], 60)


def test_a_correction_asks_for_no_volume_that_its_orders_were_not_told(shop: Shop) -> None:
    scale = {"take": "tiered", "account": "platform:revenue", "mode": "cliff", "tiers": [{"upto": None, "bp": 100}]}
    rule = {"steps": [scale, desk.split(("party:alice", 1))]}
    with pytest.raises(
        RuleRefusedError, match=r"^steps\[0\] asks for the volume before the sale, which was not counted"
    ):
        shop.draft("K-1", rule=rule)
    tiered = desk.agreement(scope_id="3", parties=[shop.cast.alice_party], steps=rule["steps"])
    earnings_settle(sales=[desk.sale("T-1", lines=[desk.line(9, "3")])])
    draft = correction_draft(agreement=tiered.agreement, rule=rule, terms=TERMS, order_codes=["T-1"], by=shop.cast.mei)
    assert draft.state == "draft"


def test_orders_of_versions_that_differ_are_corrected_apart(shop: Shop) -> None:
    agreement, later = shop.version.agreement, PLACED + timedelta(days=30)
    rule = {"steps": shop.version.rule["steps"]}
    terms = DraftTerms(effective_from=later, window_days=14, self_purchase="allow")
    version = version_propose(
        version=version_draft(agreement=agreement, rule=rule, terms=terms, by=shop.cast.mei), by=shop.cast.mei
    )
    for party, user in ((shop.cast.alice_party, shop.cast.alice), (shop.cast.bob_party, shop.cast.bob)):
        version_accept(version=version, party=party, user=user, text_hash=version.text_hash)
    version_put_in_force(version=version, by=shop.cast.finn)
    earnings_settle(sales=[desk.sale("K-9", lines=[desk.line(9)], placed_at=later)])
    with pytest.raises(AgreementError, match="differ in look-back in days, own purchase, which a correction leaves"):
        shop.draft("K-1", "K-9")
    assert shop.draft("K-9").window_days == 14


def test_an_order_that_cannot_be_corrected_says_why_in_the_readers_language(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = shop.forced(shop.draft("K-1"))

    def refuse(**_asked: Any) -> None:
        raise EventRejectedError("dispute_open")

    monkeypatch.setattr("partners.selectors.corrections.event_effect", refuse)
    monkeypatch.setattr("partners.services.corrections.earnings_event", refuse)
    for language, why in (("en", "the order is in dispute"), ("zh-hans", "订单正在争议中")):
        with translation.override(language):
            assert correction_effect(version=version).refused == (("K-1", why),)
            with pytest.raises(AgreementError, match=why):
                correction_apply(version=version, by=shop.cast.finn)


def test_no_what_if_is_asked_of_a_correction_whose_orders_are_its_own(shop: Shop) -> None:
    with pytest.raises(ReplayRefusedError, match="about its own orders alone"):
        replay_of_version(version=shop.draft("K-1"), since=PLACED.date(), until=PLACED.date(), by=shop.cast.mei)
