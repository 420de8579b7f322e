# A closed month keeps the balances of all that stands before its end: months before it are closed as well, also those
# that had no entries when it was closed.

from django.db import migrations

_AS_OWNER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"


def check(comparison: str, said: str) -> str:
    return f"""
CREATE OR REPLACE FUNCTION ledger_check_open_period() RETURNS trigger {_AS_OWNER} AS $$
DECLARE
    off record;
BEGIN
    SELECT f.id, f.booked_on INTO off
    FROM fresh f JOIN public.ledger_closedperiod c ON c.month {comparison} date_trunc('month', f.booked_on)::date LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Entry % was to be booked on %, but that month is closed{said}; book it into an open month.',
            off.id, off.booked_on USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_open_period';
    END IF;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0008_statement_checks'),
    ]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        migrations.RunSQL(check(">=", " or lies before one that is"), check("=", "")),
    ]
