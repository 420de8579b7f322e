# See ledger.0015: rows are asked for by their keys, whenever the plan was made.

from django.db import migrations

BY_INDEX = """
CREATE OR REPLACE FUNCTION partners_check_decision_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    off record;
BEGIN
    SELECT f.id, f.entry_id INTO off
    FROM (SELECT min(n.id) AS id, n.entry_id FROM fresh n WHERE n.entry_id IS NOT NULL GROUP BY n.entry_id) f
    WHERE (SELECT e.id FROM public.ledger_journalentry e WHERE e.id = f.entry_id) IS NULL
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Decision % names entry %, which is not in the books.', off.id, off.entry_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'partners_decision_entry';
    END IF;
    RETURN NULL;
END $$;
ALTER FUNCTION partners_earningdecision_check_keys() SET enable_seqscan = off;
"""


class Migration(migrations.Migration):
    dependencies = [("partners", "0020_rows_of_the_house")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(BY_INDEX, migrations.RunSQL.noop),
    ]
