"""The admin's first page: what waits for whom, how the money stands, whether the books hold."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.core.cache import cache
from django.utils import timezone

from accounts.models import User
from accounts.services import payout_details_set
from courses.services import PaidLine, PaidOrder, orders_record
from ledger.models import Verification
from ledger.selectors import OrderKey, RunTerms
from ledger.services import PayoutTerms, adjustment_book, hold_place, payout_book, rate_set, run_prepare, run_submit
from partners.choices import ClaimReason
from partners.models import Claim
from partners.services import (
    ClaimEvidence,
    adjustment_request,
    advance_prepare,
    claim_appeal,
    claim_file,
    claim_gathered,
    claim_refuse,
    guarantee_propose,
)
from portal.today.money import money_now
from portal.today.queues import queues_of
from portal.today.state import state_of
from tests.cast import Cast
from tests.factories.courses import course

pytestmark = pytest.mark.usefixtures("everything")


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """Figures are kept for a minute, and longer than a test's rows."""
    cache.clear()


def waits(reader: User) -> dict[str, tuple[int, bool]]:
    """Title -> (how many, whether the reader can act)."""
    return {str(queue.title): (queue.count, queue.yours) for queue in queues_of(reader)}


def bonus(cast: Cast, minor: int, *, days_ago: float = 1, source: str = "1", currency: str = "CNY") -> None:
    adjustment_book(
        party=cast.alice_party.code, currency=currency, amount=minor, reason="bonus", source=OrderKey("adj", source),
        at=timezone.now() - timedelta(days=days_ago),
    )  # fmt: skip


def payable(cast: Cast) -> None:
    """Alice has something to be paid, and said where."""
    bonus(cast, 5_000)
    payout_details_set(
        party=cast.alice_party, method="bank", holder="Alice", institution="Harbour Bank", reference="6222 0001",
        by=cast.alice,
    )  # fmt: skip


def bought(code: str, minor: int, currency: str, at: datetime) -> None:
    line = PaidLine(course_id=course("Harbour", slug=code.lower()).pk, list_minor=minor)
    orders_record(
        orders=[PaidOrder(provider="test", external_id=code, code=code, currency=currency, lines=[line], placed_at=at)]
    )


def test_a_decision_waits_for_who_may_take_it_and_not_for_who_prepared_it(cast: Cast) -> None:
    payable(cast)
    run = run_prepare(terms=RunTerms("CNY", timezone.now()), by=cast.finn)
    advance_prepare(
        party=cast.alice_party, currency="CNY", amount_minor=900, recoup_bp=5_000, reason="next course", by=cast.mei
    )
    hold_place(party=cast.bob_party, reason="under review", by=cast.mei)
    assert waits(cast.finn) == {"Advances to be paid": (1, True), "Payouts on hold": (1, True)}
    assert waits(cast.mei) == {"Advances to be paid": (1, False), "Payouts on hold": (1, True)}
    assert waits(cast.marco) == {}
    assert run.state == "draft"


def test_a_run_that_i_submitted_is_a_second_persons(cast: Cast) -> None:
    payable(cast)
    run = run_prepare(terms=RunTerms("CNY", timezone.now()), by=cast.finn)
    run_submit(run_id=run.pk, by=cast.finn)
    mine = next(queue for queue in queues_of(cast.finn) if str(queue.title) == "Payout runs to be approved")
    assert (mine.count, mine.own, mine.yours, [str(role) for role in mine.roles]) == (1, 1, False, ["Finance"])
    page = cast.client_of(cast.finn).get("/admin/").content.decode()
    assert "A second person's: you prepared it" in page


def test_a_proposed_guarantee_waits_until_it_counts(cast: Cast) -> None:
    guarantee_propose(
        party=cast.alice_party, currency="CNY", monthly_minor=100, since=timezone.localdate().replace(day=1),
        until=None, note="", by=cast.mei,
    )  # fmt: skip
    assert waits(cast.finn) == {"Guarantees to be approved": (1, True)}


