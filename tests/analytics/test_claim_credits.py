"""What a claim credits, held against books that knew the touch in time; and the way of its cent through the pages."""

from datetime import date, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from analytics.selectors import report_inputs
from analytics.services.crediting import credit_by_path
from courses.models import Order, Refund
from courses.services import NewDispute, NewRefund, dispute_close, dispute_open, order_refund, refund_reverse
from events.services import relay_all
from ledger.models import JournalEntry
from ledger.services import period_close, period_prepare
from partners.choices import ClaimBasis, ClaimState
from partners.models import Adjustment, Claim, ClaimCredit, EarningDecision, Meter
from partners.selectors import EarningsOf, earning_by_course, earning_waterfall
from partners.selectors.earnings import standing
from partners.selectors.posting_explained import posting_explained
from partners.services import claim_confirm, guarantee_approve, guarantee_propose
from tests.analytics.claimed import DAY, NOON, Claimed, failures
from tests.cast import Cast
from tests.factories import evidence
from tests.factories.courses import learner
from tests.partners import desk

pytestmark = pytest.mark.usefixtures("everything")


@pytest.fixture
def stage() -> Claimed:
    return Claimed()


@pytest.mark.parametrize(
    ("model", "known", "refund"),
    [
        ("last_touch", ["pier"], 0),
        ("first_touch", ["pier"], 3_333),
        ("linear", ["pier", "pier"], 0),
        ("u_shape", ["pier", "pier", "pier"], 4_567),
        ("time_decay", ["pier"], 9_999),
        ("linear", [], 1),
    ],
)
def test_a_claim_gives_what_the_books_would_have_given_had_the_touch_been_known_in_time(
    model: str, known: list[str], refund: int
) -> None:
    """Two orders with the same journey; of one the reef's touch is known only after it was settled."""
    stage = Claimed(paying_model=model)
    orders = []
    for in_time in (True, False):
        key = evidence.visitor(NOON - timedelta(days=20))
        for number, owner in enumerate(known):
            stage.came(key, getattr(stage, owner), days=9 - number)
        if in_time:
            stage.came(key, stage.reef, days=8.5)
        order = stage.order(key=key)
        if not in_time:
            stage.came(key, stage.reef, days=8.5)
        if refund:
            order_refund(order_id=order.pk, refund=NewRefund(amount_minor=refund, reason="x"), at=NOON)
            relay_all()
        orders.append(order)
    would = sum(
        EarningDecision.objects.filter(order_code=orders[0].code, party=stage.reef).values_list(
            "amount_minor", flat=True
        )
    )
    claim = stage.claim(orders[1].code)
    assert stage.proposed(claim).evidence_minor == would
    if would:
        stage.accept(claim)
        assert Adjustment.objects.get(claim=claim).amount_minor == would
    assert failures() == []


def test_a_manager_accepts_what_the_page_shows_and_the_partner_follows_it_to_the_cent(
    stage: Claimed, cast: Cast
) -> None:
    claim = stage.claim(stage.late(stage.reef).code)
    desk_page, manager = reverse("admin:partners_claim_change", args=[claim.pk]), cast.client_of(cast.mei)
    shown = manager.get(desk_page)
    row = shown.context["remedies"][0]["row"]
    assert "Accept and credit" in shown.content.decode()
    step = reverse("admin:partners_claim_step", args=[claim.pk, "accept"])
    manager.post(step, {"choice": f"{row.basis}:stale", "answer": "Found."})
    claim.refresh_from_db()
    assert claim.state == ClaimState.REVIEW
    manager.post(step, {"choice": f"{row.basis}:{row.digest}", "answer": "Found."})
    claim.refresh_from_db()
    assert claim.state == ClaimState.ACCEPTED
    partner = cast.client_of(stage.user)
    page = partner.get(reverse("partners:claim", args=[claim.pk]))
    assert "is yours." in page.content.decode()
    why = partner.get(page.context["posting_url"]).content.decode()
    assert f"Claim {claim.pk}, which this answers" in why
    assert claim.order_code in why
    decision = EarningDecision.objects.get(party=stage.reef)
    line = partner.get(reverse("partners:line", args=[decision.pk]))
    days = timedelta(days=9)
    at = EarningsOf(party=stage.reef.pk, currency="CNY", since=NOON - days, until=NOON + days)
    assert earning_waterfall(of=at, visible_to=None).yours_minor == decision.amount_minor
    assert earning_by_course(of=at, visible_to=None)[0].amount_minor == decision.amount_minor
    assert line.headers["Location"].startswith(reverse("partners:claim", args=[claim.pk]))
    drawer = partner.get(reverse("partners:line", args=[decision.pk]), headers={"HX-Request": "true"})
    assert drawer.headers["HX-Redirect"] == line.headers["Location"]
    month = timezone.localdate(claim.decided_at).strftime("%Y-%m")
    statement = partner.get(f"{reverse('partners:statement', args=[month])}?currency=CNY").content.decode()
    assert f"Claim {claim.pk}, order {claim.order_code}" in statement
    partner.cookies["django_language"] = "zh-hans"
    table = partner.get(f"{reverse('partners:statement_file', args=[month, 'csv'])}?currency=CNY").content.decode()
    assert f"申诉 {claim.pk}，订单 {claim.order_code}" in table
    earning = manager.get(reverse("admin:partners_earningdecision_change", args=[decision.pk])).content.decode()
    assert desk_page in earning


