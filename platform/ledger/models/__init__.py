"""Tables of money. Only the ledger imports them."""

from ledger.models.account import Account, BalanceSnapshot
from ledger.models.entry import JournalEntry, Posting
from ledger.models.order import BookedOrder, OrderEvent, SplitRule
from ledger.models.payout import Payout, PayoutClaim
from ledger.models.period import ClosedPeriod, PreparedPeriod
from ledger.models.rate import FxRate
from ledger.models.run import PayoutHold, PayoutItem, PayoutRun, PayoutRunEvent
from ledger.models.seal import Seal
from ledger.models.verification import Verification

__all__ = [
    "Account",
    "BalanceSnapshot",
    "BookedOrder",
    "ClosedPeriod",
    "FxRate",
    "JournalEntry",
    "OrderEvent",
    "Payout",
    "PayoutClaim",
    "PayoutHold",
    "PayoutItem",
    "PayoutRun",
    "PayoutRunEvent",
    "Posting",
    "PreparedPeriod",
    "Seal",
    "SplitRule",
    "Verification",
]
