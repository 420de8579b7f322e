"""What a party reads of its earnings: its own lines, sums that tie, and an explanation that computes again."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils.translation import override

from accounts.models import Party, User
from accounts.scope import party_rows
from ledger.models import PayoutItem
from ledger.services import hold_lift, hold_place, item_failed, run_book
from partners.models import EarningDecision
from partners.selectors import (
    EarningsOf,
    earned_minor,
    earning_by_channel,
    earning_by_course,
    earning_counts,
    earning_currencies,
    earning_explained,
    earning_lines,
    earning_rows,
    earning_waterfall,
)
from partners.selectors.panel import Ways, panel_of
from partners.selectors.panel_words import status_words
from partners.services import earnings_settle, earnings_void
from tests.cast import Cast
from tests.ledger.runs import approved, details
from tests.partners import desk
from tests.partners.desk import PLACED, START

pytestmark = pytest.mark.usefixtures("everything")

UNTIL = PLACED + timedelta(days=31)


def of(party: Party, **changes: Any) -> EarningsOf:
    return EarningsOf(**{"party": party.pk, "since": PLACED, "until": UNTIL, "currency": "CNY", **changes})


class World:
    """Alice owns a course with bob and one of her own; reef brings learners; carol has nothing to do with it."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.alice, self.bob, self.carol = cast.alice_party, cast.bob_party, cast.carol_party
        self.reef = desk.party("reef")
        desk.agreement(parties=[self.alice, self.bob])
        desk.agreement(
            scope_id="2", parties=[self.alice], steps=[desk.split(("party:alice", 1), ("platform:revenue", 1))]
        )
        desk.agreement(scope_id="3", parties=[self.carol], steps=[desk.split(("party:carol", 1))])
        self.channels = {
            "reef": desk.channel("reef", self.reef),
            "search": desk.channel("search", kind="organic_search"),
        }
        by = {name: {"last_touch": [desk.credit(channel, 1_000_000)]} for name, channel in self.channels.items()}
        shared = {"lines": [desk.line(1, discount_minor=1_000, tax_minor=500)], "processor_fee_minor": 290}
        earnings_settle(
            sales=[
                desk.sale("A-1", credits=by["reef"], **shared),
                desk.sale(
                    "A-2", credits=by["search"], lines=[desk.line(2, "2", 7_777)], placed_at=PLACED + timedelta(days=1)
                ),
                desk.sale("A-3", lines=[desk.line(3, "2", 5_000)], placed_at=PLACED + timedelta(days=2)),
                # One order with alice's and carol's course: neither may read the other's line.
                desk.sale(
                    "A-4",
                    lines=[desk.line(4, "2", 1_001), desk.line(5, "3", 88_888)],
                    placed_at=PLACED + timedelta(days=3),
                ),
                desk.sale(
                    "A-5", lines=[desk.line(6, "2", 4_900, discount_minor=4_900)], placed_at=PLACED + timedelta(days=4)
                ),
            ]
        )
        earnings_void(order_codes=["A-3"], at=PLACED + timedelta(days=5), actor_id=None, reason="")


@pytest.fixture
def world(cast: Cast) -> World:
    return World(cast)


def test_lines_tell_status_channel_and_money(world: World) -> None:
    at = PLACED + timedelta(days=7)
    page = earning_lines(of=of(world.alice), visible_to=world.cast.alice, at=at)
    told = [(line.order_code, line.status, line.amount_minor, line.channel) for line in page.lines]
    assert told == [
        ("A-5", "none", 0, ""),
        ("A-4", "pending", 501, ""),
        ("A-3", "refunded", 2_500, ""),
        ("A-2", "pending", 3_889, "Search"),
        # (8,500 base: 850 to the channel; 7,650 - 290 = 7,360; 30 % is 2,208; 80 % of 5,152.
        ("A-1", "available", 4_122, "Reef"),
    ]
    disputed = replace(page.lines[4], status="disputed", effect_at=at)
    assert status_words(disputed)["date"] is None, "the day it began is not the day by which evidence is due"
    counts = earning_counts(of=of(world.alice), visible_to=world.cast.alice)
    assert counts == {"all": 5, "earned": 3, "refunded": 1, "none": 1}
    for tab, count in counts.items():
        assert earning_lines(of=of(world.alice), visible_to=world.cast.alice, tab=tab).total == count
    with override("zh-hans"):
        assert earning_lines(of=of(world.alice), visible_to=world.cast.alice).lines[0].title == "课程 2"


