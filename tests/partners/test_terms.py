"""Caps, tiers and their counters: what a version may say, and what sales settled under it are told."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.models import JournalEntry
from ledger.selectors import proofs
from partners.errors import RuleRefusedError
from partners.models import Agreement, EarningDecision, Meter
from partners.services import (
    DraftTerms,
    earnings_settle,
    version_accept,
    version_draft,
    version_propose,
    version_put_in_force,
)
from partners.services.meters import period_of
from tests.partners import desk
from tests.partners.desk import PLACED, START
from tests.partners.stage import decisions

pytestmark = pytest.mark.usefixtures("everything")

TENTH = [desk.percent("channel", 1000, "base"), desk.split(("party:alice", 1))]
BY_TIER = [
    {
        "take": "tiered",
        "account": "platform:revenue",
        "mode": "marginal",
        "tiers": [{"upto": 15_000, "bp": 3000}, {"bp": 1000}],
    },
    desk.split(("party:alice", 1)),
]


class Shop:
    """Alice's course; reef brings learners."""

    def __init__(self, steps: Any = TENTH, **terms: Any) -> None:
        self.alice, self.reef = desk.party("alice"), desk.party("reef")
        self.version = desk.agreement(parties=[self.alice], steps=steps, **terms)
        self.channel = desk.channel("reef", self.reef)

    def sale(self, code: str, price: int = 10_000, **facts: Any) -> Any:
        by = {"last_touch": [desk.credit(self.channel, 1_000_000)]}
        facts.setdefault("lines", [desk.line(abs(hash(code)) % 10**9, price=price)])
        return desk.sale(code, credits=by, **facts)

    def settle(self, *codes: str, **facts: Any) -> None:
        earnings_settle(sales=[self.sale(code, **facts) for code in codes])

    def next_version(self, steps: Any, start: datetime, **terms: Any) -> None:
        maker, checker = desk.persons()
        maker.is_staff = True
        draft = version_draft(
            agreement=self.version.agreement,
            rule={"steps": steps},
            terms=DraftTerms(effective_from=start, **terms),
            by=maker,
        )
        version = version_propose(version=draft, by=maker)
        version_accept(version=version, party=self.alice, user=maker, text_hash=version.text_hash, on_behalf=True)
        version_put_in_force(version=version, by=checker)


def event_line(order: str, at: int = 0) -> dict[str, Any]:
    entry = JournalEntry.objects.get(source_kind="order", source_id=order)
    return dict(entry.inputs["sale"]["lines"][at])


def meters() -> list[tuple[str, str, str, int]]:
    rows = Meter.objects.order_by("kind", "per", "period", "currency")
    return [(row.kind, row.per, str(row.period), row.amount) for row in rows]


def must_count() -> None:
    with connection.cursor() as cursor:
        [proof] = [proof for proof in proofs() if proof.code == "I9-meters"]
        cursor.execute(proof.sql)
        assert cursor.fetchall() == []


def cap(per: str, minor: int, currency: str = "CNY") -> dict[str, Any]:
    return {"per": per, "minor": minor, "currency": currency}


def test_a_cap_per_order_cuts_what_a_partner_earns_and_the_decision_says_so() -> None:
    shop = Shop(caps=[cap("order", 300)])
    shop.settle("C-1")
    assert event_line("C-1")["limits"] == [{"party": "reef", "left": 300}]
    assert decisions("C-1") == {"alice": ("earned", 9_700), "reef": ("earned", 300)}
    assert EarningDecision.objects.get(party=shop.reef).capped_minor == 700
    assert not Meter.objects.exists()


def test_a_cap_holds_over_all_lines_of_an_order_together() -> None:
    shop = Shop(caps=[cap("order", 1_500)])
    shop.settle("C-1", lines=[desk.line(1), desk.line(2, price=20_000)])
    assert [event_line("C-1", at)["limits"][0]["left"] for at in (0, 1)] == [1_500, 500]
    earned = EarningDecision.objects.filter(party=shop.reef).order_by("pk").values_list("amount_minor", "capped_minor")
    assert list(earned) == [(1_000, 0), (500, 1_500)]


def test_a_cap_of_a_month_runs_out_and_begins_anew_by_the_calendar_of_the_house() -> None:
    shop = Shop(caps=[cap("month", 1_600), cap("order", 900)])
    shop.settle("M-1", "M-2", "M-3")  # one batch
    # Shanghai's April has begun an hour before.
    shop.settle("M-4", placed_at=datetime(2026, 3, 31, 17, tzinfo=UTC))
    told = {order: decisions(order)["reef"] for order in ("M-1", "M-2", "M-3", "M-4")}
    assert told == {
        "M-1": ("earned", 900),
        "M-2": ("earned", 700),
        "M-3": ("cap_reached", 0),
        "M-4": ("earned", 900),
    }
    assert meters() == [("cap", "month", "2026-03-01", 1_600), ("cap", "month", "2026-04-01", 900)]
    must_count()


