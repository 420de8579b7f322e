# Postings are checked by the statement that brings them instead of row by row, and by one check in place of three keys.

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

_AS_OWNER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

# A statement whose postings balance by themselves leaves every entry as balanced as it found it. The entries of one
# whose postings do not are looked at when the transaction ends, as all were before: their other half may still come.
BALANCE = f"""
CREATE TABLE ledger_unbalanced (entry_id bigint NOT NULL);
REVOKE ALL ON ledger_unbalanced FROM "{settings.DATABASES["default"]["USER"]}";
CREATE FUNCTION ledger_check_balance() RETURNS trigger {_AS_OWNER} AS $$
BEGIN
    INSERT INTO public.ledger_unbalanced (entry_id)
    SELECT DISTINCT f.entry_id FROM fresh f GROUP BY f.entry_id, f.currency HAVING sum(f.amount) <> 0;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION ledger_check_zero_sum() RETURNS trigger {_AS_OWNER} AS $$
DECLARE
    off record;
BEGIN
    SELECT p.currency, sum(p.amount) AS total INTO off
    FROM public.ledger_posting p WHERE p.entry_id = NEW.entry_id
    GROUP BY p.currency HAVING sum(p.amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Entry % does not balance: its postings in % sum to %, not to zero.',
            NEW.entry_id, off.currency, off.total
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_balances';
    END IF;
    IF TG_TABLE_NAME = 'ledger_unbalanced' THEN
        DELETE FROM public.ledger_unbalanced WHERE entry_id = NEW.entry_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_posting_balances AFTER INSERT ON ledger_posting
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_balance();
DROP TRIGGER ledger_entry_balances ON ledger_posting;
CREATE CONSTRAINT TRIGGER ledger_entry_balances AFTER INSERT ON ledger_unbalanced
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_zero_sum();
"""
UNDO_BALANCE = """
CREATE CONSTRAINT TRIGGER ledger_entry_balances AFTER INSERT ON ledger_posting
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_zero_sum();
DROP TRIGGER ledger_posting_balances ON ledger_posting; DROP FUNCTION ledger_check_balance();
DROP TABLE ledger_unbalanced
"""

# That account and entry are there is asked together with whether they agree; neither is ever removed or numbered anew,
# and the party is the account's. Three foreign keys asked for each row, and locked the rows that all bookings share.
AGREES = f"""
CREATE OR REPLACE FUNCTION ledger_check_posting() RETURNS trigger {_AS_OWNER} AS $$
DECLARE
    off record;
BEGIN
    SELECT f.id, f.account_id, f.entry_id, a.id IS NULL OR e.id IS NULL AS lost, a.code, a.currency INTO off
    FROM fresh f
    LEFT JOIN public.ledger_account a ON a.id = f.account_id
    LEFT JOIN public.ledger_journalentry e ON e.id = f.entry_id
    WHERE a.id IS NULL OR e.id IS NULL OR f.currency <> a.currency OR f.party_id IS DISTINCT FROM a.party_id
        OR f.occurred_at <> e.occurred_at OR f.booked_on IS DISTINCT FROM e.booked_on
    LIMIT 1;
    IF off.lost THEN
        RAISE EXCEPTION 'Posting % names account % and entry %, one of which is not in the books.',
            off.id, off.account_id, off.entry_id
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'ledger_posting_agrees';
    ELSIF off.id IS NOT NULL THEN
        RAISE EXCEPTION 'Posting % differs from its account % (%) or its entry in currency, party, instant or day.',
            off.id, off.code, off.currency
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_posting_agrees';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER refuse_removal BEFORE DELETE OR UPDATE OF id ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION tributary_refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON ledger_account
    FOR EACH STATEMENT EXECUTE FUNCTION tributary_refuse_change();
"""
UNDO_AGREES = "DROP TRIGGER refuse_truncate ON ledger_account; DROP TRIGGER refuse_removal ON ledger_account"


def _key(to: str, name: str, related_name: str = "+", *, null: bool = False) -> models.Field:
    return models.ForeignKey(
        blank=null,
        db_constraint=False,
        db_index=False,
        null=null,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to=to,
        verbose_name=name,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0007_guards'),
    ]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        migrations.RunSQL(BALANCE, UNDO_BALANCE),
        migrations.RunSQL(AGREES, UNDO_AGREES),
        migrations.AlterField('posting', 'entry', _key('ledger.journalentry', 'entry', 'postings')),
        migrations.AlterField('posting', 'account', _key('ledger.account', 'account', 'postings')),
        migrations.AlterField('posting', 'party', _key('accounts.party', 'party', null=True)),
    ]
