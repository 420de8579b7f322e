"""Verbs of the ledger: the only writer of money rows."""

from ledger.services.accounts import accounts_open
from ledger.services.booking import entries_post
from ledger.services.drafts import EntryDraft, PostedEntry, PostingDraft
from ledger.services.rates import NewRate, rate_set, rates_record
from ledger.services.reversal import ReversalDraft, entries_reverse, entry_reverse
from ledger.services.snapshots import snapshot_take

__all__ = [
    "EntryDraft",
    "NewRate",
    "PostedEntry",
    "PostingDraft",
    "ReversalDraft",
    "accounts_open",
    "entries_post",
    "entries_reverse",
    "entry_reverse",
    "rate_set",
    "rates_record",
    "snapshot_take",
]
