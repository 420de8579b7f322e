"""Reads of the ledger."""

from ledger.selectors.balances import (
    AccountBalance,
    PartyBalance,
    Release,
    account_balances,
    balance_of,
    party_balances,
    releases,
    trial_balance,
)
from ledger.selectors.entries import (
    EntryRow,
    Flow,
    PostingRow,
    booked_sources,
    entries_with_postings,
    entry_with_postings,
    line_flows,
)
from ledger.selectors.proofs import Proof, proofs, register
from ledger.selectors.rates import Converted, Rate, RateTable, convert, rate_table
from ledger.selectors.visibility import parties_seen

__all__ = [
    "AccountBalance",
    "Converted",
    "EntryRow",
    "Flow",
    "PartyBalance",
    "PostingRow",
    "Proof",
    "Rate",
    "RateTable",
    "Release",
    "account_balances",
    "balance_of",
    "booked_sources",
    "convert",
    "entries_with_postings",
    "entry_with_postings",
    "line_flows",
    "parties_seen",
    "party_balances",
    "proofs",
    "rate_table",
    "register",
    "releases",
    "trial_balance",
]
