"""By which calendar the books were kept."""

from django.conf import settings
from django.db import connections

from ledger.models import JournalEntry
from ledger.selectors.proofs.days import days_sql


def other_day(*, using: str) -> str:
    """Name an entry whose day in the books is not that of PORTAL_TIME_ZONE; empty where none is, or no books are."""
    connection = connections[using]
    if JournalEntry._meta.db_table not in connection.introspection.table_names():
        return ""
    with connection.cursor() as cursor:
        cursor.execute(f"{days_sql(settings.TIME_ZONE)} LIMIT 1")
        row = cursor.fetchone()
    return " ".join(row) if row else ""
