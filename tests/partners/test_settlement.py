"""Paid orders become entries and decisions: to the unit, under the right version, with a reason for everyone."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Party
from accounts.services import seat_give
from ledger.selectors import entry_with_postings, party_balances
from partners.choices import MembershipState
from partners.errors import SettlementError
from partners.models import Channel, EarningDecision, Membership
from partners.selectors import paying_terms
from partners.services import earnings_settle, earnings_void, membership_decide
from tests.cast import Cast
from tests.partners import desk
from tests.partners.desk import PLACED, START
from tests.partners.stage import Stage, books, decisions

pytestmark = pytest.mark.usefixtures("everything")


def test_a_sale_through_partner_channels_pays_everyone_to_the_unit(stage: Stage) -> None:
    (settled,) = earnings_settle(
        sales=[
            stage.sale(
                journey={"search": 200_000, "reef": 300_000, "pier": 500_000},
                lines=[desk.line(price=9_999)],
                processor_fee_minor=290,
            )
        ]
    )
    # A tenth of 9,999 is 999.9, half up 1,000: 300 and 500 of it are owned. 9,199 less the fee of 290 is 8,909.
    assert books() == {
        "processor:clearing": -9_709,
        "party:reef": 300,
        "party:pier": 500,
        "platform:revenue": 2_673,
        "party:alice": 4_989,
        "party:bob": 1_247,
    }
    assert decisions() == {
        "alice": ("earned", 4_989),
        "bob": ("earned", 1_247),
        "reef": ("earned", 300),
        "pier": ("earned", 500),
    }
    assert settled.created
    reef = EarningDecision.objects.get(party=stage.reef)
    assert (reef.credit_ppm, reef.channel, reef.paid_minor, reef.list_minor) == (
        300_000,
        stage.channels["reef"],
        9_999,
        9_999,
    )
    assert reef.matures_at == PLACED + timedelta(days=7)
    # The makers are told the channel with most credit.
    assert EarningDecision.objects.get(party=stage.alice).channel == stage.channels["pier"]


def test_the_golden_cases_of_fees_taxes_and_bearers_come_out_the_same() -> None:
    alice, aff, chan = desk.party("alice"), desk.party("aff"), desk.party("chan")
    own = desk.channel("chan", chan)
    full = {"last_touch": [desk.credit(own, 1_000_000)]}
    # S05: 10 % and a fixed 50 to the platform, the fee from the pool, the rest 30 : 70.
    desk.agreement(
        scope_id="S05",
        parties=[alice, aff],
        steps=[
            desk.percent("platform:revenue", 1000, "base"),
            {"take": "fixed", "account": "platform:revenue", "amount": 50},
            {"take": "processor_fee"},
            desk.split(("party:aff", 30), ("party:alice", 70)),
        ],
    )
    # S08: 13 % inside the price; the split is of what remains. S11: who bears the coupon.
    desk.agreement(scope_id="S08", parties=[alice], steps=[desk.split(("party:alice", 60), ("platform:revenue", 40))])
    desk.agreement(
        scope_id="S11",
        parties=[alice],
        steps=[
            desk.percent("channel", 1000, "base"),
            desk.percent("platform:revenue", 3000),
            desk.split(("party:alice", 1)),
        ],
    )
    sales = [
        desk.sale("S05", currency="USD", processor_fee_minor=59, lines=[desk.line(1, "S05", 1_000)]),
        desk.sale("S08", lines=[desk.line(2, "S08", 9_900, tax_minor=1_139)]),
        desk.sale("S11a", currency="EUR", lines=[desk.line(3, "S11", 10_000, discount_minor=2_000)]),
        desk.sale(
            "S11b",
            currency="GBP",
            discount_bearer="platform:promotions",
            lines=[desk.line(4, "S11", 10_000, discount_minor=2_000)],
        ),
        desk.sale(
            "S11c",
            currency="JPY",
            discount_bearer="party:chan",
            credits=full,
            lines=[desk.line(5, "S11", 10_000, discount_minor=1_000)],
        ),
    ]
    earnings_settle(sales=sales)
    assert books("USD") == {"processor:clearing": -941, "platform:revenue": 150, "party:aff": 237, "party:alice": 554}
    assert books("CNY") == {
        "processor:clearing": -9_900,
        "tax:payable": 1_139,
        "party:alice": 5_257,
        "platform:revenue": 3_504,
    }
    assert books("EUR") == {"processor:clearing": -8_000, "platform:revenue": 2_400, "party:alice": 5_600}
    assert books("GBP") == {
        "processor:clearing": -8_000,
        "platform:promotions": -2_000,
        "platform:revenue": 3_000,
        "party:alice": 7_000,
    }
    assert books("JPY") == {"processor:clearing": -9_000, "platform:revenue": 2_700, "party:alice": 6_300}
    # The coupon ate the channel's whole commission: nothing is left of it, and the channel is told why.
    assert decisions("S11c")["chan"] == ("discount_borne", 0)


def test_each_line_of_an_order_runs_under_its_own_agreement(stage: Stage) -> None:
    carol = desk.party("carol")
    desk.agreement(scope_id="2", parties=[carol], steps=[desk.split(("party:carol", 1), ("platform:revenue", 1))])
    lines = [desk.line(1, "1", 10_000), desk.line(2, "2", 5_001), desk.line(3, "none", 99, item_party_ids=[carol.pk])]
    earnings_settle(sales=[stage.sale(lines=lines, processor_fee_minor=303)])
    rows = EarningDecision.objects.filter(party=carol).order_by("source_id")
    assert [(row.source_id, row.reason, row.amount_minor) for row in rows] == [
        ("L2", "earned", 2_501),
        ("L3", "not_in_force", 0),
    ]
    entry = entry_with_postings(entry_id=rows[0].entry_id or 0, visible_to=None)
    assert entry is not None
    by_line = {name: sum(p.amount for p in entry.postings if p.line == name) for name in ("L1", "L2", "L3")}
    assert by_line == {"L1": 0, "L2": 0, "L3": 0}
    assert {p.line for p in entry.postings if p.account == "party:carol"} == {"L2"}


def test_the_version_in_force_when_the_order_was_placed_decides() -> None:
    alice = desk.party("alice")
    desk.agreement(scope_id="1", parties=[alice], steps=[desk.split(("party:alice", 1))])
    earnings_settle(
        sales=[
            desk.sale("before", placed_at=START - timedelta(microseconds=1), lines=[desk.line(1)]),
            desk.sale("at", placed_at=START, lines=[desk.line(2)]),
        ]
    )
    assert not decisions("before")
    assert decisions("at") == {"alice": ("earned", 10_000)}
    assert books()["platform:revenue"] == 10_000
    terms = paying_terms(items=[(1, START), (1, START - timedelta(seconds=1)), ("2", START)])
    assert {key: found.asked.model for key, found in terms.items()} == {(1, START): "last_touch"}


PRECEDENCE = [
    # clause, link before or after the coupon, who gets the tenth, what the other is told
    ("coupon", -1, "pier", ("reef", "lost_to_coupon")),
    ("coupon", 1, "pier", ("reef", "lost_to_coupon")),
    ("link", -1, "reef", ("pier", "lost_to_link")),
    ("latest", -1, "pier", ("reef", "lost_to_coupon")),
    ("latest", 1, "reef", ("pier", "lost_to_link")),
]


@pytest.mark.parametrize(("clause", "hours", "winner", "loser"), PRECEDENCE)
def test_link_against_coupon_pays_one_side_and_never_both(
    clause: str, hours: int, winner: str, loser: tuple[str, str]
) -> None:
    stage = Stage(precedence=clause)
    sale = stage.sale(
        journey={"reef": 600_000, "search": 400_000},
        link_owner_id=stage.reef.pk,
        link_at=PLACED + timedelta(hours=hours),
        coupon_owner_id=stage.pier.pk,
        coupon_channel_id=stage.channels["pier"].pk,
        coupon_at=PLACED,
    )
    earnings_settle(sales=[sale])
    found = decisions()
    # By its coupon a partner gets the whole tenth; by links only the part that the model credited.
    assert found[winner] == ("earned", 1_000 if winner == "pier" else 600)
    assert found[loser[0]] == (loser[1], 0)


def test_a_coupon_without_a_rival_gives_its_owner_the_whole_share(stage: Stage) -> None:
    earnings_settle(sales=[stage.sale(journey={"search": 1_000_000}, coupon_owner_id=stage.pier.pk)])
    assert decisions()["pier"] == ("earned", 1_000)
    assert EarningDecision.objects.get(party=stage.pier).credit_ppm == 1_000_000


@pytest.mark.parametrize(("clause", "earned"), [("refuse", False), ("allow", True)])
def test_own_purchases_by_the_clause(cast: Cast, clause: str, earned: bool) -> None:
    stage = Stage(self_purchase=clause)
    for party in (stage.reef, stage.alice):
        seat_give(user=cast.lee, party=party)
    earnings_settle(sales=[stage.sale(journey={"reef": 1_000_000}, buyer_id=cast.lee.pk)])
    found = decisions()
    if earned:
        assert (found["reef"], found["alice"]) == (("earned", 1_000), ("earned", 5_040))
        return
    # The channel's credit stays in the pool; the maker's share goes to the platform; bob earns as ever.
    assert (found["reef"], found["alice"]) == (("self_purchase", 0), ("self_purchase", 0))
    assert found["bob"] == ("earned", 1_400)
    assert books() == {"processor:clearing": -10_000, "party:bob": 1_400, "platform:revenue": 8_600}


def test_an_own_coupon_does_not_compete_with_the_link_of_another(cast: Cast, stage: Stage) -> None:
    seat_give(user=cast.lee, party=stage.pier)
    sale = stage.sale(
        journey={"reef": 1_000_000}, link_owner_id=stage.reef.pk, link_at=PLACED, coupon_owner_id=stage.pier.pk
    )
    earnings_settle(sales=[sale._replace(buyer_id=cast.lee.pk)])
    assert (decisions()["reef"], decisions()["pier"]) == (("earned", 1_000), ("self_purchase", 0))


def test_everyone_considered_is_told_why_they_earn_nothing(stage: Stage) -> None:
    late, out = desk.party("late"), desk.party("out", member=False)
    left = desk.party("left")
    membership_decide(membership=Membership.objects.get(party=left), state=MembershipState.LEFT, by=None)
    channels: dict[str, Channel] = {"out": desk.channel("out", out), "left": desk.channel("left", left)}
    stage.channels |= channels
    earnings_settle(
        sales=[
            stage.sale(
                journey={"out": 300_000, "left": 300_000, "search": 400_000},
                link_owner_id=stage.reef.pk,
                link_at=PLACED,
                touched={late.pk: PLACED - timedelta(days=31), stage.pier.pk: PLACED - timedelta(days=30)},
            )
        ]
    )
    assert decisions() == {
        "alice": ("earned", 5_600),
        "bob": ("earned", 1_400),
        "out": ("not_a_member", 0),
        "left": ("not_a_member", 0),
        "reef": ("no_credit", 0),
        "pier": ("no_credit", 0),
        "late": ("window_closed", 0),
    }


def test_a_rule_without_a_channel_step_tells_channels_so() -> None:
    stage = Stage(steps=[desk.split(("party:alice", 4), ("party:bob", 1))])
    earnings_settle(sales=[stage.sale(journey={"reef": 1_000_000})])
    assert decisions() == {"alice": ("earned", 8_000), "bob": ("earned", 2_000), "reef": ("no_share", 0)}


def test_without_an_agreement_everything_stays_with_the_platform(stage: Stage) -> None:
    line = desk.line(1, "unknown", item_party_ids=[stage.bob.pk])
    earnings_settle(sales=[stage.sale(journey={"reef": 1_000_000}, lines=[line], processor_fee_minor=290)])
    assert books() == {
        "processor:clearing": -9_710,
        "platform:processor_fees": -290,
        "platform:revenue": 10_000,
    }
    assert decisions() == {"bob": ("not_in_force", 0), "reef": ("not_in_force", 0)}


def test_a_sale_that_moves_no_money_books_no_entry_and_still_decides(stage: Stage) -> None:
    free = stage.sale(lines=[desk.line(price=4_900, discount_minor=4_900)])
    for created in (True, False):
        (settled,) = earnings_settle(sales=[free])
        assert (settled.entry_id, settled.created) == (None, created)
    assert not books()
    assert decisions() == {"alice": ("nothing_left", 0), "bob": ("nothing_left", 0)}


def test_a_free_sale_that_the_platform_bears_pays_as_if_it_were_not_free(stage: Stage) -> None:
    sale = stage.sale(lines=[desk.line(price=4_900, discount_minor=4_900)], discount_bearer="platform:promotions")
    earnings_settle(sales=[sale])
    assert books() == {
        "platform:promotions": -4_900,
        "platform:revenue": 1_470,
        "party:alice": 2_744,
        "party:bob": 686,
    }
    earnings_void(order_codes=["O-1"], at=PLACED, actor_id=None, reason="")
    assert not books()


def test_tax_on_top_is_paid_by_the_learner_and_shared_by_nobody(stage: Stage) -> None:
    line = desk.line(price=10_000, tax_minor=600, payable_minor=10_600)
    earnings_settle(sales=[stage.sale(lines=[line], tax_inclusive=False)])
    assert books() == {
        "processor:clearing": -10_600,
        "tax:payable": 600,
        "platform:revenue": 3_000,
        "party:alice": 5_600,
        "party:bob": 1_400,
    }


def test_a_reserve_lies_beside_and_is_part_of_the_decision() -> None:
    alice = desk.party("alice")
    rule = {"steps": [desk.split(("party:alice", 1))], "reserve_bp": 1_000}
    desk.agreement(parties=[alice], rule=rule)
    earnings_settle(sales=[desk.sale()])
    (balance,) = party_balances(parties=[alice.pk], at=PLACED, visible_to=None)
    assert (balance.balance, balance.pending, balance.reserve) == (9_000, 9_000, 1_000)
    assert decisions() == {"alice": ("earned", 10_000)}


def test_variants_ask_who_brought_the_learner() -> None:
    alice = desk.party("alice")
    own, foreign = desk.channel("own", alice), desk.channel("mail", kind="email")
    by_owner = [desk.split(("party:alice", 97), ("platform:revenue", 3))]
    others = [desk.split(("party:alice", 37), ("platform:revenue", 63))]
    rule = {"variants": [{"when": {"brought_by": "owner"}, "steps": by_owner}, {"when": {}, "steps": others}]}
    desk.agreement(parties=[alice], rule=rule)
    journeys = ({"last_touch": [desk.credit(channel, 1_000_000)]} for channel in (own, foreign))
    earnings_settle(
        sales=[desk.sale(f"O-{i}", lines=[desk.line(i, price=1_999)], credits=got) for i, got in enumerate(journeys)]
    )
    assert decisions("O-0") == {"alice": ("earned", 1_939)}
    assert decisions("O-1") == {"alice": ("earned", 740)}


def test_settling_again_changes_nothing_not_even_under_other_terms(stage: Stage) -> None:
    first = earnings_settle(sales=[stage.sale(journey={"reef": 1_000_000})])
    again = earnings_settle(sales=[stage.sale(journey={"pier": 1_000_000}), stage.sale("O-2", lines=[desk.line(2)])])
    assert [row.created for row in again] == [False, True]
    assert again[0].entry_id == first[0].entry_id
    assert "pier" not in decisions()


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"lines": [desk.line(price=100, payable_minor=99)]}, "O-1, line L1: the learner paid 99, but .* make 100"),
        ({"lines": [desk.line(price=100, discount_minor=101, payable_minor=0)]}, "O-1: .*more than the price of 100"),
        ({"currency": "XXX"}, "O-1: currency is not an ISO 4217"),
        ({"discount_bearer": "party:x:y", "lines": [desk.line(price=9, discount_minor=1)]}, "O-1: .*no account"),
    ],
)
def test_facts_that_contradict_one_another_are_refused_and_nothing_is_written(
    stage: Stage, facts: dict[str, Any], says: str
) -> None:
    with pytest.raises(SettlementError, match=says):
        earnings_settle(sales=[stage.sale("O-0", lines=[desk.line(7)]), stage.sale(**facts)])
    assert not books()
    assert not EarningDecision.objects.exists()


def test_a_batch_of_fifty_costs_no_more_queries_than_one(stage: Stage) -> None:
    counts = []
    for start, size in ((0, 1), (10, 50), (100, 200)):
        sales = [
            stage.sale(f"O-{start + i}", journey={"reef": 1_000_000}, lines=[desk.line(start + i)]) for i in range(size)
        ]
        with CaptureQueriesContext(connection) as queries:
            earnings_settle(sales=sales)
        counts.append(len(queries))
    assert max(counts) <= 25, counts
    assert counts[2] == counts[1] <= counts[0]


def test_a_partner_without_an_account_in_this_currency_gets_one(stage: Stage) -> None:
    earnings_settle(sales=[stage.sale(currency="KWD", journey={"reef": 1_000_000})])
    party: Party = stage.reef
    assert [row.currency for row in party_balances(parties=[party.pk], visible_to=None)] == ["KWD"]


def test_who_bears_a_discount_is_told_though_nothing_else_names_it(stage: Stage) -> None:
    earnings_settle(sales=[stage.sale(lines=[desk.line(1, "none", discount_minor=500)], discount_bearer="party:pier")])
    assert decisions() == {"pier": ("discount_borne", -500)}