def test_claims_wait_with_their_clock_and_an_appeal_for_another_person(cast: Cast) -> None:
    claim = claim_file(
        party=cast.alice_party, order_code="O-1", order_day=timezone.localdate() - timedelta(days=1), by=cast.alice
    )
    claim_gathered(claim_id=claim.pk, round_number=1, evidence=ClaimEvidence())
    assert waits(cast.mei) == {"Claims to be decided": (1, True)}
    Claim.objects.filter(pk=claim.pk).update(due_at=timezone.now() + timedelta(days=1))
    assert "Claims due within two days" in waits(cast.mei)
    Claim.objects.filter(pk=claim.pk).update(due_at=timezone.now())
    assert waits(cast.mei) == {"Claims overdue": (1, True), "Claims to be decided": (1, True)}
    claim_refuse(claim_id=claim.pk, reason=ClaimReason.NO_SUCH_ORDER, answer="None.", by=cast.mei)
    claim_appeal(claim_id=claim.pk, by=cast.alice, note="Again.")
    assert waits(cast.mei) == {"Appeals to be decided": (1, False)}
    assert waits(cast.finn) == {"Appeals to be decided": (1, True)}


def test_an_adjustment_waits_for_a_second_person(cast: Cast) -> None:
    adjustment_request(
        key="k", party=cast.alice_party, currency="CNY", amount_minor=100, reason="Goodwill", by=cast.finn
    )
    assert waits(cast.finn) == {"Adjustments to be approved": (1, False)}
    assert waits(cast.ada) == {"Adjustments to be approved": (1, False)}


def test_the_page_teaches_where_nothing_waits(cast: Cast) -> None:
    page = cast.client_of(cast.finn).get("/admin/").content.decode()
    assert "Nothing waits for you" in page
    assert "The books were never verified" in page
    assert "No sale in sixty days" in page
    assert page.count('id="g-mine"') == 1  # what drawings are filled with


def test_figures_are_for_readers_of_the_books_alone(cast: Cast) -> None:
    bonus(cast, 7_654_321)
    assert "76,543.21" in re.sub(r"<[^>]+>", "", cast.client_of(cast.finn).get("/admin/").content.decode())
    for other in (cast.marco, cast.olga):
        assert money_now(other) is None
        assert "76,543.21" not in re.sub(r"<[^>]+>", "", cast.client_of(other).get("/admin/").content.decode())


def test_what_parties_have_is_told_by_currency_and_debts_are_not_taken_off(cast: Cast) -> None:
    bonus(cast, 5_000)
    bonus(cast, 700, source="2", currency="EUR")
    adjustment_book(
        party=cast.bob_party.code, currency="CNY", amount=-300, reason="paid twice", source=OrderKey("adj", "3"),
        at=timezone.now(),
    )  # fmt: skip
    found = money_now(cast.finn)
    assert found is not None
    assert (found.standing.available, found.standing.below) == (5_000, -300)
    assert [(row.currency, row.available) for row in found.beside] == [("EUR", 700)]


def test_sales_stand_at_their_days_rate_beside_the_days_before(cast: Cast) -> None:
    now = timezone.now().astimezone(UTC)
    rate_set(base="USD", quote="CNY", day=(now - timedelta(days=50)).date(), rate=Decimal(7), source="test")
    bought("NOWCNY", 10_000, "CNY", now - timedelta(days=2))
    bought("NOWUSD", 100, "USD", now - timedelta(days=2))
    bought("NOWEUR", 999, "EUR", now - timedelta(days=2))
    bought("BEFORE", 400, "CNY", now - timedelta(days=32))
    found = money_now(cast.finn)
    assert found is not None
    assert (found.sold, found.sold_before, found.orders, found.unrated) == (10_700, 400, 3, 1)
    assert sorted((point["value"], point["before"]) for point in found.points if point["value"] or point["before"]) == [
        (10_700, 400)
    ]


def test_payouts_are_no_earnings(cast: Cast) -> None:
    bonus(cast, 2_000, days_ago=40)
    bonus(cast, 3_000, source="2")
    payout_book(
        party=cast.alice_party.code, currency="CNY", cut_off=timezone.now(), terms=PayoutTerms(),
        source=OrderKey("payout", "1"), at=timezone.now(),
    )  # fmt: skip
    found = money_now(cast.finn)
    assert found is not None
    assert [(row["amount"], row["change"]) for row in found.creators] == [(3_000, Fraction(1, 2))]


def test_a_failed_verification_is_seen_at_once(cast: Cast) -> None:
    Verification.objects.create(started_at=timezone.now(), proofs=33, entries=1, orders=1, failed=2, failures=[])
    assert ("failed", "2 proofs of the books do not hold.") in {(sign.mark, sign.words) for sign in state_of(cast.finn)}
    assert [sign.words for sign in state_of(cast.marco)] == ["No news waits to be handled."]
