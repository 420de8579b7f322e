"""Whose rows a reader may see. The database enforces the same by row-level security; this keeps queries honest."""

from accounts.models import User
from accounts.rules import is_staff, seats_of


def parties_seen(visible_to: User | None) -> frozenset[int] | None:
    """Return the reader's parties by primary key; None for all of them: staff, and (no user) the house itself."""
    if visible_to is None or is_staff(visible_to):
        return None
    return seats_of(visible_to)
