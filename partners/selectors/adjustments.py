"""Adjustments as they are read before and after they are booked."""

from dataclasses import dataclass

from accounts.models import Party
from ledger.selectors import party_balances


@dataclass(frozen=True, slots=True)
class AdjustmentEffect:
    """What an adjustment would do to a party's balance in its currency, in minor units."""

    party: Party
    currency: str
    amount: int
    available_before: int
    balance_before: int

    @property
    def available_after(self) -> int:
        """What could be paid out then."""
        return self.available_before + self.amount

    @property
    def platform(self) -> int:
        """What it changes for the platform, which bears it."""
        return -self.amount

    @property
    def balance_after(self) -> int:
        """What lies on the payable then; below zero later shares fill it first."""
        return self.balance_before + self.amount


def adjustment_effect(*, party: Party, currency: str, amount_minor: int) -> AdjustmentEffect:
    """Preview an adjustment; books nothing. Staff only; call it where all rows are visible."""
    rows = party_balances(parties=[party.pk], visible_to=None)
    found = next((row for row in rows if row.currency == currency), None)
    return AdjustmentEffect(
        party=party,
        currency=currency,
        amount=amount_minor,
        available_before=found.available if found else 0,
        balance_before=found.balance if found else 0,
    )