def test_a_line_says_how_far_its_money_is_on_its_way(world: World) -> None:
    cast = world.cast

    def status() -> str:
        page = earning_lines(of=of(world.alice), visible_to=cast.alice)
        with party_rows([world.alice.pk]):
            seen = earning_lines(of=of(world.alice), visible_to=cast.alice)
        assert page == seen, "what a portal may read is enough to say it"
        return {line.order_code: line.status for line in page.lines}["A-1"]

    def way() -> tuple[str, list[str]]:
        line = EarningDecision.objects.get(party=world.alice, order_code="A-1")
        found = earning_explained(decision_id=line.pk, visible_to=cast.alice)
        assert found is not None
        told = panel_of(found, Ways())
        return told["hold_words"], [point["note"] for point in told["points"] if point.get("note")]

    assert (status(), way()) == ("available", ("", ["released", "once you have said where to"]))
    details(world.alice, cast.alice)
    assert way() == ("", ["released", "with the next payout run"])
    hold = hold_place(party=world.alice, reason="Two orders, one card.")
    assert status() == "on_hold"
    assert way() == (
        "Payouts are on hold: Two orders, one card. The money stays yours.", ["released", "on hold"],
    )  # fmt: skip
    home = cast.client_of(cast.alice).get("/creator/?since=2026-03-01&until=2026-03-31").content.decode()
    assert "No payout leaves while they are on hold." in home
    assert "by the next payout run" not in home
    hold_lift(hold_id=hold.pk)
    run = approved(cast.finn, cast.ada)
    assert status() == "available"
    run_book(run_id=run.pk)
    assert status() == "in_transit"
    item = PayoutItem.objects.get(party=world.alice)
    item_failed(item_id=item.pk, reason="No such account", by=cast.finn)
    assert status() == "available"


def test_pages_follow_one_another_and_back_without_gap_or_repeat(world: World) -> None:
    reader, seen, cursor = world.cast.alice, [], ""
    pages = []
    while True:
        page = earning_lines(of=of(world.alice), visible_to=reader, cursor=cursor, size=2)
        pages.append(page)
        seen += [line.order_code for line in page.lines]
        if not page.older:
            break
        cursor = page.older
    assert seen == ["A-5", "A-4", "A-3", "A-2", "A-1"]
    assert not pages[0].newer
    back = earning_lines(of=of(world.alice), visible_to=reader, cursor=pages[-1].newer, size=2)
    assert back.lines == pages[1].lines
    assert earning_lines(of=of(world.alice), visible_to=reader, cursor=back.newer, size=2).lines == pages[0].lines
    for broken in ("older-x-1", "nonsense", "older-99999999999999999999-1", "older-1"):
        assert earning_lines(of=of(world.alice), visible_to=reader, cursor=broken, size=2).lines == pages[0].lines


def test_sums_by_course_and_channel_are_net_and_tie(world: World) -> None:
    reader = world.cast.alice
    by_course = earning_by_course(of=of(world.alice), visible_to=reader)
    assert [(row.name, row.amount_minor, row.before) for row in by_course] == [
        ("Course 2", 4_390, None),
        ("Course 1", 4_122, None),
    ]
    by_channel = earning_by_channel(of=of(world.alice), visible_to=reader)
    assert {row.name: row.amount_minor for row in by_channel} == {"Reef": 4_122, "Search": 3_889, "": 501}
    whole = earned_minor(of=of(world.alice), visible_to=reader)
    assert whole == sum(row.amount_minor for row in by_course) == sum(row.amount_minor for row in by_channel) == 8_512
    later = of(world.alice, since=UNTIL, until=UNTIL + timedelta(days=31))
    assert earning_by_course(of=later, visible_to=reader) == []
    shifted = of(world.alice, since=PLACED + timedelta(days=1), until=PLACED + timedelta(days=2))
    assert [(row.name, row.before) for row in earning_by_course(of=shifted, visible_to=reader)] == [("Course 2", None)]
    assert earning_currencies(visible_to=reader, party=world.alice.pk) == ["CNY"]


def test_the_waterfall_of_the_owner_ties_to_the_unit(world: World) -> None:
    fall = earning_waterfall(of=of(world.alice), visible_to=world.cast.alice)
    parts = {part.code: part.amount_minor for part in fall.parts}
    assert (fall.sales, fall.list_minor) == (4, 10_000 + 7_777 + 1_001 + 4_900)
    assert parts == {
        "discounts": 1_000 + 4_900,
        "tax": 500,
        "processing": 290,
        "partners": 850,
        "platform": 2_208 + 3_888 + 500,
        "co_creators": 1_030,
        "others": 0,
        "refunds": 0,
        "claims": 0,
    }
    assert fall.start_minor - sum(parts.values()) == fall.yours_minor == 8_512


def test_who_only_brought_the_learner_sees_no_sides(world: World) -> None:
    fall = earning_waterfall(of=of(world.reef), visible_to=None)
    parts = {part.code: part.amount_minor for part in fall.parts if part.amount_minor}
    assert parts == {"discounts": 1_000, "tax": 500, "processing": 290, "others": 9_000 - 500 - 290 - 850}
    assert fall.yours_minor == 850
    with party_rows([world.reef.pk]):
        assert earning_waterfall(of=of(world.reef), visible_to=None) == fall


