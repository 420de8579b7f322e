"""Everyone considered is told: of duplicates, of what is held, of orders that were never booked."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from ledger.selectors import OrderKey
from partners.models import EarningDecision
from partners.selectors import EarningsOf, earning_waterfall
from partners.selectors.explained import earning_explained
from partners.selectors.panel import Ways, panel_of
from partners.selectors.panel_words import zero_words
from partners.services import earnings_event, earnings_never_booked, earnings_settle
from tests.partners import desk
from tests.partners.desk import PLACED
from tests.partners.stage import Stage, books, decisions

pytestmark = pytest.mark.usefixtures("everything")


def test_who_brought_a_learner_to_a_course_that_was_had_already_is_told_so(stage: Stage) -> None:
    """The makers earn as ever, because it was paid; the part of those who bring learners stays in what remains."""
    sale = stage.sale(
        journey={"reef": 600_000, "search": 400_000},
        lines=[desk.line(1), desk.line(2)],
        touched={stage.pier.pk: PLACED - timedelta(days=3)},
        duplicate_lines=["L2"],
    )
    earnings_settle(sales=[sale])
    rows = EarningDecision.objects.select_related("party")
    found = {(row.source_id, row.party.code): (row.reason, row.amount_minor) for row in rows}
    assert (found["L1", "reef"], found["L1", "pier"]) == (("earned", 600), ("no_credit", 0))
    assert (found["L2", "reef"], found["L2", "pier"]) == (("duplicate", 0), ("duplicate", 0))
    assert found["L2", "alice"][1] > found["L1", "alice"][1] > 0
    assert sum(books().values()) == 0


def test_a_share_that_is_not_free_yet_is_held_and_then_reads_as_earned(stage: Stage) -> None:
    now = timezone.now()
    earnings_settle(sales=[stage.sale("O-1", {"reef": 1_000_000}, placed_at=now), stage.sale("O-2")])
    assert decisions("O-1") == {"alice": ("held", 5_040), "bob": ("held", 1_260), "reef": ("held", 1_000)}
    assert decisions("O-2")["alice"][0] == "earned"
    held = EarningDecision.objects.get(order_code="O-1", party=stage.alice)
    assert held.matures_at == now + timedelta(days=7)
    assert held.reason_at(now) == "held"
    assert held.reason_at(held.matures_at) == "earned"


def test_an_order_voided_before_it_was_booked_tells_everyone_concerned_once(stage: Stage) -> None:
    sale = stage.sale(
        journey={"reef": 1_000_000}, touched={stage.pier.pk: PLACED - timedelta(days=40), stage.reef.pk: PLACED}
    )
    for _time in range(2):
        earnings_never_booked(sales=[sale])
    rows = EarningDecision.objects.select_related("party").order_by("party__code")
    assert [(row.party.code, row.reason, row.amount_minor, row.entry_id) for row in rows] == [
        (code, "voided", 0, None) for code in ("alice", "bob", "pier", "reef")
    ]
    (settled,) = earnings_settle(sales=[sale])
    assert not settled.created
    assert books() == {}


BY_WHOM: dict[str, list[dict[str, Any]]] = {
    "variants": [
        {
            "when": {"brought_by": "partner"},
            "steps": [desk.percent("channel", 2000, "base"), desk.split(("party:bob", 1))],
        },
        {"when": {}, "steps": [desk.split(("party:alice", 3), ("party:bob", 0), ("platform:revenue", 1))]},
    ]
}
"""Who brought the learner decides who shares: bob's sales and alice's."""


def test_a_side_that_the_agreement_gives_nothing_of_such_a_sale_reads_that_and_by_which_clause() -> None:
    stage = Stage(rule=BY_WHOM)
    earnings_settle(sales=[stage.sale("O-1", {"reef": 1_000_000}), stage.sale("O-2", {"search": 1_000_000})])
    assert decisions("O-1") == {"alice": ("no_part", 0), "bob": ("earned", 8_000), "reef": ("earned", 2_000)}
    assert decisions("O-2") == {"alice": ("earned", 7_500), "bob": ("no_part", 0)}
    for order, party, cited in (("O-1", stage.alice, ["3.1", "3.1.3"]), ("O-2", stage.bob, ["3.2", "3.2.2"])):
        line = EarningDecision.objects.get(order_code=order, party=party)
        found = earning_explained(decision_id=line.pk, visible_to=None)
        assert found is not None
        panel = panel_of(found, Ways())
        assert [clause["number"] for clause in panel["clauses"] if clause["decides"]] == cited
        assert (
            panel["because"].strip()
            == "A sale like this one is shared among other sides; the agreement gives you no part of it."
        )


def test_a_part_too_small_for_a_coin_is_nothing_left_and_a_rate_of_nothing_is_no_part() -> None:
    tiers = [{"upto": 1_000, "bp": 0}, {"upto": None, "bp": 4_000}]
    scale = {"take": "tiered", "account": "party:bob", "mode": "cliff", "tiers": tiers}
    stage = Stage(steps=[desk.percent("channel", 1000, "base"), scale, desk.split(("party:alice", 1))])
    for number, (price, bob, reef) in enumerate(
        ((4, "no_part", "nothing_left"), (996, "no_part", "earned"), (1, "nothing_left", "nothing_left"))
    ):
        code = f"O-{number}"
        earnings_settle(sales=[stage.sale(code, {"reef": 1_000_000}, lines=[desk.line(number, price=price)])])
        found = decisions(code)
        assert (found["bob"][0], found["reef"][0]) == (bob, reef), price


def test_a_partner_who_brings_a_sale_that_pays_no_partner_reads_so() -> None:
    rule = {
        "variants": [
            {"when": {"brought_by": "platform"}, "steps": BY_WHOM["variants"][0]["steps"]},
            BY_WHOM["variants"][1],
        ]
    }
    stage = Stage(rule=rule)
    earnings_settle(sales=[stage.sale("O-1", {"reef": 1_000_000})])
    assert decisions("O-1")["reef"] == ("no_share", 0)


@pytest.mark.parametrize(
    ("precedence", "coupon_before", "loser", "says"),
    [
        ("coupon", True, "pier", "a coupon goes before links"),
        ("link", True, "reef", "the link goes before your coupon"),
        ("latest", True, "reef", "after your coupon, and whichever came last is paid"),
        ("latest", False, "pier", "coupon later than any link, and whichever came last is paid"),
    ],
)
def test_who_lost_reads_the_precedence_of_its_own_agreement(
    precedence: str, coupon_before: bool, loser: str, says: str
) -> None:
    stage = Stage(precedence=precedence)
    early, late = PLACED - timedelta(days=2), PLACED - timedelta(days=1)
    sale = stage.sale(
        "O-1",
        {"pier": 1_000_000},
        coupon_owner_id=stage.reef.pk,
        coupon_at=early if coupon_before else late,
        link_owner_id=stage.pier.pk,
        link_at=late if coupon_before else early,
    )
    earnings_settle(sales=[sale])
    line = EarningDecision.objects.get(party__code=loser)
    assert line.amount_minor == 0
    found = earning_explained(decision_id=line.pk, visible_to=None)
    assert found is not None
    assert says in zero_words(found)
    with translation.override("zh-hans"):
        assert ("以最后发生者为准" in zero_words(found)) == (precedence == "latest")


def test_who_owns_the_coupon_and_the_link_lost_to_no_link() -> None:
    stage = Stage(precedence="link")
    sale = stage.sale(
        "O-1", {"search": 1_000_000}, coupon_owner_id=stage.reef.pk, link_owner_id=stage.reef.pk, link_at=PLACED
    )
    earnings_settle(sales=[sale])
    assert decisions("O-1")["reef"] == ("no_credit", 0)


def test_a_sale_that_gives_a_side_nothing_is_no_part_of_its_stream_until_a_correction_gives_it_some() -> None:
    stage = Stage(rule=BY_WHOM)
    earnings_settle(sales=[stage.sale("O-1", {"reef": 1_000_000}), stage.sale("O-2", {"search": 1_000_000})])
    of = EarningsOf(stage.alice.pk)
    assert earning_waterfall(of=of, visible_to=None).sales == 1
    line = EarningDecision.objects.get(order_code="O-1", party=stage.alice)
    rule = stage.version.rule | {"steps": [desk.split(("party:alice", 1), ("party:bob", 1))]}
    earnings_event(
        order_code="O-1",
        event={
            "type": "correct_rule",
            "rule": {k: v for k, v in rule.items() if k != "variants"},
            "line": line.source_id,
        },
        source=OrderKey("correction", "1:1"),
        at=PLACED,
    )
    fall = earning_waterfall(of=of, visible_to=None)
    assert (fall.sales, fall.yours_minor) == (2, 7_500 + 5_000)
    assert fall.start_minor - sum(part.amount_minor for part in fall.parts) == fall.yours_minor