def test_a_cap_in_another_currency_does_not_concern_the_sale() -> None:
    shop = Shop(caps=[cap("order", 1, "USD")])
    shop.settle("C-1")
    assert "limits" not in event_line("C-1")
    assert decisions("C-1")["reef"] == ("earned", 1_000)


def test_tiers_are_held_against_the_volume_of_the_agreement() -> None:
    shop = Shop(BY_TIER)
    shop.settle("T-1", "T-2", "T-3")
    assert [event_line(order)["meter_before"] for order in ("T-1", "T-2", "T-3")] == [0, 10_000, 20_000]
    # 30 %; 30 % of 5,000 and 10 % of 5,000; 10 %.
    assert [decisions(order)["alice"][1] for order in ("T-1", "T-2", "T-3")] == [7_000, 8_000, 9_000]
    assert meters() == [("volume", "ever", "0001-01-01", 30_000)]
    must_count()


@pytest.mark.parametrize(("per", "period"), [("year", "2026-01-01"), ("month", "2026-03-01")])
def test_a_volume_may_be_that_of_the_year_or_month(per: str, period: str) -> None:
    shop = Shop(BY_TIER, meter=per)
    shop.settle("T-1", placed_at=PLACED - timedelta(days=59))
    shop.settle("T-2", "T-3")
    assert ("volume", per, period) in [row[:3] for row in meters()]
    assert event_line("T-3")["meter_before"] == (20_000 if per == "year" else 10_000)
    must_count()


def test_a_version_that_asks_for_a_volume_counts_what_was_sold_before_it() -> None:
    shop = Shop()
    shop.settle("B-1", "B-2")
    assert not Meter.objects.exists()
    shop.next_version(BY_TIER, PLACED + timedelta(days=1))
    assert meters() == [("volume", "ever", "0001-01-01", 20_000)]
    shop.settle("B-3", placed_at=PLACED + timedelta(days=2))
    assert event_line("B-3")["meter_before"] == 20_000
    # An order of the former version's time counts too, though its own version does not ask.
    shop.settle("B-4", placed_at=PLACED + timedelta(hours=1))
    assert "meter_before" not in event_line("B-4")
    assert meters() == [("volume", "ever", "0001-01-01", 40_000)]
    must_count()


def test_agreements_without_tiers_and_caps_cost_no_query_more() -> None:
    shop = Shop()
    with CaptureQueriesContext(connection) as queries:
        shop.settle("Q-1")
    assert not [query for query in queries if "partners_meter" in query["sql"]]


def test_the_proof_names_a_counter_that_is_wrong() -> None:
    Shop(BY_TIER).settle("P-1")
    must_count()
    Meter.objects.update(amount=1)
    with pytest.raises(AssertionError, match="1 counted, 10000 CNY sold"):
        must_count()


def test_a_party_reads_its_own_counters_alone(as_parties: Callable[..., AbstractContextManager[None]]) -> None:
    shop = Shop(BY_TIER[:1] + TENTH, caps=[cap("month", 100)])
    shop.settle("R-1")
    assert Meter.objects.count() == 2
    with as_parties(shop.reef):
        assert [row.kind for row in Meter.objects.all()] == ["cap"]
    with as_parties(shop.alice):
        assert not Meter.objects.exists()


