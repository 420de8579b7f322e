"""Proofs over all of history. Each is one SQL statement that names the rows which contradict it; none is good.

Upper floors add their own with `register`, because what they state is about their tables.
"""

from ledger.selectors.proofs import chain, days, entries, news, orders, parties, payouts
from ledger.selectors.proofs.registry import Proof, proofs, register

__all__ = ["Proof", "chain", "days", "entries", "news", "orders", "parties", "payouts", "proofs", "register"]
