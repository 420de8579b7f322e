"""What a month moved on a party's accounts, posting by posting: what statements are made of."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from ledger.models import ClosedPeriod, Seal

ACCOUNTS = ("payable", "reserve", "advance")
"""A party's three accounts: `party:X`, `party:X:reserve`, `party:X:advance`."""

_ACCOUNT = (
    "CASE WHEN a.code LIKE '%%:reserve' THEN 'reserve' WHEN a.code LIKE '%%:advance' THEN 'advance' ELSE 'payable' END"
)


@dataclass(frozen=True, slots=True)
class Movement:
    """One posting of a party with what its entry says of it. `order`: the order it concerns, empty for other events."""

    party_id: int
    currency: str
    posting_id: int
    entry_id: int
    kind: str
    order: str
    note: str
    booked_on: date
    occurred_at: datetime
    account: str
    line: str
    clause: str
    amount: int
    matures_at: datetime | None


def party_movements(
    *, since: date, until: date, parties: Collection[int] | None = None, currency: str = ""
) -> list[Movement]:
    """Postings booked in [since, until), in the order of booking; of all parties where none are named.

    Call it where all rows are visible: the entries name every party, and only what concerns the own one is returned.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT p.party_id, p.currency, p.id, e.id, e.kind,
                CASE WHEN e.source_kind = 'order' THEN e.source_id ELSE coalesce(e.inputs ->> 'order', '') END,
                coalesce(e.inputs #>> '{{event,reason}}', e.inputs ->> 'reason', ''),
                p.booked_on, p.occurred_at, {_ACCOUNT}, p.line, p.clause, p.amount, p.matures_at
            FROM ledger_posting p
            JOIN ledger_account a ON a.id = p.account_id
            JOIN ledger_journalentry e ON e.id = p.entry_id
            WHERE p.party_id IS NOT NULL AND (%(all)s OR p.party_id = ANY (%(parties)s))
                AND (%(currency)s = '' OR p.currency = %(currency)s)
                AND p.booked_on >= %(since)s AND p.booked_on < %(until)s
            ORDER BY p.party_id, p.currency, p.booked_on, p.id
            """,  # noqa: S608 - only a constant of this module is put in
            {
                "all": parties is None,
                "parties": sorted(parties or ()),
                "currency": currency,
                "since": since,
                "until": until,
            },
        )
        return [Movement(*row) for row in cursor.fetchall()]


def party_openings(
    *, before: date, parties: Collection[int] | None = None, currency: str = ""
) -> dict[tuple[int, str], dict[str, int]]:
    """Balances of all postings booked before a day, by (party, currency) and account; zeros where nothing lies."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT p.party_id, p.currency, {_ACCOUNT}, sum(p.amount)
            FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
            WHERE p.party_id IS NOT NULL AND (%(all)s OR p.party_id = ANY (%(parties)s))
                AND (%(currency)s = '' OR p.currency = %(currency)s) AND p.booked_on < %(before)s
            GROUP BY 1, 2, 3
            """,  # noqa: S608 - only a constant of this module is put in
            {"all": parties is None, "parties": sorted(parties or ()), "currency": currency, "before": before},
        )
        found: dict[tuple[int, str], dict[str, int]] = {}
        for party, cur, account, amount in cursor.fetchall():
            found.setdefault((party, cur), dict.fromkeys(ACCOUNTS, 0))[account] = int(amount)
    return found


def party_held(*, party: int, currency: str, since: datetime, until: datetime, before: date) -> tuple[int, int]:
    """What of a party's payable is not free at `until`, and what became free in (since, until], in minor units.

    Of all that was booked before the day `before`, in whichever month it was earned.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT coalesce(sum(p.amount) FILTER (WHERE p.matures_at > %(until)s), 0),
                coalesce(sum(p.amount) FILTER (WHERE p.matures_at <= %(until)s), 0)
            FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
            WHERE p.party_id = %(party)s AND p.currency = %(currency)s AND p.matures_at > %(since)s
                AND p.booked_on < %(before)s AND {_ACCOUNT} = 'payable'
            """,  # noqa: S608 - only a constant of this module is put in
            {"party": party, "currency": currency, "since": since, "until": until, "before": before},
        )
        held, freed = cursor.fetchone()
    return int(held), int(freed)


def party_months(*, party: int) -> dict[tuple[date, str], tuple[int, int]]:
    """What each month moved on a party's payable, in minor units, and how many postings it has on all accounts.

    By (first day of the month, currency); months without postings are left out.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT date_trunc('month', p.booked_on)::date, p.currency,
                coalesce(sum(p.amount) FILTER (WHERE {_ACCOUNT} = 'payable'), 0), count(*)
            FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
            WHERE p.party_id = %s GROUP BY 1, 2
            """,  # noqa: S608 - only a constant of this module is put in
            [party],
        )
        return {(month, currency): (int(moved), lines) for month, currency, moved, lines in cursor.fetchall()}


def party_currencies(*, party: int) -> list[str]:
    """Currencies in which anything was ever booked for a party."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT currency FROM ledger_posting WHERE party_id = %s ORDER BY currency", [party])
        return [currency for (currency,) in cursor.fetchall()]


def closed_months() -> list[date]:
    """Every closed month by its first day, the earliest first."""
    return list(ClosedPeriod.objects.order_by("month").values_list("month", flat=True))


def last_seal() -> tuple[int, str]:
    """Number and digest of the last seal over the journal; (0, "") where there is none yet."""
    found = Seal.objects.order_by("-number").values_list("number", "digest").first()
    return found or (0, "")
