# A statement that brings entries with their postings leaves nothing to be asked of each entry when the transaction ends,
# and what many postings name alike is looked up once.

from django.conf import settings
from django.db import migrations

_AS_OWNER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

# Entries that have no postings when their statement ends are looked at when the transaction does, as all were before.
# They are noted together: who brings many entries and their postings after them has them looked at by one query.
POSTED = f"""
CREATE TABLE ledger_unposted (entries bigint[] NOT NULL);
REVOKE ALL ON ledger_unposted FROM "{settings.DATABASES["default"]["USER"]}";
CREATE FUNCTION ledger_check_posted() RETURNS trigger {_AS_OWNER} AS $$
BEGIN
    INSERT INTO public.ledger_unposted (entries)
    SELECT array_agg(f.id) FROM fresh f
    WHERE NOT EXISTS (SELECT 1 FROM public.ledger_posting p WHERE p.entry_id = f.id) HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE FUNCTION ledger_check_unposted() RETURNS trigger {_AS_OWNER} AS $$
DECLARE
    empty bigint;
BEGIN
    SELECT e INTO empty FROM unnest(NEW.entries) e
    WHERE NOT EXISTS (SELECT 1 FROM public.ledger_posting p WHERE p.entry_id = e) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Entry % has no postings; what moves no money is not booked.', empty
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_not_empty';
    END IF;
    DELETE FROM public.ledger_unposted WHERE entries = NEW.entries;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entry_posted AFTER INSERT ON ledger_journalentry
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_posted();
DROP TRIGGER ledger_entry_not_empty ON ledger_journalentry;
DROP FUNCTION ledger_check_not_empty();
CREATE CONSTRAINT TRIGGER ledger_entry_not_empty AFTER INSERT ON ledger_unposted
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_unposted();
"""
UNDO_POSTED = f"""
CREATE FUNCTION ledger_check_not_empty() RETURNS trigger {_AS_OWNER} AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM public.ledger_posting p WHERE p.entry_id = NEW.id) THEN
        RAISE EXCEPTION 'Entry % has no postings; what moves no money is not booked.', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_not_empty';
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER ledger_entry_posted ON ledger_journalentry; DROP FUNCTION ledger_check_posted();
DROP TABLE ledger_unposted; DROP FUNCTION ledger_check_unposted();
CREATE CONSTRAINT TRIGGER ledger_entry_not_empty AFTER INSERT ON ledger_journalentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_check_not_empty();
"""

_REFUSE = """
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
"""

# Postings that say the same of an account, or of an entry, are compared with it once.
AGREES = f"""
CREATE OR REPLACE FUNCTION ledger_check_posting() RETURNS trigger {_AS_OWNER} AS $$
DECLARE
    off record;
BEGIN
    SELECT f.id, f.account_id, f.entry_id, a.id IS NULL AS lost, a.code, a.currency INTO off
    FROM (
        SELECT min(n.id) AS id, n.account_id, min(n.entry_id) AS entry_id, n.currency, n.party_id
        FROM fresh n GROUP BY n.account_id, n.currency, n.party_id
    ) f
    LEFT JOIN public.ledger_account a ON a.id = f.account_id
    WHERE a.id IS NULL OR f.currency <> a.currency OR f.party_id IS DISTINCT FROM a.party_id
    LIMIT 1;
    IF NOT FOUND THEN
        SELECT f.id, p.account_id, f.entry_id, e.id IS NULL AS lost, a.code, a.currency INTO off
        FROM (
            SELECT min(n.id) AS id, n.entry_id, n.occurred_at, n.booked_on
            FROM fresh n GROUP BY n.entry_id, n.occurred_at, n.booked_on
        ) f
        LEFT JOIN public.ledger_journalentry e ON e.id = f.entry_id
        LEFT JOIN fresh p ON p.id = f.id
        LEFT JOIN public.ledger_account a ON a.id = p.account_id
        WHERE e.id IS NULL OR f.occurred_at <> e.occurred_at OR f.booked_on IS DISTINCT FROM e.booked_on
        LIMIT 1;
    END IF;
    {_REFUSE}
END $$;
"""
UNDO_AGREES = f"""
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
    {_REFUSE}
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0011_rate_source'),
    ]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        migrations.RunSQL(POSTED, UNDO_POSTED),
        migrations.RunSQL(AGREES, UNDO_AGREES),
    ]
