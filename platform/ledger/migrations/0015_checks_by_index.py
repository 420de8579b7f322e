# What checks of a statement refuse is what it was; how they look rows up no longer depends on when they were planned. A
# plan is kept while its table grows: one made for a table that was empty, or for a thousand rows where seven came, read
# all of it for each order. So each row is asked for by its key (a LATERAL that cannot be flattened, or ANY of a list), and
# no table is read whole.

from django.db import migrations

_BY_INDEX = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off"

WITH_ENTRY = f"""
CREATE OR REPLACE FUNCTION ledger_check_with_entry() RETURNS trigger {_BY_INDEX} AS $$
DECLARE
    current bigint := pg_current_xact_id()::text::bigint;
    told bigint[] := ARRAY(SELECT DISTINCT f.entry_id FROM fresh f);
    off record;
BEGIN
    SELECT e.id INTO off
    FROM public.ledger_journalentry e
    CROSS JOIN LATERAL (SELECT (e.xmin::text::bigint - current) & 4294967295 AS ahead) d
    WHERE e.id = ANY (told) AND pg_xact_status(
        (current + d.ahead - CASE WHEN d.ahead >= 2147483648 THEN 4294967296 ELSE 0 END)::text::xid8
    ) IS DISTINCT FROM 'in progress'
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Entry % was booked before; its postings come with it, never later.', off.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_posting_with_entry';
    END IF;
    RETURN NULL;
END $$;
"""

POSTED = f"""
CREATE OR REPLACE FUNCTION ledger_check_posted() RETURNS trigger {_BY_INDEX} AS $$
BEGIN
    INSERT INTO public.ledger_unposted (entries)
    SELECT array_agg(f.id) FROM fresh f
    WHERE (SELECT p.id FROM public.ledger_posting p WHERE p.entry_id = f.id LIMIT 1) IS NULL HAVING count(*) > 0;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION ledger_check_unposted() RETURNS trigger {_BY_INDEX} AS $$
DECLARE
    empty bigint;
BEGIN
    SELECT e INTO empty FROM unnest(NEW.entries) e
    WHERE (SELECT p.id FROM public.ledger_posting p WHERE p.entry_id = e LIMIT 1) IS NULL LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Entry % has no postings; what moves no money is not booked.', empty
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_not_empty';
    END IF;
    DELETE FROM public.ledger_unposted WHERE entries = NEW.entries;
    RETURN NULL;
END $$;
"""

AGREES = f"""
CREATE OR REPLACE FUNCTION ledger_check_posting() RETURNS trigger {_BY_INDEX} AS $$
DECLARE
    off record;
BEGIN
    SELECT f.id, f.account_id, f.entry_id, a.id IS NULL AS lost, a.code, a.currency INTO off
    FROM (
        SELECT min(n.id) AS id, n.account_id, min(n.entry_id) AS entry_id, n.currency, n.party_id
        FROM fresh n GROUP BY n.account_id, n.currency, n.party_id
    ) f
    LEFT JOIN LATERAL (
        SELECT x.id, x.code, x.currency, x.party_id FROM public.ledger_account x WHERE x.id = f.account_id OFFSET 0
    ) a ON true
    WHERE a.id IS NULL OR f.currency <> a.currency OR f.party_id IS DISTINCT FROM a.party_id
    LIMIT 1;
    IF NOT FOUND THEN
        SELECT f.id, p.account_id, f.entry_id, f.lost, a.code, a.currency INTO off
        FROM (
            SELECT g.id, g.entry_id, e.id IS NULL AS lost
            FROM (
                SELECT min(n.id) AS id, n.entry_id, n.occurred_at, n.booked_on
                FROM fresh n GROUP BY n.entry_id, n.occurred_at, n.booked_on
            ) g
            LEFT JOIN LATERAL (
                SELECT x.id, x.occurred_at, x.booked_on FROM public.ledger_journalentry x
                WHERE x.id = g.entry_id OFFSET 0
            ) e ON true
            WHERE e.id IS NULL OR g.occurred_at <> e.occurred_at OR g.booked_on IS DISTINCT FROM e.booked_on
            LIMIT 1
        ) f
        JOIN fresh p ON p.id = f.id
        JOIN public.ledger_account a ON a.id = p.account_id;
    END IF;
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
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0014_items_once_told")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(WITH_ENTRY + POSTED + AGREES, migrations.RunSQL.noop),
    ]