def test_a_file_holds_every_line_oldest_first(world: World) -> None:
    rows = list(earning_rows(of=of(world.alice), visible_to=world.cast.alice))
    assert [row.order_code for row in rows] == ["A-1", "A-2", "A-3", "A-4", "A-5"]


def words(value: Any) -> list[str]:
    """Every text and number inside a result."""
    if is_dataclass(value) and not isinstance(value, type):
        return [word for field in fields(value) for word in words(getattr(value, field.name))]
    if isinstance(value, list | tuple):
        return [word for item in value for word in words(item)]
    if isinstance(value, dict):
        return [word for pair in value.items() for word in words(pair)]
    return [str(value)]


def explained(world: World, party: Party, order: str, reader: User | None) -> Any:
    decision = EarningDecision.objects.exclude(reason="voided").get(party=party, order_code=order)
    with party_rows([party.pk]):
        return earning_explained(decision_id=decision.pk, visible_to=reader)


def test_the_owner_sees_every_step_by_name_and_it_computes_again(world: World) -> None:
    told = explained(world, world.alice, "A-1", world.cast.alice)
    assert told.agrees
    assert (told.computed, told.booked) == (4_122, 4_122)
    rows = [(row.code, row.side, row.name, row.clause, row.amount) for row in told.rows]
    assert rows == [
        ("tax", "", "", "", 500),
        ("processing", "platform", "", "3.2", 290),
        ("share", "partner", "Reef", "3.1", 850),
        ("share", "platform", "", "3.3", 2_208),
        ("share", "you", "Alice Studio", "3.4", 4_122),
        ("share", "co_creator", "Bob Codes", "3.4", 1_030),
    ]
    formulas = [row.formula for row in told.rows]
    assert formulas[2:] == [
        "100.0000% × 8.50 (10% × 85.00)",
        "30% × 73.60 = 22.08",
        "80% × 51.52 = 41.216",
        "20% × 51.52 = 10.304",
    ]
    assert told.line.paid_minor - sum(row.amount for row in told.rows if not row.yours) == 4_122
    (shared,) = told.sharings
    assert [(cent.name, cent.share, cent.exact, cent.floor, cent.odd, cent.left) for cent in shared.rows] == [
        ("Alice Studio", "80%", "41.216", 4_121, 1, ".60"),
        ("Bob Codes", "20%", "10.304", 1_030, 0, ".40"),
    ]
    assert (shared.base, shared.over, shared.won, shared.tie) == (5_152, 1, (".60",), False)
    assert told.came is not None
    assert [(way.channel, way.party, way.ppm, way.amount) for way in told.came.rows] == [
        ("Reef", "Reef", 1_000_000, 850)
    ]
    assert told.came.pool == 850
    assert told.accepted_at is not None


def test_a_co_creator_sees_roles_and_never_another_ones_amount(world: World) -> None:
    told = explained(world, world.bob, "A-1", world.cast.bob)
    assert told.agrees
    assert [(row.code, row.side, row.name, row.amount) for row in told.rows] == [
        ("tax", "", "", 500),
        ("processing", "platform", "", 290),
        ("share", "partner", "", 850),
        ("share", "platform", "", 2_208),
        ("share", "co_creator", "", 4_122),
        ("share", "you", "Bob Codes", 1_030),
    ]
    assert [cent.name for cent in told.sharings[0].rows] == ["Bob Codes"]
    assert told.came is not None
    assert not [way for way in told.came.rows if way.party]


def test_a_channels_owner_sees_the_price_and_its_own_step(world: World) -> None:
    told = explained(world, world.reef, "A-1", None)
    with_sight = [(row.side, row.name, row.amount) for row in told.rows]
    # Staff reads with all names; the channel's own people do not.
    assert ("co_creator", "Bob Codes", 1_030) in with_sight
    seat = desk_seat(world)
    told = explained(world, world.reef, "A-1", seat)
    assert told.agrees
    assert [(row.code, row.side, row.amount) for row in told.rows] == [
        ("tax", "", 500),
        ("share", "others", 290 + 2_208 + 4_122 + 1_030),
        ("share", "you", 850),
    ]
    assert [clause.number for clause in told.clauses] == ["3.1", "4.1", "4.2", "4.3", "4.4"]
    assert told.decisive == {"3.1", "4.1"}
    found = words(told)
    for hidden in ("4122", "1030", "2208", "Alice Studio", "Bob Codes", "alice", "bob"):
        assert hidden not in found


def desk_seat(world: World) -> User:
    from accounts.services import person_create, seat_give

    user = person_create(email="reef@desk.test", name="Reef", password="a quiet river", verified=True)
    seat_give(user=user, party=world.reef)
    return user


