"""Whose rows a reader may see. The database enforces the same by row-level security; this keeps queries honest."""

from accounts.models import Seat, User


def parties_seen(visible_to: User | None) -> frozenset[int] | None:
    """Return the reader's parties by primary key; None for all of them: staff, and (no user) the house itself."""
    if visible_to is None or (visible_to.is_staff and visible_to.is_active):
        return None
    if not visible_to.is_authenticated:
        return frozenset()
    return frozenset(Seat.objects.filter(user=visible_to).values_list("party_id", flat=True))