def test_periods_begin_by_the_clock_of_the_house() -> None:
    late = datetime(2025, 12, 31, 16, tzinfo=UTC)  # midnight in Shanghai
    assert [str(period_of(late, per)) for per in ("ever", "year", "month")] == [
        "0001-01-01",
        "2026-01-01",
        "2026-01-01",
    ]


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({"caps": [cap("week", 5)]}, r"caps\[0\]\.per must be one of order, month"),
        ({"caps": [cap("order", -5)]}, r"caps\[0\]\.minor must be at least 1 \(found -5\)"),
        ({"caps": [cap("order", 5, "XXX")]}, r"caps\[0\]\.currency is not an ISO 4217"),
        ({"caps": [cap("order", 5), cap("order", 6)]}, r"caps\[1\] is used twice"),
        ({"caps": [{**cap("order", 5), "party": "reef"}]}, r"caps\[0\]\.party is not a field"),
        ({"caps": ["order"]}, r"caps\[0\] must be an object"),
        ({"window_days": 0}, "window_days must be at least 1"),
        ({"hold_days": 400}, "hold_days must be at most 365"),
        ({"reserve_days": -1}, "reserve_days must be at least 0"),
        ({"reserve_days": 1.5}, r"reserve_days must be a whole number"),
        ({"meter": "week"}, "meter must be one of ever, year, month"),
        ({"half_life_days": 0}, "half_life_days must be at least 1"),
        ({"paying_model": "position_weights"}, "position_weights must not be empty"),
        ({"paying_model": "position_weights", "position_weights": [0, 0]}, r"position_weights\[0\] must be at least 1"),
        ({"paying_model": "position_weights", "position_weights": [1.5]}, "must be a whole number"),
        ({"paying_model": "position_weights", "position_weights": [1001]}, "must be at most 1000"),
        ({"paying_model": "position_weights", "position_weights": [1] * 21}, "must have at most 20 entries"),
        ({"paying_model": "luck"}, "paying_model must be one of"),
        ({"effective_from": datetime(2027, 1, 1)}, "effective_from must be an instant"),  # noqa: DTZ001
        ({"effective_from": START}, "effective_from lies in the range of another version: version 1 holds from"),
    ],
)
def test_terms_that_cannot_be_are_refused_with_the_clause(terms: dict[str, Any], says: str) -> None:
    shop = Shop()
    told = {"effective_from": PLACED, **terms}
    with pytest.raises(RuleRefusedError, match=says):
        version_draft(agreement=shop.version.agreement, rule={"steps": TENTH}, terms=DraftTerms(**told), by=None)
    assert Agreement.objects.get().versions.count() == 1


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            {"steps": [desk.split(("party:ghost", 1))]},
            r"steps\[0\]\.parties\[0\] pays party:ghost, but there is no such",
        ),
        ({"steps": [desk.split(("party:reef", 1))]}, r"steps\[0\]\.parties\[0\] pays party:reef, which is no party of"),
        (
            {"steps": [desk.split(("party:alice", 1))]},
            "caps limit what partners earn by bringing learners, but no step",
        ),
        (
            {
                "steps": [desk.split(("group:a", 1))],
                "groups": {"a": [{"account": "group:b", "weight": 1}], "b": [{"account": "group:a", "weight": 1}]},
            },
            r"groups\.b\[0\]\.account makes the group a a member of itself \(a > b > a\)",
        ),
        (
            {"steps": [desk.percent("party:alice", 6000, "base")] * 2 + [desk.split(("party:alice", 1))]},
            r"steps\[1\]\.bp takes the percentages of the whole base to 12000 bp",
        ),
    ],
)
def test_rules_that_cannot_be_applied_are_refused_with_the_clause(rule: dict[str, Any], says: str) -> None:
    shop = Shop()
    terms = DraftTerms(effective_from=PLACED, caps=[cap("order", 5)])
    with pytest.raises(RuleRefusedError, match=says):
        version_draft(agreement=shop.version.agreement, rule=rule, terms=terms, by=None)


def test_the_text_words_caps_tiers_and_the_reserve() -> None:
    rule = {"steps": [*BY_TIER[:1], *TENTH], "reserve_bp": 1000}
    terms = DraftTerms(
        effective_from=PLACED,
        caps=[cap("order", 50_000), cap("month", 1_000_000), cap("order", 5_000, "USD")],
        meter="year",
        reserve_days=60,
    )
    version = version_propose(
        version=version_draft(agreement=Shop().version.agreement, rule=rule, terms=terms, by=None), by=None
    )
    for sentence in (
        "§3.1 A share of what remains, by tiers of the volume before the sale, goes to the platform, each part of the",
        "30% from 0 up to 15,000; 10% from 15,000 (in the smallest units of the sale's currency).",
        "§3.5 The volume is what all sales under this agreement came to before the split, in the calendar year of the",
        "§4.5 A partner earns by bringing learners at most CN¥500.00 from one order in CNY, CN¥10,000.00 from orders",
        "of one calendar month (Asia/Shanghai), $50.00 from one order in USD.",
        "§5.2 10% of each party's share is kept in reserve for refunds until 60 days after the order.",
    ):
        assert sentence in version.text
    for sentence in (
        "自 0 起至 15,000 30%；自 15,000 起 10%",
        "下单所在自然年（Asia/Shanghai）同币种全部销售的分成前金额",
        "CNY 订单每单 ¥500.00，CNY 订单每自然月（Asia/Shanghai）¥10,000.00，USD 订单每单 US$50.00",
        "留作保证金，用于退款，下单 60 天后释放",
    ):
        assert sentence in version.text_zh
