"""The desk for money: accounts, entries with their postings, exchange rates, what guards the books."""

from ledger.admin.accounts import AccountAdmin, BalanceSnapshotAdmin
from ledger.admin.entries import JournalEntryAdmin, PostingAdmin
from ledger.admin.guards import SealAdmin, VerificationAdmin
from ledger.admin.months import ClosedPeriodAdmin
from ledger.admin.payouts import PayoutHoldAdmin, PayoutRunAdmin
from ledger.admin.rates import FxRateAdmin

__all__ = [
    "AccountAdmin",
    "BalanceSnapshotAdmin",
    "ClosedPeriodAdmin",
    "FxRateAdmin",
    "JournalEntryAdmin",
    "PayoutHoldAdmin",
    "PayoutRunAdmin",
    "PostingAdmin",
    "SealAdmin",
    "VerificationAdmin",
]
