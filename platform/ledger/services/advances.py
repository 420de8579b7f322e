"""Open advances: what later shares pay back, locked so that two bookings never pay back the same unit."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection

from accounts.columns import texts
from accounts.statements import Statement, fetch
from ledger.splits.accounts import advance
from ledger.splits.sale import Advance

LOCK = "FOR NO KEY UPDATE OF a"

Payable = tuple[str, str]
"""A party's payable account and a currency."""


@dataclass(frozen=True, slots=True)
class AdvanceBalance:
    """An advance account with its balance (negative: still to be paid back) and the rate of its last advance."""

    amount: int
    recoup_bp: int


_LOCKED = Statement(
    "advances_lock",
    f"""
    SELECT a.id, a.code, a.currency, a.recoup_bp FROM ledger_account a
    WHERE (a.code, a.currency) IN (SELECT * FROM unnest(%(codes)s::text[], %(currencies)s::text[]))
        AND a.code = ANY (%(codes)s::text[]) AND a.recoup_bp IS NOT NULL
    ORDER BY a.id {LOCK}
    """,  # noqa: S608 - only a constant of this module is put in
)


def advances_lock(*, payables: Collection[Payable]) -> dict[Payable, AdvanceBalance]:
    """Lock the advance accounts that belong to payables and return their balances; those never opened are left out.

    Bookings on the accounts go on meanwhile; whoever recoups, grants or corrects waits. One query where there are none.
    """
    if not payables:
        return {}
    codes, currencies = texts(advance(account) for account, _ in payables), texts(currency for _, currency in payables)
    rows = fetch((_LOCKED, {"codes": codes, "currencies": currencies}))
    if not rows:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.id, coalesce(s.amount, 0) + coalesce((
                SELECT sum(p.amount) FROM ledger_posting p
                WHERE p.account_id = a.id AND p.id > coalesce(s.upto_posting, 0)
            ), 0)
            FROM ledger_account a
            LEFT JOIN LATERAL (
                SELECT upto_posting, amount FROM ledger_balancesnapshot
                WHERE account_id = a.id ORDER BY upto_posting DESC LIMIT 1
            ) s ON true
            WHERE a.id = ANY (%s)
            """,
            [[row[0] for row in rows]],
        )
        amounts = {pk: int(amount) for pk, amount in cursor.fetchall()}
    return {
        (code.removesuffix(":advance"), currency): AdvanceBalance(amounts[pk], bp) for pk, code, currency, bp in rows
    }


def still_open(balance: AdvanceBalance) -> Advance | None:
    """Return an advance account as the split engine takes it; None where nothing is outstanding."""
    return Advance(-balance.amount, balance.recoup_bp) if balance.amount < 0 else None
