"""Every amount explains itself: all kinds of postings and lines, also those of nothing, in both languages."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation

from accounts.models import Party, User
from accounts.services import person_create, seat_give
from ledger.choices import EntryKind
from ledger.models import JournalEntry, Posting, Seal, Verification
from ledger.selectors import OrderKey
from ledger.services import (
    PayoutTerms,
    adjustment_book,
    advance_book,
    guarantee_book,
    payout_arrived,
    payout_book,
    payout_failed,
    pool_book,
    seal_take,
)
from partners.choices import EFFECTS, DecisionReason
from partners.models import EarningDecision
from partners.selectors import earning_explained
from partners.selectors.panel import Ways, panel_of
from partners.selectors.panel_words import zero_words
from partners.selectors.posting_explained import PostingExplained, effect_posting, posting_explained
from partners.services import earnings_event, earnings_settle, reserves_release
from tests.cast import Cast
from tests.partners import desk
from tests.partners.stage import Stage

pytestmark = pytest.mark.usefixtures("everything")

RULE = {"steps": desk.THIRTY, "reserve_bp": 1_000}
EVEN = {"steps": [desk.split(("party:alice", 50), ("party:bob", 50))]}


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 4, tzinfo=UTC)


def event(order: str, name: str, when: datetime, **told: Any) -> None:
    source = OrderKey("test", f"{order}-{name}-{when:%m%d}")
    earnings_event(order_code=order, event={"type": name, **told}, source=source, at=when)


@pytest.fixture
def year(stage: Stage) -> Stage:
    """Every kind of entry happens but the release of a reserve; a lost dispute books nothing more."""
    for number in range(1, 6):
        sale = stage.sale(f"O-{number}", {"reef": 1_000_000}, lines=[desk.line(number)], placed_at=at(3, number))
        earnings_settle(sales=[sale])
    event("O-1", "refund", at(3, 10), amount=2_500)
    event("O-1", "refund", at(3, 11), amount=2_501)
    event("O-1", "refund_reversal", at(3, 12), refund_index=0)
    event("O-2", "dispute_opened", at(3, 13), amount=10_000, fee=1_500)
    event("O-2", "dispute_won", at(3, 20), fee_returned=0)
    event("O-3", "dispute_opened", at(3, 14), amount=10_000)
    event("O-3", "dispute_lost", at(3, 21))
    event("O-4", "void", at(3, 15))
    rule = {"id": "r", "version": 2, "owner": "party:alice", "effective_from": "2026-01-01T00:00:00Z", **EVEN}
    event("O-5", "correct_rule", at(3, 16), rule=rule, line="L5")
    money: dict[str, Any] = {"party": "alice", "currency": "CNY"}
    advance_book(**money, amount=2_000, recoup_bp=5_000, source=OrderKey("advance", "1"), at=at(3, 22))
    earnings_settle(sales=[stage.sale("O-6", {"reef": 1_000_000}, lines=[desk.line(6)], placed_at=at(3, 23))])
    guarantee_book(
        **money, since=at(3, 1), until=at(4, 1), guarantee=90_000, source=OrderKey("guarantee", "1"), at=at(4, 1)
    )
    weights = [("party:alice", 2), ("party:bob", 1)]
    pool_book(currency="CNY", amount=1_001, creator_bp=5_000, weights=weights, source=OrderKey("p", "1"), at=at(4, 2))
    adjustment_book(**money, amount=700, reason="A bonus", source=OrderKey("adj", "1"), at=at(4, 3))
    for number, party in enumerate(("alice", "bob"), 1):
        paid = payout_book(
            party=party, currency="CNY", cut_off=at(4, 20), terms=PayoutTerms(increment=100, withholding_bp=1_000),
            source=OrderKey("item", str(number)), at=at(4, 20),
        )  # fmt: skip
        assert paid.payout_id is not None
        if party == "alice":
            payout_arrived(payout_id=paid.payout_id, at=at(4, 22))
        else:
            payout_failed(payout_id=paid.payout_id, at=at(4, 22), reason="Account closed")
    return stage


def seated(party: Party) -> User:
    user = person_create(
        email=f"{party.code}@cast.test", name=party.name, password="a quiet river at noon", verified=True
    )
    seat_give(user=user, party=party)
    return user


def told_of(kind: str, account: str = "party:alice") -> PostingExplained:
    row = Posting.objects.filter(entry__kind=kind, account__code=account).order_by("pk").first()
    assert row is not None, kind
    found = posting_explained(posting_id=row.pk, visible_to=None)
    assert found is not None
    return found


def page(client: Client, address: str, language: str) -> str:
    client.cookies["django_language"] = language
    response = client.get(address, headers={"HX-Request": "true"})
    assert response.status_code == 200
    return response.content.decode()


def test_every_posting_of_every_kind_is_computed_again_and_is_what_was_booked(year: Stage) -> None:
    assert set(JournalEntry.objects.values_list("kind", flat=True)) == set(EntryKind) - {"release", "dispute_lost"}
    assert reserves_release(at=at(12, 1)) == 0
    for row in Posting.objects.select_related("entry").order_by("pk"):
        found = posting_explained(posting_id=row.pk, visible_to=None)
        assert found is not None
        assert found.agrees, (row.entry.kind, found.account, found.computed, found.amount)


def test_a_released_reserve_is_computed_again_and_says_from_which_order(cast: Cast) -> None:
    stage = Stage(rule=RULE, reserve_days=60)
    earnings_settle(sales=[stage.sale("O-1")])
    line = EarningDecision.objects.get(party=stage.alice)
    kept = earning_explained(decision_id=line.pk, visible_to=None)
    assert kept is not None
    assert kept.arrivals is not None
    assert (kept.arrivals.free, kept.arrivals.reserved, kept.arrivals.released) == (5_040, 560, ())
    reserves_release(at=desk.PLACED + timedelta(days=60))
    for account, amount in (("party:alice", 560), ("party:alice:reserve", -560)):
        found = told_of("release", account)
        assert found.agrees
        assert found.amount == amount
        assert ("placed_at", "day", desk.PLACED, "") in found.facts
    freed = earning_explained(decision_id=line.pk, visible_to=None)
    assert freed is not None
    assert freed.arrivals is not None
    assert [amount for _at, amount in freed.arrivals.released] == [560]
    assert "is free and can be paid" in page(
        cast.client_of(seated(stage.alice)), f"/creator/postings/{told_of('release').posting_id}/", "en"
    )


def test_figures_lead_from_what_was_stored_to_the_amount(year: Stage) -> None:
    refund = told_of("refund")
    assert [(step.share, step.exact, step.already, step.amount) for step in refund.steps] == [
        (5_040, "12.60", 0, 1_260)
    ]
    again = told_of("refund_reversal")
    assert (again.amount, again.undoes) == (1_260, at(3, 10))
    assert told_of("dispute_won").undoes == at(3, 13)
    guarantee = told_of("guarantee")
    assert guarantee.formula.startswith("900.00 − ")
    assert guarantee.formula.endswith(f" = {guarantee.amount / 100:.2f}")
    assert told_of("pool").formula == "2/3 × 5.01 (50% × 10.01) = 3.34"
    assert told_of("adjustment").note == "A bonus"
    correction = {fact.code: fact.value for fact in told_of("correction").facts}
    assert (correction["settled_before"], correction["settled_after"]) == (5_040, 5_000)
    payout = {fact.code: fact.value for fact in told_of("payout").facts}
    assert payout["balance"] - payout["held"] == payout["available"]
    assert payout["paid"] == payout["available"] // 100 * 100
    assert told_of("payout_failed", "party:bob").note == "Account closed"


def test_an_exchanged_payout_is_told_in_the_currency_it_was_earned_in_and_says_its_rate(
    stage: Stage, cast: Cast
) -> None:
    earnings_settle(sales=[stage.sale("O-1")])
    terms = PayoutTerms(fx=("JPY", 112_000), quote=("20", date(2026, 3, 31), "the bank"))
    payout_book(party="alice", currency="CNY", cut_off=at(4, 1), terms=terms, source=OrderKey("item", "1"), at=at(4, 1))
    rows = list(Posting.objects.filter(entry__kind="payout").select_related("account").order_by("pk"))
    assert {row.account.code for row in rows} == {"party:alice", "fx:position", "payouts:in_transit"}
    for row in rows:
        found = posting_explained(posting_id=row.pk, visible_to=None)
        assert found is not None
        assert (found.agrees, found.told_in) == (True, "CNY")
        facts = {fact.code: (fact.value, fact.currency) for fact in found.facts}
        assert facts["balance"] == facts["paid"] == (5_600, "CNY")
        assert (facts["sent"], facts["exchange_rate"][0]) == ((112_000, "JPY"), "20 · 2026-03-31 · the bank")
        assert found.formula == "56.00 − 0.00 = 56.00"
    inside = page(cast.client_of(seated(stage.alice)), f"/creator/postings/{rows[0].pk}/", "zh-hans")
    assert "汇率" in inside
    assert "20 · 2026-03-31 · the bank" in inside


SENTENCES = {
    "refund": ("The learner got", "学员获得退款"),
    "void": ("The order was voided", "订单已作废"),
    "refund_reversal": ("the exact opposite of what it had booked", "与当时的入账正好相反"),
    "dispute": ("while the payment is in dispute", "付款有争议"),
    "dispute_won": ("was won", "已胜诉"),
    "correction": ("Only the difference is booked", "只入账差额"),
    "advance": ("An advance of", "已支付预付款"),
    "guarantee": ("was guaranteed", "保底"),
    "pool": ("shared by weight", "按权重分得"),
    "payout": ("What was available at the cut-off", "支付截止时可结算"),
    "adjustment": ("Booked by hand", "人工入账"),
}


def test_every_kind_says_what_it_is_in_both_languages(year: Stage, cast: Cast) -> None:
    client = cast.client_of(seated(year.alice))
    for kind, sentences in SENTENCES.items():
        account = "party:alice:advance" if kind == "advance" else "party:alice"
        address = f"/creator/postings/{told_of(kind, account).posting_id}/?party=alice"
        for language, sentence in zip(("en", "zh-hans"), sentences, strict=True):
            inside = page(client, address, language)
            assert sentence in inside, (kind, language)
    bob = cast.client_of(seated(year.bob))
    failed = told_of("payout_failed", "party:bob")
    assert "came back. The money can be paid again." in page(bob, f"/creator/postings/{failed.posting_id}/", "en")


def test_the_parts_of_a_sale_are_told_by_the_line_they_belong_to(year: Stage, cast: Cast) -> None:
    client = cast.client_of(seated(year.alice))
    repaid = Posting.objects.get(entry__kind="sale", account__code="party:alice", amount__lt=0)
    inside = page(client, f"/creator/postings/{repaid.pk}/", "en")
    assert "Paid back on the advance" in inside
    assert "pays back your advance" in inside
    assert "The split, step by step" in inside
    assert "O-6" in inside


def test_a_party_that_came_in_by_a_correction_alone_reads_the_correction(stage: Stage, cast: Cast) -> None:
    earnings_settle(sales=[stage.sale("O-1")])
    line = EarningDecision.objects.filter(order_code="O-1").first()
    assert line is not None
    rule = {"id": "r", "version": 2, "owner": "party:alice", "effective_from": "2026-01-01T00:00:00Z"}
    rule |= {"steps": [desk.split(("party:alice", 50), ("party:pier", 50))]}
    event("O-1", "correct_rule", at(3, 16), rule=rule, line=line.source_id)
    mine = EarningDecision.objects.get(party=stage.pier)
    assert mine.reason == "corrected"
    found = effect_posting(decision_id=mine.pk)
    assert found is not None
    assert (found.kind, found.agrees) == ("correction", True)
    inside = page(cast.client_of(seated(stage.pier)), f"/creator/lines/{mine.pk}/", "en")
    assert "settled again under a corrected rule" in inside


def test_a_line_names_its_seal_and_the_check_that_passed_since(stage: Stage, cast: Cast) -> None:
    earnings_settle(sales=[stage.sale("O-1")])
    line = EarningDecision.objects.get(party=stage.alice)
    client, address = cast.client_of(seated(stage.alice)), f"/creator/lines/{line.pk}/"
    assert "Not sealed yet" in page(client, address, "en")
    seal_take()
    assert Seal.objects.count() == 1
    assert "verified tonight" in page(client, address, "en")
    now = datetime.now(UTC)
    Verification.objects.create(started_at=now, finished_at=now, proofs=9, entries=1, orders=1, failed=0)
    assert "Sealed and verified today" in page(client, address, "en")
    assert "已封存，今日" in page(client, address, "zh-hans")
    Verification.objects.create(started_at=now + timedelta(seconds=1), proofs=9, entries=1, orders=1, failed=1)
    assert "found something" in page(client, address, "en")


def test_every_line_of_nothing_says_why_in_both_languages(stage: Stage) -> None:
    earnings_settle(sales=[stage.sale("O-1", {"reef": 1_000_000})])
    line = EarningDecision.objects.get(party=stage.reef)
    found = earning_explained(decision_id=line.pk, visible_to=None)
    assert found is not None
    for reason in (
        set(DecisionReason) - set(EFFECTS) - {DecisionReason.EARNED, DecisionReason.HELD, DecisionReason.CLAIMED}
    ):
        object.__setattr__(found.line, "reason", reason)
        with translation.override("en"):
            english = zero_words(found)
        with translation.override("zh-hans"):
            chinese = zero_words(found)
        assert english.endswith("."), reason
        assert chinese.endswith("。"), reason


def test_a_zero_cites_the_clause_that_decided(stage: Stage) -> None:
    earnings_settle(
        sales=[
            stage.sale(
                "O-1",
                {"pier": 1_000_000},
                coupon_owner_id=stage.reef.pk,
                link_owner_id=stage.pier.pk,
                touched={stage.bob.pk: desk.PLACED - timedelta(days=31)},
            )
        ]
    )
    decided = EarningDecision.objects.get(party=stage.pier)
    assert decided.reason == "lost_to_coupon"
    found = earning_explained(decision_id=decided.pk, visible_to=None)
    assert found is not None
    panel = panel_of(found, Ways())
    assert [clause["number"] for clause in panel["clauses"] if clause["decides"]] == ["4.2"]
    assert "a coupon goes before links" in panel["because"]
    assert panel["stream"] is None
    inside = render_to_string("partners/_why.html", panel)
    for row in panel["rows"]:
        assert str(row["label"]) in inside


def test_what_a_cap_kept_is_said_on_the_line() -> None:
    stage = Stage(caps=[{"per": "order", "currency": "CNY", "minor": 400}])
    earnings_settle(sales=[stage.sale("O-1", {"reef": 1_000_000})])
    line = EarningDecision.objects.get(party=stage.reef)
    assert (line.amount_minor, line.capped_minor) == (400, 600)
    found = earning_explained(decision_id=line.pk, visible_to=None)
    assert found is not None
    assert found.capped == 600
    assert found.came is not None
    assert [(way.amount, way.stays) for way in found.came.rows] == [(1_000, 600)]


def test_what_happened_since_leads_to_its_own_postings(year: Stage, cast: Cast) -> None:
    line = EarningDecision.objects.exclude(reason__in=EFFECTS).get(party=year.alice, order_code="O-1")
    found = earning_explained(decision_id=line.pk, visible_to=None)
    assert found is not None
    assert [(one.reason, one.amount) for one in found.since] == [
        ("refunded", -1_260),
        ("refunded", -1_261),
        ("refund_reversed", 1_260),
    ]
    inside = page(cast.client_of(seated(year.alice)), f"/creator/lines/{line.pk}/", "en")
    for one in found.since:
        assert f"/creator/postings/{one.posting}/" in inside


def test_the_left_over_units_are_told_with_who_got_them() -> None:
    stage = Stage()
    earnings_settle(sales=[stage.sale("O-1", lines=[desk.line(1, price=10_003)])])
    line = EarningDecision.objects.get(party=stage.alice)
    found = earning_explained(decision_id=line.pk, visible_to=None)
    assert found is not None
    (shared,) = panel_of(found, Ways())["sharings"]
    assert [(row["cent"].exact, row["cent"].odd) for row in shared["rows"]] == [("56.016", 1), ("14.004", 0)]
    assert shared["words"] == (
        "1 unit of the smallest coin was left over. It goes to the largest remainder, .60. "
        "Steps by percentage are rounded to the nearest smallest coin, an exact half up."
    )


def test_staff_reach_the_panel_from_every_posting_and_every_decision(year: Stage, cast: Cast) -> None:
    client = cast.client_of(cast.finn)
    for kind in ("sale", "refund", "payout", "correction"):
        for row in Posting.objects.filter(entry__kind=kind).order_by("pk")[:2]:
            address = f"/admin/partners/earningdecision/posting/{row.pk}/why/"
            assert address in client.get(f"/admin/ledger/posting/{row.pk}/change/").content.decode()
            answer = client.get(address)
            assert answer.status_code == 200, (kind, row.pk)
            assert "omputed again just now" in answer.content.decode()
    for decision in EarningDecision.objects.filter(order_code="O-1"):
        assert client.get(f"/admin/partners/earningdecision/{decision.pk}/why/").status_code == 200
    house = Posting.objects.filter(entry__kind="sale", account__code="platform:revenue")[0]
    told = client.get(f"/admin/partners/earningdecision/posting/{house.pk}/why/").content.decode()
    assert "As Alice sees it, with every side by name." in told
    assert cast.client_of(cast.carol).get(f"/admin/partners/earningdecision/posting/{house.pk}/why/").status_code == 302


def test_what_is_held_says_until_when_and_cites_the_clause(stage: Stage) -> None:
    now = datetime.now(UTC)
    earnings_settle(sales=[stage.sale("O-1", {"reef": 1_000_000}, placed_at=now)])
    line = EarningDecision.objects.get(party=stage.alice)
    found = earning_explained(decision_id=line.pk, visible_to=None)
    assert found is not None
    panel = panel_of(found, Ways())
    assert "held until" in panel["held"]
    assert "5.1" in [clause["number"] for clause in panel["clauses"] if clause["decides"]]
    with translation.override("zh-hans"):
        assert "释放日为" in panel_of(found, Ways())["held"]
    inside = render_to_string("partners/_why.html", panel)
    assert "held until" in inside
