"""Where postings of a party stand among each other: what a reader steps through."""

from datetime import date

from ledger.models import Posting


def posting_of_entry(*, entry_id: int, line: str, party: int) -> int | None:
    """The first posting of an entry for a party on an order line; None where it has none."""
    rows = Posting.objects.filter(entry=entry_id, line=line, party=party).order_by("position")
    return rows.values_list("pk", flat=True).first()


def posting_neighbours(*, posting_id: int, party: int) -> tuple[int | None, int | None]:
    """The posting before and the one after in the party's month and currency, in the order of booking.

    None at the month's ends, and both where the posting is not the party's.
    """
    here = Posting.objects.filter(pk=posting_id, party=party).values_list("booked_on", "currency").first()
    if here is None:
        return None, None
    day, currency = here
    first = day.replace(day=1)
    after = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    rows = Posting.objects.filter(party=party, currency=currency, booked_on__gte=first, booked_on__lt=after)
    ids = list(rows.order_by("booked_on", "pk").values_list("pk", flat=True))
    at = ids.index(posting_id)
    return ids[at - 1] if at else None, ids[at + 1] if at + 1 < len(ids) else None
