"""Everyone considered is told: of duplicates, of what is held, of orders that were never booked."""

from datetime import timedelta

import pytest
from django.utils import timezone

from partners.models import EarningDecision
from partners.services import earnings_never_booked, earnings_settle
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
