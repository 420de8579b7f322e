"""Taking whole orders back."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.selectors import party_balances
from partners.models import EarningDecision
from partners.services import earnings_settle, earnings_void
from tests.partners import desk
from tests.partners.desk import PLACED
from tests.partners.stage import Stage, books

pytestmark = pytest.mark.usefixtures("everything")


def test_voiding_takes_everything_back_and_tells_each_party(stage: Stage) -> None:
    earnings_settle(sales=[stage.sale(journey={"reef": 1_000_000}), stage.sale("O-2", lines=[desk.line(2)])])
    kept = {"processor:clearing": -10_000, "platform:revenue": 3_000, "party:alice": 5_600, "party:bob": 1_400}
    at = PLACED + timedelta(days=2)
    assert earnings_void(order_codes=["O-1", "nowhere"], at=at, actor_id=None, reason="refused") == ["O-1"]
    assert earnings_void(order_codes=["O-1"], at=at + timedelta(days=1), actor_id=None, reason="again") == []
    assert books() == kept
    rows = EarningDecision.objects.filter(reason="voided").select_related("party")
    assert {row.party.code: row.amount_minor for row in rows} == {"alice": -5_040, "bob": -1_260, "reef": -1_000}
    # What the void took counts at once, what the other order gave is on hold still.
    for balance in party_balances(parties=None, at=at, visible_to=None):
        assert balance.balance == balance.pending + balance.available
    reef = next(row for row in party_balances(parties=[stage.reef.pk], at=at, visible_to=None))
    assert (reef.balance, reef.pending, reef.available) == (0, 1_000, -1_000)


def test_voiding_many_costs_a_constant_number_of_queries(stage: Stage) -> None:
    earnings_settle(sales=[stage.sale(f"O-{i}", lines=[desk.line(i)]) for i in range(40)])
    counts = []
    for codes in (["O-0"], [f"O-{i}" for i in range(1, 40)]):
        with CaptureQueriesContext(connection) as queries:
            earnings_void(order_codes=codes, at=PLACED, actor_id=None, reason="")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 24
