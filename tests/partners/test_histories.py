"""Any history of sales and voids: entries balance, decisions equal postings, streams tie, all computes again."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.models import Posting
from ledger.selectors import proofs, trial_balance
from partners.models import EarningDecision
from partners.selectors import EarningsOf, earned_minor, earning_explained, earning_waterfall
from partners.services import ChannelCredit, earnings_settle, earnings_void
from tests.examples import examples
from tests.partners import desk
from tests.partners.desk import PLACED, START

pytestmark = pytest.mark.usefixtures("everything")

CODES = ("alice", "bob", "reef", "pier")
TAKES = st.one_of(
    st.builds(
        lambda bp, of: desk.percent("channel", bp, of), st.integers(0, 3_000), st.sampled_from(["base", "remaining"])
    ),
    st.builds(lambda bp: desk.percent("platform:revenue", bp), st.integers(0, 10_000)),
    st.builds(lambda amount: {"take": "fixed", "account": "party:reef", "amount": amount}, st.integers(0, 700)),
    st.just({"take": "processor_fee"}),
)
WEIGHTS = st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any)
PPM = st.lists(st.integers(0, 1_000_000), min_size=3, max_size=3).map(sorted)


@st.composite
def histories(draw: Any) -> dict[str, Any]:
    sales = []
    for i in range(draw(st.integers(1, 4))):
        prices = draw(st.lists(st.integers(1, 20_000), min_size=1, max_size=3))
        sales.append(
            {
                "prices": prices,
                "off": [draw(st.integers(0, price)) for price in prices],
                "bearer": draw(st.sampled_from(["pool", "platform:promotions", "party:reef", "party:alice"])),
                "tax_bp": draw(st.sampled_from([0, 600, 1_300])),
                "inclusive": draw(st.booleans()),
                "fee_bp": draw(st.sampled_from([0, 290])),
                "cuts": draw(PPM),
                "items": [draw(st.sampled_from(["1", "2", "none"])) for _ in prices],
                "coupon": draw(st.sampled_from([None, None, "pier", "alice"])),
                "void": draw(st.booleans()),
                "day": i,
            }
        )
    return {
        "takes": draw(st.lists(TAKES, max_size=4).filter(desk.one_fee)),
        "weights": draw(WEIGHTS),
        "reserve": draw(st.sampled_from([0, 1_000])),
        "sales": sales,
    }


@given(history=histories())
@settings(max_examples=examples(20))
def test_whatever_is_sold_and_voided_everything_ties(history: dict[str, Any]) -> None:
    point = transaction.savepoint()
    try:
        _play(history)
    finally:
        transaction.savepoint_rollback(point)


def _play(history: dict[str, Any]) -> None:
    parties = {code: desk.party(code) for code in CODES}
    split = [
        ("party:alice", history["weights"][0]),
        ("party:bob", history["weights"][1]),
        ("platform:revenue", history["weights"][2]),
    ]
    members = [parties["alice"], parties["bob"], parties["reef"]]
    rule = {"steps": [*history["takes"], desk.split(*split)], "reserve_bp": history["reserve"]}
    desk.agreement(scope_id="1", parties=members, rule=rule)
    desk.agreement(scope_id="2", parties=members, rule={**rule, "steps": [desk.split(*split)]}, precedence="link")
    channels = [desk.channel("reef", parties["reef"]), desk.channel("pier", parties["pier"]), desk.channel("search")]
    sales = [_sale(i, facts, parties, channels) for i, facts in enumerate(history["sales"])]
    earnings_settle(sales=sales)
    voided = [sale.order_code for sale, facts in zip(sales, history["sales"], strict=True) if facts["void"]]
    earnings_void(order_codes=voided, at=PLACED + timedelta(days=30), actor_id=None, reason="")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for proof in proofs():
            cursor.execute(proof.sql)
            assert not cursor.fetchall(), proof.code
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    assert sum(row.amount for row in trial_balance(visible_to=None)) == 0
    for party in parties.values():
        _ties(party.pk)


def _sale(i: int, facts: dict[str, Any], parties: dict[str, Any], channels: list[Any]) -> Any:
    lines, total = [], 0
    for k, (price, off, item) in enumerate(zip(facts["prices"], facts["off"], facts["items"], strict=True)):
        net = price - off
        tax = net * facts["tax_bp"] // (10_000 + facts["tax_bp"])
        payable = net if facts["inclusive"] else net + tax
        total += payable
        lines.append(
            desk.line(
                i * 10 + k,
                item,
                price,
                discount_minor=off,
                tax_minor=tax,
                payable_minor=payable,
                item_party_ids=[parties["bob"].pk],
            )
        )
    a, b, c = facts["cuts"]
    parts = [*zip(channels, (a, b - a, c - b), strict=True), (None, 1_000_000 - c)]
    journey = [
        ChannelCredit(
            channel_id=channel.pk if channel else None, owner_id=channel.owner_id if channel else None, ppm=ppm
        )
        for channel, ppm in parts
        if ppm
    ]
    coupon = parties[facts["coupon"]] if facts["coupon"] else None
    return desk.sale(
        f"H-{i}",
        placed_at=START + timedelta(days=facts["day"]),
        lines=lines,
        tax_inclusive=facts["inclusive"],
        discount_bearer=facts["bearer"],
        processor_fee_minor=total * facts["fee_bp"] // 10_000,
        credits={"last_touch": journey},
        link_owner_id=parties["reef"].pk,
        link_at=START,
        coupon_owner_id=coupon.pk if coupon else None,
    )


def _ties(party: int) -> None:
    booked = sum(row.amount for row in Posting.objects.filter(party=party))
    of = EarningsOf(party, START, PLACED, "CNY")
    assert earned_minor(of=of, visible_to=None) == booked
    fall = earning_waterfall(of=of, visible_to=None)
    assert fall.start_minor - sum(part.amount_minor for part in fall.parts) == fall.yours_minor == booked
    for decision in EarningDecision.objects.filter(party=party).exclude(reason="voided"):
        told = earning_explained(decision_id=decision.pk, visible_to=None)
        assert told is not None
        assert told.agrees
        if told.rows:
            assert told.line.paid_minor - sum(r.amount for r in told.rows if not r.yours) == decision.amount_minor
