# Credits are checked by the statement that brings them: what they point at, and that they sum to a million.

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from accounts.operations import KeysByStatement

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

# A statement that leaves each of its conversions with a million under each model and its terms leaves nothing to be asked later.
# What it leaves otherwise is looked at when the transaction ends, as all was before: the rest may still come.
SUMS = f"""
CREATE TABLE analytics_uneven (conversion_id bigint NOT NULL, model varchar(16) NOT NULL, terms varchar(120) NOT NULL);
REVOKE ALL ON analytics_uneven FROM "{settings.DATABASES["default"]["USER"]}";
CREATE FUNCTION analytics_check_even() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told bigint[] := ARRAY(SELECT DISTINCT f.conversion_id FROM fresh f);
BEGIN
    INSERT INTO public.analytics_uneven (conversion_id, model, terms)
    SELECT c.conversion_id, c.model, c.terms FROM public.analytics_credit c WHERE c.conversion_id = ANY (told)
    GROUP BY c.conversion_id, c.model, c.terms HAVING sum(c.ppm) <> 1000000;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION analytics_check_credits() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    total bigint;
BEGIN
    SELECT sum(ppm) INTO total FROM analytics_credit
    WHERE conversion_id = NEW.conversion_id AND model = NEW.model AND terms = NEW.terms;
    IF total <> 1000000 THEN
        RAISE EXCEPTION 'The credits of conversion % under % % sum to % ppm, not to 1000000.',
            NEW.conversion_id, NEW.model, NEW.terms, total USING ERRCODE = 'check_violation', CONSTRAINT = 'credits_sum';
    END IF;
    IF TG_TABLE_NAME = 'analytics_uneven' THEN
        DELETE FROM analytics_uneven
        WHERE conversion_id = NEW.conversion_id AND model = NEW.model AND terms = NEW.terms;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER analytics_credit_even AFTER INSERT ON analytics_credit
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION analytics_check_even();
DROP TRIGGER credits_sum ON analytics_credit;
CREATE CONSTRAINT TRIGGER credits_sum AFTER INSERT ON analytics_uneven
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION analytics_check_credits();
"""
UNDO_SUMS = """
CREATE CONSTRAINT TRIGGER credits_sum AFTER INSERT ON analytics_credit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION analytics_check_credits();
DROP TRIGGER analytics_credit_even ON analytics_credit; DROP FUNCTION analytics_check_even();
DROP TABLE analytics_uneven
"""


def _key(to: str, name: str, related_name: str = "+", *, null: bool = True, db_index: bool = True, **more: str) -> models.Field:
    return models.ForeignKey(
        blank=null,
        db_constraint=False,
        db_index=db_index,
        null=null,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to=to,
        verbose_name=name,
        **more,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_erasures'),
        ('analytics', '0016_goals_and_direct'),
        ('partners', '0017_decision_keys'),
    ]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        migrations.RunSQL(SUMS, UNDO_SUMS),
        KeysByStatement("analytics_credit", {
            "conversion_id": "analytics_conversion",
            "channel_id": "partners_channel",
            "owner_id": "accounts_party",
            "run_id": "analytics_reportrun",
        }),
        migrations.AlterField('credit', 'conversion', _key('analytics.conversion', 'conversion', 'credits', null=False, db_index=False)),
        migrations.AlterField('credit', 'channel', _key('partners.channel', 'channel')),
        migrations.AlterField('credit', 'owner', _key('accounts.party', 'owner')),
        migrations.AlterField('credit', 'run', _key('analytics.reportrun', 'report', db_index=False, help_text='The finished report that the model knew, of models that need one.')),
    ]
