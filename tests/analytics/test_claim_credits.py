"""What a claim credits, held against books that knew the touch in time; and the way of its cent through the pages."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from courses.services import NewRefund, order_refund
from events.services import relay_all
from partners.choices import ClaimState
from partners.models import Adjustment, EarningDecision
from tests.analytics.claimed import NOON, Claimed, failures
from tests.cast import Cast
from tests.factories import evidence

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
    assert line.headers["Location"].startswith(reverse("partners:claim", args=[claim.pk]))
    drawer = partner.get(reverse("partners:line", args=[decision.pk]), headers={"HX-Request": "true"})
    assert drawer.headers["HX-Redirect"] == line.headers["Location"]
    month = timezone.localdate(claim.decided_at).strftime("%Y-%m")
    statement = partner.get(f"{reverse('partners:statement', args=[month])}?currency=CNY").content.decode()
    assert f"Claim {claim.pk}, order {claim.order_code}" in statement
    earning = manager.get(reverse("admin:partners_earningdecision_change", args=[decision.pk])).content.decode()
    assert desk_page in earning


def test_a_refund_after_the_credit_is_pointed_out_with_what_to_adjust(stage: Claimed, cast: Cast) -> None:
    order = stage.late(stage.reef)
    claim = stage.claim(order.code)
    stage.accept(claim)
    page, manager = reverse("admin:partners_claim_change", args=[claim.pk]), cast.client_of(cast.mei)
    assert manager.get(page).context["since"] is None
    order_refund(order_id=order.pk, refund=NewRefund(amount_minor=4_000, reason="x"), at=NOON)
    relay_all()
    since = manager.get(page).context["since"]
    assert since["now"] == 600
    form = manager.get(since["url"]).context["form"]
    assert [form.initial[name] for name in ("party", "amount", "currency", "order_code")] == [
        "reef", "-4.00", "CNY", order.code,
    ]  # fmt: skip
