from importlib import import_module

from django.db import migrations

# What `analytics_follow` keeps, and how it answers, is what it was. A browser that nobody knew a moment ago needs no
# turn: of two first clicks at once the second waits for the first one's row, which is unique by its key, and then takes
# its turn as a known one. Nor can it have come by the link before. Values are handed out one by one, without another query.
FOLLOW = """
CREATE OR REPLACE FUNCTION analytics_follow(
    asked text, browser uuid, referrer text, subs jsonb, mark text, agreed boolean, instant timestamptz
) RETURNS TABLE (destination text, source text, medium text, campaign text, term text, content text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    link record;
    who bigint;
    person bigint;
    known boolean;
BEGIN
    SELECT l.id, l.channel_id, l.owner_id, l.destination, l.utm_source, l.utm_medium, l.campaign, l.utm_term,
        l.utm_content INTO link FROM partners_trackinglink l WHERE l.code = asked AND l.is_active;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF browser IS NOT NULL THEN
        SELECT v.id, v.user_id INTO who, person FROM analytics_visitor v WHERE v.key = browser;
        known := who IS NOT NULL;
        IF NOT known THEN
            INSERT INTO analytics_visitor (key, first_seen_at, country, device, consent)
            VALUES (browser, instant, '', '', agreed) ON CONFLICT (key) DO NOTHING RETURNING id INTO who;
            IF who IS NULL THEN
                known := true;
                SELECT v.id, v.user_id INTO who, person FROM analytics_visitor v WHERE v.key = browser;
            END IF;
        END IF;
        IF known AND mark = '' THEN
            PERFORM pg_advisory_xact_lock(hashtextextended(browser::text, 7));
            IF person IS NOT NULL AND EXISTS (
                SELECT FROM accounts_seat s WHERE s.user_id = person AND s.party_id = link.owner_id
            ) THEN
                mark := 'self';
            ELSIF EXISTS (
                SELECT FROM analytics_touchpoint t WHERE t.visitor_id = who AND t.link_id = link.id AND t.flag = ''
                    AND t.occurred_at > instant - interval '10 seconds' AND t.occurred_at < instant + interval '10 seconds'
            ) THEN
                mark := 'repeat';
            END IF;
        END IF;
        INSERT INTO analytics_touchpoint (visitor_id, channel_id, owner_id, link_id, landing, referrer_host, utm,
            click_id, sub_ids, flag, consent, occurred_at, recorded_at)
        VALUES (who, link.channel_id, link.owner_id, link.id, link.destination, referrer,
            jsonb_strip_nulls(jsonb_build_object(
                'utm_source', nullif(link.utm_source, ''), 'utm_medium', nullif(link.utm_medium, ''),
                'utm_campaign', nullif(link.campaign, ''), 'utm_term', nullif(link.utm_term, ''),
                'utm_content', nullif(link.utm_content, ''))),
            '', subs, mark, agreed, instant, instant);
    END IF;
    destination := link.destination;
    source := link.utm_source;
    medium := link.utm_medium;
    campaign := link.campaign;
    term := link.utm_term;
    content := link.utm_content;
    RETURN NEXT;
END $$;
"""
BEFORE: str = import_module("analytics.migrations.0007_clicks").FOLLOW


class Migration(migrations.Migration):
    dependencies = [("analytics", "0020_holdout_trail")]
    operations = [migrations.RunSQL(FOLLOW, BEFORE.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))]
