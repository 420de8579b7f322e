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
    credits_of_parties,
    entries_with_postings,
    entry_with_postings,
    line_flows,
)
from ledger.selectors.proofs import Proof, proofs, register
from ledger.selectors.rates import Converted, RateTable, RateUsed, convert, converted_at, rate_on, rate_table
from ledger.selectors.visibility import parties_seen

__all__ = [
    "AccountBalance",
    "Converted",
    "EntryRow",
    "Flow",
    "PartyBalance",
    "PostingRow",
    "Proof",
    "RateTable",
    "RateUsed",
    "Release",
    "account_balances",
    "balance_of",
    "booked_sources",
    "convert",
    "converted_at",
    "credits_of_parties",
    "entries_with_postings",
    "entry_with_postings",
    "line_flows",
    "parties_seen",
    "party_balances",
    "proofs",
    "rate_on",
    "rate_table",
    "register",
    "releases",
    "trial_balance",
]
