"""Opening accounts: on first use, many at once."""

from collections.abc import Collection
from typing import NamedTuple

from django.db import connection
from django.utils import timezone

from accounts.columns import texts
from accounts.models import Party
from accounts.statements import Statement, fetch
from ledger.choices import AccountKind
from ledger.errors import UnknownAccountError
from ledger.splits.accounts import is_known

AccountKey = tuple[str, str]
"""Code and currency."""


class AccountRow(NamedTuple):
    """What a posting needs to know of its account."""

    id: int
    party_id: int | None


_FIND = Statement(
    "accounts_find",
    """
    SELECT code, currency, id, party_id FROM ledger_account
    WHERE code = ANY (%s::text[]) AND currency = ANY (%s::text[])
    """,
)


def accounts_open(*, keys: Collection[AccountKey]) -> dict[AccountKey, AccountRow]:
    """Find the accounts by (code, currency) and open those that are missing; UnknownAccountError names a wrong code."""
    found = _find(keys)
    missing = sorted(set(keys) - found.keys())
    if missing:
        _insert(missing)
        found |= _find(missing)
    return found


def _find(keys: Collection[AccountKey]) -> dict[AccountKey, AccountRow]:
    """The accounts that are open, by key; maybe others with a code of one key and the currency of another."""
    codes, currencies = {code for code, _ in keys}, {currency for _, currency in keys}
    rows = fetch((_FIND, [texts(codes), texts(currencies)]))
    return {(code, currency): AccountRow(id_, party) for code, currency, id_, party in rows}


def _insert(missing: Collection[AccountKey]) -> None:
    codes = {code for code, _ in missing}
    for code in codes:
        if not is_known(code):
            raise UnknownAccountError(f"{code!r} is no account of the books.")
    names = {code.split(":")[1] for code in codes if code.startswith("party:")}
    parties = dict(Party.objects.filter(code__in=names).values_list("code", "pk")) if names else {}
    unknown = sorted(names - parties.keys())
    if unknown:
        raise UnknownAccountError(f"There is no party with code {unknown[0]!r}.")
    kinds = [AccountKind(code.split(":")[0]).value for code, _ in missing]
    owners = [parties.get(code.split(":")[1]) if code.startswith("party:") else None for code, _ in missing]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO ledger_account (code, currency, kind, party_id, created_at)
            SELECT code, currency, kind, party_id, %s
            FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) AS d (code, currency, kind, party_id)
            ON CONFLICT (code, currency) DO NOTHING
            """,
            [timezone.now(), [code for code, _ in missing], [currency for _, currency in missing], kinds, owners],
        )