def test_a_refund_after_the_credit_is_shown_at_the_desk_and_in_the_portal(stage: Claimed, cast: Cast) -> None:
    order = stage.late(stage.reef)
    claim = stage.claim(order.code)
    stage.accept(claim)
    page, manager = reverse("admin:partners_claim_change", args=[claim.pk]), cast.client_of(cast.mei)
    assert manager.get(page).context["since"] == []
    order_refund(order_id=order.pk, refund=NewRefund(amount_minor=4_000, reason="x"), at=NOON)
    relay_all()
    partner = cast.client_of(stage.user)
    for shown in (manager.get(page), partner.get(reverse("partners:claim", args=[claim.pk]))):
        assert [(row["minor"], row["label"]) for row in shown.context["since"]] == [(-400, "Refunded")]
        assert "4.00" in shown.content.decode()


TIERED = [
    desk.percent("channel", 1_000, "base"),
    {"take": "tiered", "account": "platform:revenue", "mode": "marginal", "tiers": [{"upto": 15_000, "bp": 4_000},
                                                                                     {"bp": 2_000}]},
]  # fmt: skip


@pytest.mark.parametrize(
    ("per", "most", "earned"), [("month", 2_500, 2_500), ("month", 500, 500), ("order", 700, 2_100)]
)
def test_caps_and_tiers_end_where_they_would_have_ended_had_the_touch_been_known_in_time(
    stage: Claimed, per: str, most: int, earned: int
) -> None:
    """Three orders of a month under a cap and a tier; of pier the touch before the first is known only afterwards."""
    ends = []
    for owner in (stage.reef, stage.pier):
        sold = stage.selling(steps=TIERED, caps=[{"per": per, "minor": most, "currency": "CNY"}])
        keys = [evidence.visitor(NOON - timedelta(days=20)) for _number in range(3)]
        for number, key in enumerate(keys):
            if number or owner == stage.reef:
                stage.came(key, owner)
        codes = [stage.order(sold, key=key).code for key in keys[:2]]
        if owner == stage.pier:
            stage.came(keys[0], owner)
            claim = stage.claim(codes[0], owner)
            if stage.remedy(claim).amount:
                stage.accept(claim)
        codes.append(stage.order(sold, key=keys[2]).code)
        rows = EarningDecision.objects.filter(party=owner, order_code__in=codes)
        counters = Meter.objects.filter(agreement__scope_id=str(sold.pk)).order_by("kind")
        ends.append((sum(row.amount_minor for row in rows), list(counters.values_list("kind", "amount"))))
    assert ends[0] == ends[1]
    assert ends[0][0] == earned
    assert failures() == []


def test_a_guarantee_ends_where_it_would_have_ended_had_the_touch_been_known_in_time(stage: Claimed) -> None:
    """10 % of a month's two orders, half of the first given back; of pier the touch before it is known afterwards."""
    for owner in (stage.reef, stage.pier):
        keys = [evidence.visitor(NOON - timedelta(days=20)) for _number in range(2)]
        for number, key in enumerate(keys):
            if number or owner == stage.reef:
                stage.came(key, owner)
        orders = [stage.order(key=key) for key in keys]
        if owner == stage.pier:
            stage.came(keys[0], owner)
            stage.accept(stage.claim(orders[0].code, owner))
        half = NewRefund(amount_minor=5_000, reason="x")
        order_refund(order_id=orders[0].pk, refund=half, at=NOON + timedelta(days=1))
        assert relay_all().parked == 0
        row = guarantee_propose(
            party=owner, currency="CNY", monthly_minor=2_500, since=date(2026, 3, 1), until=None, note="", by=stage.mei
        )
        guarantee_approve(guarantee_id=row.pk, by=stage.finn)
    period_prepare(month=date(2026, 3, 1), by=stage.mei)
    told = period_close(month=date(2026, 3, 1), by=stage.finn)
    assert told == [
        "Reef got 10.00 CNY on top, up to the guarantee.",
        "Pier got 10.00 CNY on top, up to the guarantee.",
    ]
    reef, pier = JournalEntry.objects.filter(kind="guarantee").order_by("pk")
    assert "beside" not in reef.inputs["event"]
    assert (pier.inputs["event"]["earned"], pier.inputs["event"]["beside"]) == (1_500, 500)
    posting = pier.postings.get(party=stage.pier)
    shown = posting_explained(posting_id=posting.pk, visible_to=None)
    assert shown is not None
    assert ("beside", 500) in [(fact.code, fact.value) for fact in shown.facts]
    assert failures() == []


