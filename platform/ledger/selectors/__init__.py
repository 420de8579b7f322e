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
from ledger.selectors.orders import (
    EVENT_KINDS,
    BookedState,
    EventEffect,
    OrderKey,
    OrderStanding,
    booked_state,
    booked_states,
    event_effect,
    order_standing,
)
from ledger.selectors.payable import Payable, RunTerms, payables, unsettled_lines
from ledger.selectors.proofs import Proof, proofs, register
from ledger.selectors.rates import Converted, RateTable, RateUsed, convert, converted_at, rate_on, rate_table
from ledger.selectors.reserves import ReservedLine, lines_in_reserve
from ledger.selectors.rules import BookRule, book_rule, rules_by_digest
from ledger.selectors.visibility import parties_seen

__all__ = [
    "EVENT_KINDS",
    "AccountBalance",
    "BookRule",
    "BookedState",
    "Converted",
    "EntryRow",
    "EventEffect",
    "Flow",
    "OrderKey",
    "OrderStanding",
    "PartyBalance",
    "Payable",
    "PostingRow",
    "Proof",
    "RateTable",
    "RateUsed",
    "Release",
    "ReservedLine",
    "RunTerms",
    "account_balances",
    "balance_of",
    "book_rule",
    "booked_sources",
    "booked_state",
    "booked_states",
    "convert",
    "converted_at",
    "credits_of_parties",
    "entries_with_postings",
    "entry_with_postings",
    "event_effect",
    "line_flows",
    "lines_in_reserve",
    "order_standing",
    "parties_seen",
    "party_balances",
    "payables",
    "proofs",
    "rate_on",
    "rate_table",
    "register",
    "releases",
    "rules_by_digest",
    "trial_balance",
    "unsettled_lines",
]
