"""Any history, replayed: under its own terms exactly what is booked, under others exactly what would have been."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ledger.errors import EventRejectedError
from ledger.models import Posting
from ledger.selectors import OrderKey, booked_state
from partners.selectors.weighing import Weighing
from partners.services import Change, SaleFacts, earnings_event, earnings_settle
from partners.services.whatif import Plan, Tally, compute, history_of, live, plan_of
from tests.partners import desk
from tests.partners.desk import PLACED, START

pytestmark = pytest.mark.usefixtures("everything")

CODES = ("alice", "bob", "reef", "pier")
SINCE, UNTIL = date(2026, 1, 1), date(2026, 12, 31)
TAKES = st.one_of(
    st.builds(
        lambda bp, of: desk.percent("channel", bp, of), st.integers(0, 3_000), st.sampled_from(["base", "remaining"])
    ),
    st.builds(lambda bp: desk.percent("platform:revenue", bp), st.integers(0, 10_000)),
    st.builds(lambda amount: {"take": "fixed", "account": "party:reef", "amount": amount}, st.integers(0, 700)),
    st.just({"take": "processor_fee"}),
    st.builds(
        lambda mode, bp: {
            "take": "tiered",
            "account": "platform:revenue",
            "mode": mode,
            "tiers": [{"upto": 9_000, "bp": bp}, {"upto": None, "bp": 500}],
        },
        st.sampled_from(["cliff", "marginal"]),
        st.integers(0, 5_000),
    ),
)
EVENTS = st.one_of(
    st.builds(lambda part: {"type": "refund", "part": part}, st.integers(1, 100)),
    st.just({"type": "refund_reversal", "refund_index": 0}),
    st.builds(lambda fee: {"type": "dispute_opened", "part": 100, "fee": fee}, st.sampled_from([0, 1_500])),
    st.just({"type": "dispute_won", "fee_returned": 0}),
    st.just({"type": "dispute_lost"}),
    st.just({"type": "release_reserve"}),
    st.just({"type": "void"}),
)
CORRECTIONS = st.builds(
    lambda place, bp: {"type": "correct_rule", "place": place, "bp": bp}, st.integers(0, 2), st.integers(0, 9_000)
)


@st.composite
def rules(draw: Any) -> dict[str, Any]:
    # Caps are refused where no step pays channels.
    pays = desk.percent("channel", draw(st.integers(1, 3_000)), "base")
    weights = draw(st.lists(st.integers(0, 9), min_size=3, max_size=3).filter(any))
    accounts = ("party:alice", "party:bob", "platform:revenue")
    takes = draw(st.lists(TAKES, max_size=3).filter(desk.one_fee))
    steps = [pays, *takes, desk.split(*zip(accounts, weights, strict=True))]
    return {"steps": steps, "reserve_bp": draw(st.sampled_from([0, 1_000]))}


@st.composite
def histories(draw: Any, events: Any) -> list[dict[str, Any]]:
    found = []
    for _ in range(draw(st.integers(1, 3))):
        prices = draw(st.lists(st.integers(1, 20_000), min_size=1, max_size=3))
        found.append(
            {
                "prices": prices,
                "off": [draw(st.integers(0, price)) for price in prices],
                "bearer": draw(st.sampled_from(["pool", "platform:promotions", "party:reef"])),
                "fee": draw(st.sampled_from([0, 290])),
                "cuts": draw(st.lists(st.integers(0, 1_000_000), min_size=3, max_size=3).map(sorted)),
                "items": [draw(st.sampled_from(["1", "2", "none"])) for _ in prices],
                "coupon": draw(st.sampled_from([None, None, "pier"])),
                "events": draw(st.lists(events, max_size=4)),
            }
        )
    return found


CLAUSES = st.fixed_dictionaries(
    {
        "paying_model": st.sampled_from(["linear", "first_touch"]),
        "precedence": st.sampled_from(["coupon", "link", "latest"]),
        "hold_days": st.sampled_from([7, 30]),
        "meter": st.sampled_from(["ever", "month"]),
        "caps": st.sampled_from(
            [
                (),
                ({"per": "order", "minor": 300, "currency": "CNY"},),
                ({"per": "month", "minor": 900, "currency": "CNY"},),
            ]
        ),
    }
)
SLOW = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    # Making a failure smaller takes minutes, because each try plays a whole world; the seed plays it again.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


@given(history=histories(events=st.one_of(EVENTS, CORRECTIONS)), rule=rules(), terms=CLAUSES)
@SLOW
def test_the_live_versions_replay_to_exactly_what_is_booked(
    history: list[dict[str, Any]], rule: dict[str, Any], terms: dict[str, Any]
) -> None:
    point = transaction.savepoint()
    try:
        world = World(history, rule, terms)
        for plan in (plan_of([]), live(plan_of([Change(agreements=("agreement-1",), rule=rule)]))):
            tally = world.replayed(plan)
            assert not tally.disagrees
            assert not tally.cells
            assert not tally.changed
            for was, new in [*tally.parties.values(), *tally.house.values(), *tally.days.values()]:
                assert was == new
            assert _side(tally, 0) == world.booked(world.codes if plan.everything else world.concerned)
    finally:
        transaction.savepoint_rollback(point)


@given(history=histories(events=EVENTS), rule=rules(), other=rules(), terms=CLAUSES)
@SLOW
def test_other_terms_replay_to_exactly_what_they_would_have_booked(
    history: list[dict[str, Any]], rule: dict[str, Any], other: dict[str, Any], terms: dict[str, Any]
) -> None:
    point = transaction.savepoint()
    try:
        tally = World(history, rule).replayed(plan_of([Change(agreements=("agreement-1",), rule=other, **terms)]))
        assert not tally.disagrees
    finally:
        transaction.savepoint_rollback(point)
    point = transaction.savepoint()
    try:
        world = World(history, other, terms)
        assert _side(tally, 1) == world.booked(world.concerned)
        assert not any(tally.rejected.values())
    finally:
        transaction.savepoint_rollback(point)


def _side(tally: Tally, side: int) -> dict[str, int]:
    return {code: pair[side] for (code, _currency), pair in tally.parties.items() if pair[side]}


class World:
    """A history played through the real ledger."""

    def __init__(
        self, history: list[dict[str, Any]], rule: dict[str, Any], terms: dict[str, Any] | None = None
    ) -> None:
        self.parties = {code: desk.party(code) for code in CODES}
        members = [self.parties["alice"], self.parties["bob"], self.parties["reef"]]
        desk.agreement(scope_id="1", parties=members, rule=rule, **(terms or {}))
        desk.agreement(scope_id="2", parties=members, rule={"steps": list(desk.THIRTY)}, precedence="link")
        self.channels = [desk.channel("reef", self.parties["reef"]), desk.channel("pier", self.parties["pier"])]
        self.channels.append(desk.channel("search"))
        self.sales = {f"H-{i}": self._sale(i, facts) for i, facts in enumerate(history)}
        self.codes = list(self.sales)
        self.concerned = [code for code, sale in self.sales.items() if any(line.item_id == "1" for line in sale.lines)]
        for sale in self.sales.values():  # one by one, so that they are booked in the order in which they are counted
            earnings_settle(sales=[sale])
        for (code, sale), facts in zip(self.sales.items(), history, strict=True):
            for number, event in enumerate(facts["events"]):
                self._happens(code, sale, number, event)

    def replayed(self, plan: Plan) -> Tally:
        """The tally of a plan over all of it."""

        def journeys(codes: Sequence[str], _asked: Weighing) -> Mapping[str, SaleFacts]:
            return {code: self.sales[code] for code in codes}

        return compute(plan=plan, history=history_of(SINCE, UNTIL, about=plan.about), journeys=journeys)

    def booked(self, codes: Sequence[str]) -> dict[str, int]:
        """What parties have by some orders."""
        rows = Posting.objects.filter(party__isnull=False)
        mine = rows.filter(entry__source_kind="order", entry__source_id__in=codes) | rows.filter(
            entry__event__order__source_id__in=codes
        )
        sums = mine.values_list("party__code").annotate(amount=Sum("amount"))
        return {code: int(amount) for code, amount in sums if amount}

    def _sale(self, i: int, facts: dict[str, Any]) -> SaleFacts:
        lines = [
            desk.line(i * 10 + k, item, price, discount_minor=off)
            for k, (price, off, item) in enumerate(zip(facts["prices"], facts["off"], facts["items"], strict=True))
        ]
        a, b, c = facts["cuts"]
        parts = [*zip(self.channels, (a, b - a, c - b), strict=True), (None, 1_000_000 - c)]
        journey = [desk.credit(channel, ppm) for channel, ppm in parts if ppm]
        paid = sum(line.payable_minor for line in lines)
        return desk.sale(
            f"H-{i}",
            placed_at=START + timedelta(days=i),
            lines=lines,
            discount_bearer=facts["bearer"],
            processor_fee_minor=paid * facts["fee"] // 10_000,
            credits={"last_touch": journey, "linear": journey[::-1], "first_touch": journey[:1]},
            link_owner_id=self.parties["reef"].pk,
            link_at=START,
            coupon_owner_id=self.parties[facts["coupon"]].pk if facts["coupon"] else None,
        )

    def _happens(self, code: str, sale: SaleFacts, number: int, told: dict[str, Any]) -> None:
        event = {key: value for key, value in told.items() if key not in {"part", "place", "bp"}}
        key = OrderKey("order", code)
        if "part" in told:
            order = booked_state(key=key).order
            event["amount"] = max(1, sum(line.left for line in order.lines) * told["part"] // 100)
        if "bp" in told:
            event["rule"] = self._correction(told["bp"])
            if told["place"] and told["place"] <= len(sale.lines):
                event["line"] = sale.lines[told["place"] - 1].line_id
        with contextlib.suppress(EventRejectedError):
            earnings_event(
                order_code=code, event=event, source=OrderKey("test", f"{code}-{number}"), at=PLACED, actor_id=None
            )

    def _correction(self, bp: int) -> dict[str, Any]:
        return {
            "id": "corrected", "version": 9, "effective_from": "2026-01-01T00:00:00Z", "owner": "party:alice",
            "hold_days": 14, "steps": [desk.percent("platform:revenue", bp), desk.split(("party:bob", 1))],
        }  # fmt: skip