@pytest.mark.parametrize("basis", list(ClaimBasis))
def test_a_report_made_after_an_accepted_claim_credits_the_partner_and_the_money_of_others_stays(
    stage: Claimed, basis: ClaimBasis
) -> None:
    """A touch that was found speaks for itself; what was proven otherwise is told by the claim."""
    buyer = learner()
    key = evidence.visitor(NOON - timedelta(days=20), buyer)
    stage.came(key, stage.pier, days=9)
    order = stage.order(key=key, buyer=buyer)
    channels = {owner: link.channel_id for owner, link in stage.links.items()}

    def credited() -> dict[int | None, int]:
        found = report_inputs(since=DAY, until=DAY, window_days=30, currency="CNY")
        totals = credit_by_path(found, model="last_touch")
        assert sum(totals.orders_ppm.values()) == 1_000_000
        return dict(totals.revenue_minor)

    before = EarningDecision.objects.get(party=stage.pier).amount_minor
    assert credited() == {channels["pier"]: 10_000}
    if basis == ClaimBasis.EVIDENCE:
        stage.came(key, stage.reef)
    stage.accept(stage.claim(order.code), basis=basis)
    if basis == ClaimBasis.SOLE:
        claim = Claim.objects.get()
        assert claim.state == ClaimState.CONFIRMING
        claim_confirm(claim_id=claim.pk, by=stage.finn)
    assert credited() == {channels["reef"]: 10_000}
    assert EarningDecision.objects.get(party=stage.pier).amount_minor == before == 1_000


def test_two_claims_of_one_month_share_the_room_that_a_cap_leaves(stage: Claimed) -> None:
    sold = stage.selling(caps=[{"per": "month", "minor": 1_500, "currency": "CNY"}])
    codes = []
    for _number in range(2):
        key = evidence.visitor(NOON - timedelta(days=20))
        codes.append(stage.order(sold, key=key).code)
        stage.came(key, stage.reef)
    claims = [stage.claim(code) for code in codes]
    assert [stage.remedy(claim).amount for claim in claims] == [1_000, 1_000]
    stage.accept(claims[0])
    assert stage.remedy(claims[1]).amount == 500
    assert stage.remedy(claims[1]).capped
    stage.accept(claims[1])
    assert failures() == []


def test_what_a_claim_gave_follows_its_order_as_if_the_touch_had_been_known_in_time(stage: Claimed) -> None:
    """Refunds, one taken back, a dispute: after each the partner has of both orders the same."""
    orders = []
    for in_time in (True, False):
        key = evidence.visitor(NOON - timedelta(days=20))
        stage.came(key, stage.pier, days=9)
        if in_time:
            stage.came(key, stage.reef)
        orders.append(stage.order(key=key))
        if not in_time:
            stage.came(key, stage.reef)
            stage.accept(stage.claim(orders[1].code))

    def refund(order: Order, amount: int) -> None:
        order_refund(order_id=order.pk, refund=NewRefund(amount_minor=amount, reason="x"), at=NOON)

    def back(order: Order) -> None:
        refund_reverse(refund_id=Refund.objects.filter(order=order).order_by("pk")[0].pk, reason="y", at=NOON)

    def dispute(order: Order) -> None:
        row = dispute_open(order_id=order.pk, dispute=NewDispute(amount_minor=5_000, reason="z"), at=NOON)
        relay_all()
        dispute_close(dispute_id=row.pk, won=False, at=NOON)

    has: list[list[int]] = [[], []]
    for step in (lambda o: refund(o, 3_333), lambda o: refund(o, 1), back, dispute, lambda o: refund(o, 4_999)):
        for order, stands in zip(orders, has, strict=True):
            step(order)
            assert relay_all().parked == 0
            rows = EarningDecision.objects.filter(order_code=order.code, party=stage.reef)
            stands.append(sum(row.amount_minor for row in rows))
    assert has[0] == has[1]
    assert (has[0][0], has[0][-1]) == (667, 0)
    line = standing(EarningDecision.objects.filter(order_code=orders[1].code, source_kind="claim_line")).get()
    assert (line.reason, line.amount_minor, line.effect_minor) == ("claimed", 1_000, -1_000)
    assert sum(ClaimCredit.objects.values_list("amount_minor", flat=True)) == 0
    assert failures() == []
