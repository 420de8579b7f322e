"""Paid orders become entries and decisions."""

import pytest

from ledger.selectors import entry_with_postings, trial_balance
from partners.models import EarningDecision
from partners.services import earnings_settle
from tests.partners import desk

pytestmark = pytest.mark.usefixtures("everything")


def books(currency: str = "CNY") -> dict[str, int]:
    return {row.code: row.amount for row in trial_balance(visible_to=None) if row.currency == currency and row.amount}


def decisions(order: str = "O-1") -> dict[str, tuple[str, int]]:
    rows = EarningDecision.objects.filter(order_code=order).select_related("party")
    return {row.party.code: (str(row.reason), row.amount_minor) for row in rows}


def test_a_sale_through_partner_channels_pays_everyone_to_the_unit() -> None:
    alice, bob, reef, pier = (desk.party(code) for code in ("alice", "bob", "reef", "pier"))
    desk.agreement(parties=[alice, bob], paying_model="linear")
    parts = [desk.credit(desk.channel("search"), 200_000), desk.credit(desk.channel("reef", reef), 300_000)]
    parts.append(desk.credit(desk.channel("pier", pier), 500_000))
    (settled,) = earnings_settle(
        sales=[desk.sale(lines=[desk.line(price=9_999)], processor_fee_minor=290, credits={"linear": parts})]
    )
    # 1,000 of 9,999 is a tenth, half up; 300 and 500 of it are owned; 9,199 less the fee of 290 is 8,909.
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
    assert entry_with_postings(entry_id=settled.entry_id or 0, visible_to=None) is not None
