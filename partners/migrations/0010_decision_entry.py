# Decisions are found by party and date, never by entry; that the entry is there is seen to a statement at a time.

import django.db.models.deletion
from django.db import migrations, models

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

ENTRY = """
CREATE FUNCTION partners_check_decision_entry() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    off record;
BEGIN
    SELECT f.id, f.entry_id INTO off FROM fresh f
    WHERE f.entry_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM public.ledger_journalentry e WHERE e.id = f.entry_id)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Decision % names entry %, which is not in the books.', off.id, off.entry_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'partners_decision_entry';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER partners_decision_entry AFTER INSERT ON partners_earningdecision
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION partners_check_decision_entry();
"""
UNDO = """
DROP TRIGGER partners_decision_entry ON partners_earningdecision; DROP FUNCTION partners_check_decision_entry();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0008_statement_checks'),
        ('partners', '0009_claims'),
    ]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        migrations.RunSQL(ENTRY, UNDO),
        migrations.AlterField(
            model_name='earningdecision',
            name='entry',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.journalentry', verbose_name='entry'),
        ),
        migrations.AlterField(
            model_name='earningdecision',
            name='party',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='accounts.party', verbose_name='party'),
        ),
    ]
