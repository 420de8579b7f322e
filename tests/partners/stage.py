"""The stage on which settlements are tested: a shared course, channels with and without owners."""

from typing import Any

from ledger.selectors import trial_balance
from partners.models import EarningDecision
from partners.services import SaleFacts
from tests.partners import desk


def books(currency: str = "CNY") -> dict[str, int]:
    return {row.code: row.amount for row in trial_balance(visible_to=None) if row.currency == currency and row.amount}


def decisions(order: str = "O-1") -> dict[str, tuple[str, int]]:
    rows = EarningDecision.objects.filter(order_code=order).exclude(reason="voided").select_related("party")
    return {row.party.code: (str(row.reason), row.amount_minor) for row in rows}


class Stage:
    """Alice and bob share a course; reef and pier own channels, search belongs to nobody."""

    def __init__(self, **terms: Any) -> None:
        self.alice, self.bob, self.reef, self.pier = (desk.party(code) for code in ("alice", "bob", "reef", "pier"))
        self.version = desk.agreement(parties=[self.alice, self.bob], paying_model="linear", **terms)
        self.channels = {
            "search": desk.channel("search"),
            "reef": desk.channel("reef", self.reef),
            "pier": desk.channel("pier", self.pier),
        }

    def sale(self, code: str = "O-1", journey: dict[str, int] | None = None, **facts: Any) -> SaleFacts:
        """A sale whose journey gave these channels so much credit in ppm; None stands for unattributed."""
        parts = [desk.credit(self.channels.get(name), ppm) for name, ppm in (journey or {}).items()]
        return desk.sale(code, credits={"linear": parts}, **facts)