def test_nobody_reads_lines_of_others_not_even_within_one_order(
    world: World, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    cast = world.cast
    told = explained(world, world.alice, "A-4", cast.alice)
    assert told.agrees
    assert not {"88888", "889", "Canary Carol", "金丝雀卡罗", "carol", "Course 3"} & set(words(told))
    foreign = EarningDecision.objects.get(party=world.carol, order_code="A-4")
    for reader, party in ((cast.alice, world.alice), (cast.bob, world.bob), (cast.lee, None)):
        with as_parties(*([party] if party else [])):
            assert earning_explained(decision_id=foreign.pk, visible_to=reader) is None
            assert earning_explained(decision_id=0, visible_to=reader) is None
            assert not earning_lines(of=of(world.carol), visible_to=reader).lines
            assert earned_minor(of=of(world.carol), visible_to=reader) == 0
            assert not EarningDecision.objects.filter(party=world.carol).exists()
    # Row-level security alone, without the selector's own filter, says the same.
    with as_parties(world.bob):
        assert {row.party_id for row in EarningDecision.objects.all()} == {world.bob.pk}


def test_a_line_that_moved_nothing_and_one_without_agreement_explain_themselves(world: World) -> None:
    told = explained(world, world.alice, "A-5", world.cast.alice)
    assert (told.rows, told.computed, told.booked, told.agrees) == ((), 0, 0, True)
    earnings_settle(
        sales=[
            desk.sale("A-6", placed_at=START - timedelta(days=9), lines=[desk.line(9, item_party_ids=[world.alice.pk])])
        ]
    )
    told = explained(world, world.alice, "A-6", world.cast.alice)
    assert told.version is None
    assert told.agrees
    assert [(row.side, row.amount) for row in told.rows] == [("others", 10_000)]


def test_an_own_purchase_says_where_the_share_went(world: World) -> None:
    earnings_settle(sales=[desk.sale("A-7", lines=[desk.line(10)], buyer_id=world.cast.bob.pk)])
    told = explained(world, world.bob, "A-7", world.cast.bob)
    assert (told.line.reason, told.computed, told.agrees) == ("self_purchase", 0, True)
    assert not [row for row in told.rows if row.yours]
    assert told.line.paid_minor == sum(row.amount for row in told.rows)


def test_a_group_is_told_by_name_in_its_clause_its_formulas_and_its_cents(world: World) -> None:
    team = [{"account": "party:bob", "weight": 2}, {"account": "party:carol", "weight": 1}]
    rule = {
        "steps": [desk.split(("party:alice", 1), ("group:team", 1))],
        "groups": {"team": team},
        "reserve_bp": 1000,
    }
    version = desk.agreement(scope_id="4", parties=[world.alice, world.bob, world.carol], rule=rule)
    assert {row.party for row in version.acceptances.all()} == {world.alice, world.bob, world.carol}
    assert "§3.2 What remains is shared: 50% to Alice Studio, 50% to the group “team”." in version.text
    assert "§3.3 What the group “team” gets is shared again, in the same way: 2/3 to Bob Codes, 1/3 to Canary" in (
        version.text
    )
    assert "§3.3 小组“team”所得按同样方式再分：鲍勃编程 2/3，金丝雀卡罗 1/3。" in version.text_zh
    earnings_settle(sales=[desk.sale("G-1", lines=[desk.line(9, "4", 10_001)])])
    told = explained(world, world.alice, "G-1", world.cast.alice)
    assert told.agrees
    assert [(row.code, row.name, row.clause, row.formula, row.amount) for row in told.rows] == [
        ("share", "Alice Studio", "3.2", "50% × 100.01 = 50.005", 4_501),
        ("reserve", "Alice Studio", "5.2", "10% × 50.01 = 5.001", 500),
        ("share", "Bob Codes", "3.3", "2/3 × 50.00 = 33.333333…", 3_000),
        ("reserve", "Bob Codes", "5.2", "10% × 33.33 = 3.333", 333),
        ("share", "Canary Carol", "3.3", "1/3 × 50.00 = 16.666666…", 1_500),
        ("reserve", "Canary Carol", "5.2", "10% × 16.67 = 1.667", 167),
    ]
    assert [(cent.side, cent.name, cent.amount) for one in told.sharings for cent in one.rows] == [
        ("you", "Alice Studio", 5_001),
        ("co_creator", "team", 5_000),
        ("co_creator", "Bob Codes", 3_333),
        ("co_creator", "Canary Carol", 1_667),
    ]
    own = explained(world, world.bob, "G-1", world.cast.bob)
    assert own.agrees
    assert [cent.name for one in own.sharings for cent in one.rows] == ["Bob Codes"]
    flows = earning_waterfall(of=of(world.bob), visible_to=None)
    assert {part.code: part.amount_minor for part in flows.parts}["co_creators"] > 0
