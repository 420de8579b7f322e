"""What a payout moves: computed when it is booked, and again when it is verified."""

from collections.abc import Mapping
from typing import Any

from ledger.splits.accounts import BANK, IN_TRANSIT, payable
from ledger.splits.payouts import Available, PayoutPlan, payout_details
from ledger.splits.reading import Reader
from ledger.splits.sale import Detail

FORMAT = "payout/1"


def payout_effect(inputs: Mapping[str, Any]) -> PayoutPlan:
    """Compute a payout from what was asked (`event`) and what the payable had: `balance` and, of it, `held`."""
    event = Reader(inputs["event"])
    account, currency = payable(event.party("party")), event.currency("currency")
    return payout_details(event, Available(account, currency, inputs["balance"], inputs["held"]))


def arrival(currency: str, amount: int) -> list[Detail]:
    """Say what moves when a payout reaches the payee: it leaves the bank."""
    return [Detail(IN_TRANSIT, currency, -amount, "", ""), Detail(BANK, currency, amount, "", "")]
