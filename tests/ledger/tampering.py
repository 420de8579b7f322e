"""Statements by which somebody with the owner's password could change history."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction

from accounts.scope import all_rows


def entry(kind: str, source_id: str) -> str:
    return f"(SELECT id FROM ledger_journalentry WHERE kind = '{kind}' AND source_id = '{source_id}')"


def account(code: str) -> str:
    return f"(SELECT id FROM ledger_account WHERE code = '{code}' AND currency = 'CNY')"


def postings(change: str, of: str, where: str = "true") -> str:
    return f"UPDATE ledger_posting SET {change} WHERE entry_id = {of} AND {where}"


def entries(change: str, pk: str) -> str:
    return f"UPDATE ledger_journalentry SET {change} WHERE id = {pk}"


def events(change: str, of: str) -> str:
    return f"UPDATE ledger_orderevent SET {change} WHERE entry_id = {of}"


def order(change: str, source_id: str) -> str:
    return f"UPDATE ledger_bookedorder SET {change} WHERE source_id = '{source_id}'"


def payouts(change: str, where: str = "id = (SELECT min(id) FROM ledger_payout)") -> str:
    return f"UPDATE ledger_payout SET {change} WHERE {where}"


def seal(change: str, number: int) -> str:
    return f"UPDATE ledger_seal SET {change} WHERE number = {number}"


def gone(pk: str) -> list[str]:
    return [
        f"DELETE FROM ledger_posting WHERE entry_id = {pk}",
        events("entry_id = NULL", pk),
        f"DELETE FROM ledger_journalentry WHERE id = {pk}",
    ]


@contextmanager
def tampered(*statements: str, tables: str = "ledger_%") -> Iterator[None]:
    """Change history as only somebody with the owner's password could, triggers off; it is undone afterwards."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename LIKE %s", [tables])
        for (table,) in cursor.fetchall():
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        with all_rows(using="owner"):
            for statement in statements:
                cursor.execute(statement)
            yield
        transaction.set_rollback(True, using="owner")
