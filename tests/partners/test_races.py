"""Races of the programme: shown to be real without the lock, and decided with it."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import connection

from accounts.models import Party
from accounts.scope import all_rows
from ledger.selectors import trial_balance
from partners.errors import AgreementError, CouponError
from partners.models import Agreement, AgreementVersion, Coupon, CouponRedemption, EarningDecision, Meter
from partners.services import (
    DraftTerms,
    agreement_create,
    agreement_party_add,
    coupon_create,
    coupon_redeem,
    earnings_settle,
    meters,  # its lock is taken away below
    settlement,
    version_accept,
    version_draft,
    version_propose,
    version_put_in_force,
)
from tests.ledger.together import together
from tests.partners import desk
from tests.partners.desk import PLACED, START

pytestmark = pytest.mark.race


def scoped(job: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        with all_rows():
            return job()

    return run


def unlocked(order: str) -> None:
    """What redeeming would be without the lock: count, wait for the others, then write."""
    coupon = Coupon.objects.get(code="LAST")
    if coupon.redemptions.count() >= 1:
        raise CouponError("used up", reason="used_up")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.5)")
    CouponRedemption.objects.create(coupon=coupon, source_kind="order", source_id=order)


def test_the_last_use_of_a_coupon_goes_to_one_order(committed_db: str) -> None:
    with all_rows():
        coupon_create(code="LAST", percent_bp=100, max_uses=1, starts_at=START)
    results = together(*[scoped(partial(unlocked, f"O-{i}")) for i in range(4)])
    assert results == [None] * 4, "without the lock the race is real: every order gets the last use"
    with all_rows():
        assert CouponRedemption.objects.count() == 4
        CouponRedemption.objects.all().delete()
    results = together(
        *[
            scoped(partial(coupon_redeem, code="last", source_kind="order", source_id=f"P-{i}", at=PLACED))
            for i in range(8)
        ]
    )
    assert sum(isinstance(result, CouponRedemption) for result in results) == 1
    assert sum(isinstance(result, CouponError) for result in results) == 7
    with all_rows():
        assert CouponRedemption.objects.count() == 1


def accepted_versions(count: int) -> list[AgreementVersion]:
    """Versions of one agreement, all accepted, all to hold from the start of the year."""
    alice = desk.party("alice")
    maker, _checker = desk.persons()
    agreement = agreement_create(code="a", title="A", owner=alice, scope_id="1")
    agreement_party_add(agreement=agreement, party=alice)
    versions = []
    for weight in range(1, count + 1):
        rule = {"steps": [desk.split(("party:alice", weight), ("platform:revenue", 1))]}
        draft = version_draft(agreement=agreement, rule=rule, terms=DraftTerms(effective_from=START), by=maker)
        version = version_propose(version=draft, by=maker)
        maker.is_staff = True
        version_accept(version=version, party=alice, user=maker, text_hash=version.text_hash, on_behalf=True)
        versions.append(version)
    return versions


def force_unlocked(version: AgreementVersion, approver: int) -> None:
    """What putting in force would be without lock and constraint: look, wait for the others, write."""
    taken = AgreementVersion.objects.filter(agreement=version.agreement_id, state="in_force").exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.5)")
        if not taken:
            cursor.execute(
                "UPDATE partners_agreementversion SET state = 'in_force', approved_by_id = %s WHERE id = %s",
                [approver, version.pk],
            )


def test_of_versions_put_in_force_at_once_one_holds(committed_db: str) -> None:
    with all_rows():
        versions = accepted_versions(4)
        _maker, checker = desk.persons()
    # Without the lock every one of them finds the range free; only the exclusion constraint stands in the way.
    raced = together(*[scoped(partial(force_unlocked, version, checker.pk)) for version in versions[:2]])
    assert sum(isinstance(result, Exception) and "do_not_overlap" in str(result) for result in raced) == 1
    with all_rows():
        first = AgreementVersion.objects.get(state="in_force")
        rest = [version for version in versions if version.pk != first.pk]
    results = together(*[scoped(partial(version_put_in_force, version=version, by=checker)) for version in rest])
    assert all(
        isinstance(result, AgreementError) and "in the range of another version" in str(result) for result in results
    )
    with all_rows():
        assert AgreementVersion.objects.filter(state="in_force").count() == 1


def test_an_order_settled_meanwhile_keeps_a_version_from_reaching_back_over_it(committed_db: str) -> None:
    with all_rows():
        (version,) = accepted_versions(1)
        _maker, checker = desk.persons()
        maker = Party.objects.get(code="alice").pk
    sale = desk.sale(lines=[desk.line(item_party_ids=[maker])])

    def settle() -> Any:
        with all_rows():
            done = earnings_settle(sales=[sale])
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(0.5)")
            return done

    def put_in_force() -> Any:
        with all_rows(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.2)")
            return version_put_in_force(version=version, by=checker)

    settled, forced = together(settle, put_in_force)
    assert settled[0].created
    # The version waits for the batch to end, finds what it settled without an agreement, and keeps off.
    assert isinstance(forced, AgreementError), forced
    with all_rows():
        decision = EarningDecision.objects.get(order_code="O-1")
        assert (decision.reason, decision.version) == ("not_in_force", None)
        assert not AgreementVersion.objects.filter(state="in_force").exists()


def test_eight_connections_settle_one_order_once(committed_db: str) -> None:
    with all_rows():
        alice, bob = desk.party("alice"), desk.party("bob")
        desk.agreement(parties=[alice, bob])
    results = together(*[scoped(lambda: earnings_settle(sales=[desk.sale()]))] * 8)
    assert all(isinstance(result, list) for result in results), results
    assert len({result[0].entry_id for result in results}) == 1
    with all_rows():
        assert EarningDecision.objects.count() == 2
        assert {row.code: row.amount for row in trial_balance(visible_to=None)}["party:alice"] == 5_600
        assert Agreement.objects.count() == 1


def test_two_orders_at_once_share_what_is_left_of_a_months_cap(
    committed_db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with all_rows():
        alice, reef = desk.party("alice"), desk.party("reef")
        steps = [desk.percent("channel", 1000, "base"), desk.split(("party:alice", 1))]
        desk.agreement(parties=[alice], steps=steps, caps=[{"per": "month", "minor": 1_500, "currency": "CNY"}])
        by = {"last_touch": [desk.credit(desk.channel("reef", reef), 1_000_000)]}
        earnings_settle(sales=[desk.sale("O-0", lines=[desk.line(1, price=1_000)], credits=by)])

    def settle(number: int, seconds: float) -> Any:
        with all_rows(), connection.cursor() as cursor:
            done = earnings_settle(sales=[desk.sale(f"O-{number}", lines=[desk.line(number + 1)], credits=by)])
            cursor.execute("SELECT pg_sleep(%s)", [seconds])
            return done

    def earned(*orders: str) -> int:
        with all_rows():
            rows = EarningDecision.objects.filter(party=reef, order_code__in=orders)
            return sum(row.amount_minor for row in rows)

    both = threading.Barrier(2, timeout=60)

    def read_and_meet(**asked: Any) -> Any:
        found = meters.meters_lock(**asked)
        both.wait()
        return found

    with monkeypatch.context() as without:
        without.setattr(meters, "LOCK", "")
        without.setattr(settlement, "meters_lock", read_and_meet)
        together(partial(settle, 1, 0), partial(settle, 2, 0))
    assert earned("O-0", "O-1", "O-2") == 2_100, "without the lock the race is real: both find the same room"
    with all_rows():
        Meter.objects.filter(kind="cap").update(amount=1_100)
    together(*[partial(settle, number, 0.1) for number in range(3, 7)])
    assert earned("O-3", "O-4", "O-5", "O-6") == 400
