"""Deliveries say when they were begun; keys outlive their events, which go when they have aged."""

from django.db import migrations, models

from accounts.operations import AppendOnly

# That an event was recorded, kept for ever; the event itself goes. Nothing reads it but what records and what purges.
TABLE = "CREATE TABLE events_eventkey (digest uuid PRIMARY KEY)"

DIGEST = """
CREATE FUNCTION events_key_digest(name text, key text) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Names have no blank, so name and key cannot be parted in two ways.
    SELECT encode(substring(sha256(convert_to(name || ' ' || key, 'UTF8')) FOR 16), 'hex')::uuid
$$
"""

KEYS = """
INSERT INTO events_eventkey (digest) SELECT events_key_digest(name, key) FROM events_outboxevent ON CONFLICT DO NOTHING
"""

# The role app may not delete events. This function, owned by the owner of the table, takes those that nobody waits for.
PURGE = """
CREATE FUNCTION events_purge(before timestamptz, most integer) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    gone bigint[];
BEGIN
    IF before > now() - interval '7 days' THEN
        RAISE EXCEPTION 'Events of the last seven days are kept.' USING ERRCODE = 'check_violation';
    END IF;
    SELECT array_agg(id) INTO gone FROM (
        SELECT event.id FROM events_outboxevent AS event
        WHERE event.recorded_at < before
            AND NOT EXISTS (SELECT 1 FROM events_delivery AS d WHERE d.event_id = event.id AND d.state <> 'done')
        ORDER BY event.recorded_at, event.id LIMIT most
    ) AS aged;
    -- A version before this one recorded events without their keys.
    INSERT INTO events_eventkey (digest)
        SELECT events_key_digest(name, key) FROM events_outboxevent WHERE id = ANY (gone) ON CONFLICT DO NOTHING;
    DELETE FROM events_delivery WHERE event_id = ANY (gone);
    PERFORM set_config('tributary.purging', 'events', true);
    DELETE FROM events_outboxevent WHERE id = ANY (gone);
    PERFORM set_config('tributary.purging', '', true);
    RETURN coalesce(cardinality(gone), 0);
END $$
"""

REFUSE = """
DROP TRIGGER refuse_change ON events_outboxevent;
CREATE TRIGGER refuse_change BEFORE UPDATE ON events_outboxevent
    FOR EACH ROW EXECUTE FUNCTION tributary_refuse_change();
CREATE TRIGGER refuse_delete BEFORE DELETE ON events_outboxevent
    FOR EACH ROW WHEN (current_setting('tributary.purging', true) IS DISTINCT FROM 'events')
    EXECUTE FUNCTION tributary_refuse_change();
"""

REFUSE_AS_BEFORE = """
DROP TRIGGER refuse_delete ON events_outboxevent;
DROP TRIGGER refuse_change ON events_outboxevent;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON events_outboxevent
    FOR EACH ROW EXECUTE FUNCTION tributary_refuse_change();
"""


class Migration(migrations.Migration):

    dependencies = [
        ("events", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="delivery",
            name="begun_at",
            field=models.DateTimeField(
                blank=True,
                help_text="A handler is at it, or died at it, since then.",
                null=True,
                verbose_name="begun at",
            ),
        ),
        migrations.RunSQL(TABLE, "DROP TABLE events_eventkey"),
        AppendOnly("events_eventkey"),
        migrations.RunSQL(DIGEST, "DROP FUNCTION events_key_digest(text, text)"),
        migrations.RunSQL(KEYS, migrations.RunSQL.noop),
        migrations.RunSQL(PURGE, "DROP FUNCTION events_purge(timestamptz, integer)"),
        migrations.RunSQL(REFUSE, REFUSE_AS_BEFORE),
    ]
