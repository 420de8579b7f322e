"""Verbs of the ledger: the only writer of money rows."""

from ledger.services.accounts import accounts_open
from ledger.services.booking import entries_post
from ledger.services.drafts import EntryDraft, PostedEntry, PostingDraft
from ledger.services.holds import hold_lift, hold_place
from ledger.services.orders import BookedEvent, OrderEventDraft, order_event_book, order_events_book, order_hold
from ledger.services.parties import GuaranteeResult, adjustment_book, advance_book, guarantee_book, pool_book
from ledger.services.payouts import BookedPayout, PayoutTerms, payout_arrived, payout_book, payout_failed
from ledger.services.periods import closing_step, period_close, period_prepare
from ledger.services.rates import NewRate, rate_set, rates_record
from ledger.services.run_booking import item_arrived, item_failed, run_arrived, run_book, runs_book
from ledger.services.runs import (
    Approval,
    items_exclude,
    items_include,
    leaves,
    run_approve,
    run_cancel,
    run_note,
    run_prepare,
    run_refresh,
    run_send_back,
    run_submit,
    terms_of,
)
from ledger.services.sales import BookedSale, SaleDraft, sales_book
from ledger.services.seals import seal_take
from ledger.services.snapshots import snapshot_take
from ledger.services.verification import BooksReport, ProofResult, books_verified, books_verify

__all__ = [
    "Approval",
    "BookedEvent",
    "BookedPayout",
    "BookedSale",
    "BooksReport",
    "EntryDraft",
    "GuaranteeResult",
    "NewRate",
    "OrderEventDraft",
    "PayoutTerms",
    "PostedEntry",
    "PostingDraft",
    "ProofResult",
    "SaleDraft",
    "accounts_open",
    "adjustment_book",
    "advance_book",
    "books_verified",
    "books_verify",
    "closing_step",
    "entries_post",
    "guarantee_book",
    "hold_lift",
    "hold_place",
    "item_arrived",
    "item_failed",
    "items_exclude",
    "items_include",
    "leaves",
    "order_event_book",
    "order_events_book",
    "order_hold",
    "payout_arrived",
    "payout_book",
    "payout_failed",
    "period_close",
    "period_prepare",
    "pool_book",
    "rate_set",
    "rates_record",
    "run_approve",
    "run_arrived",
    "run_book",
    "run_cancel",
    "run_note",
    "run_prepare",
    "run_refresh",
    "run_send_back",
    "run_submit",
    "runs_book",
    "sales_book",
    "seal_take",
    "snapshot_take",
    "terms_of",
]
