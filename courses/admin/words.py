"""Figures as the desk writes them: the ledger's."""

from ledger.admin.words import amount as money

__all__ = ["money"]
