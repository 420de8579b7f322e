"""Tables of money. Only the ledger imports them."""

from ledger.models.account import Account, BalanceSnapshot
from ledger.models.entry import JournalEntry, Posting
from ledger.models.rate import FxRate

__all__ = ["Account", "BalanceSnapshot", "FxRate", "JournalEntry", "Posting"]
