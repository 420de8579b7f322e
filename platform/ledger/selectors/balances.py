"""What lies on accounts: the last snapshot plus the postings since. A booking touches no balance."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import User
from ledger.selectors.visibility import parties_seen

_BALANCE = """
    coalesce(s.amount, 0) + coalesce((
        SELECT sum(p.amount) FROM ledger_posting p WHERE p.account_id = a.id AND p.id > coalesce(s.upto_posting, 0)
    ), 0)
"""
_SNAPSHOT = """
    LEFT JOIN LATERAL (
        SELECT upto_posting, amount FROM ledger_balancesnapshot
        WHERE account_id = a.id ORDER BY upto_posting DESC LIMIT 1
    ) s ON true
"""


@dataclass(frozen=True, slots=True)
class PartyBalance:
    """What one party has in one currency, in minor units.

    `balance` lies on its payable; `pending` of it has not matured; `available` is the rest; `reserve` lies beside it.
    """

    party_id: int
    currency: str
    balance: int
    pending: int
    available: int
    reserve: int


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """One row of the trial balance. Positive is credit."""

    account_id: int
    code: str
    currency: str
    kind: str
    party_id: int | None
    amount: int


@dataclass(frozen=True, slots=True)
class Release:
    """What matures on one day of the house's time zone."""

    day: date
    currency: str
    amount: int


def party_balances(
    *, parties: Collection[int] | None, at: datetime | None = None, visible_to: User | None
) -> list[PartyBalance]:
    """Balances by party and currency; `parties` None: of all that the reader may see. `at` decides what has matured."""
    wanted = _allowed(parties, visible_to)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT a.party_id, a.currency, a.code LIKE '%%:reserve' AS reserve, {_BALANCE} AS amount,
                coalesce((
                    SELECT sum(p.amount) FROM ledger_posting p
                    WHERE p.party_id = a.party_id AND p.currency = a.currency AND p.matures_at > %(at)s
                        AND p.account_id = a.id
                ), 0) AS pending
            FROM ledger_account a {_SNAPSHOT}
            WHERE a.party_id IS NOT NULL AND a.code NOT LIKE '%%:advance'
                AND (%(all)s OR a.party_id = ANY (%(parties)s))
            ORDER BY a.party_id, a.currency
            """,  # noqa: S608 - only constants of this module are put in
            {"at": at or timezone.now(), "all": wanted is None, "parties": sorted(wanted or ())},
        )
        rows = cursor.fetchall()
    found: dict[tuple[int, str], list[int]] = {}
    for party, currency, is_reserve, amount, pending in rows:
        sums = found.setdefault((party, currency), [0, 0, 0])
        if is_reserve:
            sums[2] += int(amount)
        else:
            sums[0] += int(amount)
            sums[1] += int(pending)
    return [
        PartyBalance(party, currency, balance, pending, balance - pending, reserve)
        for (party, currency), (balance, pending, reserve) in found.items()
    ]


def releases(*, party: int, at: datetime | None = None, visible_to: User | None) -> list[Release]:
    """What of a party's payable matures after `at`, by day and currency; days without movement are left out."""
    wanted = _allowed([party], visible_to)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT (p.matures_at AT TIME ZONE %(zone)s)::date AS day, p.currency, sum(p.amount)
            FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
            WHERE p.party_id = ANY (%(parties)s) AND p.matures_at > %(at)s AND a.code NOT LIKE 'party:%%:%%'
            GROUP BY day, p.currency HAVING sum(p.amount) <> 0 ORDER BY p.currency, day
            """,
            {
                "zone": timezone.get_default_timezone_name(),
                "parties": sorted(wanted or ()),
                "at": at or timezone.now(),
            },
        )
        return [Release(day, currency, int(amount)) for day, currency, amount in cursor.fetchall()]


def trial_balance(*, visible_to: User | None) -> list[AccountBalance]:
    """Return every account with its balance. Over all accounts each currency sums to zero."""
    return _accounts("true", {}, visible_to)


def account_balances(*, accounts: Collection[int], visible_to: User | None) -> dict[int, int]:
    """Balances of some accounts by their primary key."""
    rows = _accounts("a.id = ANY (%(ids)s)", {"ids": sorted(accounts)}, visible_to)
    return {row.account_id: row.amount for row in rows}


def balance_of(*, code: str, currency: str, visible_to: User | None) -> int:
    """Balance of one account; 0 where it was never opened."""
    rows = _accounts(
        "a.code = %(code)s AND a.currency = %(currency)s", {"code": code, "currency": currency}, visible_to
    )
    return rows[0].amount if rows else 0


def _accounts(condition: str, values: dict[str, Any], visible_to: User | None) -> list[AccountBalance]:
    wanted = parties_seen(visible_to)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT a.id, a.code, a.currency, a.kind, a.party_id, {_BALANCE}
            FROM ledger_account a {_SNAPSHOT}
            WHERE ({condition}) AND (%(all)s OR a.party_id = ANY (%(parties)s))
            ORDER BY a.code, a.currency
            """,  # noqa: S608 - only constants of this module are put in
            {**values, "all": wanted is None, "parties": sorted(wanted or ())},
        )
        return [
            AccountBalance(pk, account, currency, kind, party, int(amount))
            for pk, account, currency, kind, party, amount in cursor.fetchall()
        ]


def _allowed(parties: Collection[int] | None, visible_to: User | None) -> Sequence[int] | None:
    seen = parties_seen(visible_to)
    if parties is None:
        return None if seen is None else sorted(seen)
    return sorted(parties if seen is None else seen.intersection(parties))
