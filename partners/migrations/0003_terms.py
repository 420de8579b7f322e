from importlib import import_module

import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

from accounts.operations import PARTIES, AppendOnly, RowSecurity

# The guard of 0001, with the new fields, the two new ways of a version, and the instant when it came in force (written
# here too, so that the release before this one can go on putting versions in force).
GUARD = """
CREATE OR REPLACE FUNCTION partners_guard_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'draft' OR NEW.approved_by_id IS NOT NULL THEN
            RAISE EXCEPTION 'A version begins as a draft that nobody has approved.' USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF OLD.state <> 'draft' THEN
            RAISE EXCEPTION 'Version % is past its draft and stays.', OLD.id USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.state = 'draft' AND NEW.state IN ('draft', 'proposed', 'withdrawn')
        AND NEW.agreement_id = OLD.agreement_id AND NEW.approved_by_id IS NULL
    THEN
        IF NEW.state = 'proposed' AND NEW.kind = 'correction' AND NOT EXISTS (
            SELECT 1 FROM public.partners_boundorder b WHERE b.version_id = NEW.id)
        THEN
            RAISE EXCEPTION 'Version % corrects no order.', OLD.id USING ERRCODE = 'restrict_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF (NEW.id, NEW.agreement_id, NEW.number, NEW.kind, NEW.rule, NEW.precedence, NEW.self_purchase, NEW.paying_model,
            NEW.window_days, NEW.hold_days, NEW.reserve_days, NEW.caps, NEW.meter, NEW.note, NEW.text, NEW.text_zh,
            NEW.text_hash, NEW.created_by_id,
            NEW.recorded_at, lower(NEW.effective), lower_inc(NEW.effective))
        IS DISTINCT FROM
        (OLD.id, OLD.agreement_id, OLD.number, OLD.kind, OLD.rule, OLD.precedence, OLD.self_purchase, OLD.paying_model,
            OLD.window_days, OLD.hold_days, OLD.reserve_days, OLD.caps, OLD.meter, OLD.note, OLD.text, OLD.text_zh,
            OLD.text_hash, OLD.created_by_id,
            OLD.recorded_at, lower(OLD.effective), lower_inc(OLD.effective))
    THEN
        RAISE EXCEPTION 'Version % was proposed and never changes; draft a new one.', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('proposed', 'accepted'), ('proposed', 'withdrawn'), ('proposed', 'declined'), ('accepted', 'withdrawn'),
        ('accepted', 'in_force'), ('in_force', 'superseded'))
    THEN
        RAISE EXCEPTION 'A version cannot go from % to %.', OLD.state, NEW.state USING ERRCODE = 'restrict_violation';
    END IF;
    IF upper(NEW.effective) IS DISTINCT FROM upper(OLD.effective) AND NOT (
        OLD.state = 'in_force' AND NEW.state IN ('in_force', 'superseded')
        AND (upper(OLD.effective) IS NULL OR upper(NEW.effective) < upper(OLD.effective)))
    THEN
        RAISE EXCEPTION 'The range of version % may only be closed, while it is in force.', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.approved_by_id IS DISTINCT FROM OLD.approved_by_id
        AND NOT (OLD.approved_by_id IS NULL AND OLD.state = 'accepted' AND NEW.state = 'in_force')
    THEN
        RAISE EXCEPTION 'Who approved version % is written once, when it comes in force.', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.in_force_at IS DISTINCT FROM OLD.in_force_at AND OLD.in_force_at IS NOT NULL THEN
        RAISE EXCEPTION 'Since when version % is known is written once, when it comes in force.', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = 'declined' AND OLD.state <> 'declined' AND NOT EXISTS (
        SELECT 1 FROM public.partners_decline d WHERE d.version_id = NEW.id)
    THEN
        RAISE EXCEPTION 'Nobody declined version %.', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = 'in_force' AND OLD.state = 'accepted' THEN
        NEW.in_force_at := coalesce(NEW.in_force_at, now());
        SELECT string_agg(DISTINCT p.code, ', ') INTO missing
        FROM public.partners_agreement g, jsonb_path_query(NEW.rule, '$.**.account') AS named,
            public.accounts_party p
        WHERE g.id = NEW.agreement_id
            AND (p.id = g.owner_id OR named #>> '{}' IN ('party:' || p.code, 'party:' || p.code || ':reserve'))
            AND NOT EXISTS (
                SELECT 1 FROM public.partners_acceptance a
                WHERE a.version_id = NEW.id AND a.party_id = p.id AND a.text_hash = NEW.text_hash);
        IF missing IS NOT NULL THEN
            RAISE EXCEPTION 'Version % was not accepted by: %.', NEW.id, missing USING ERRCODE = 'restrict_violation';
        END IF;
    END IF;
    RETURN NEW;
END $$;
"""

BOUND = """
CREATE FUNCTION partners_guard_bound() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN told := OLD.version_id; ELSE told := NEW.version_id; END IF;
    IF TG_OP = 'UPDATE' OR EXISTS (
        SELECT 1 FROM public.partners_agreementversion v WHERE v.id = told AND v.state <> 'draft')
    THEN
        RAISE EXCEPTION 'The orders of version % are fixed once it is proposed.', told
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER partners_guard_bound BEFORE INSERT OR UPDATE OR DELETE ON partners_boundorder
    FOR EACH ROW EXECUTE FUNCTION partners_guard_bound();
"""
UNBOUND = "DROP TRIGGER partners_guard_bound ON partners_boundorder; DROP FUNCTION partners_guard_bound();"

# Since when versions that held before this field are known: their first row in the audit trail that says so.
SINCE = """
UPDATE partners_agreementversion v SET in_force_at = coalesce(
    (SELECT min(e.pgh_created_at) FROM partners_agreementversionevent e
     WHERE e.pgh_obj_id = v.id AND e.state = 'in_force'), v.recorded_at)
WHERE v.state IN ('in_force', 'superseded') AND v.in_force_at IS NULL
"""


def _first_guard():
    """The function of 0001 again, for the way back."""
    first = import_module("partners.migrations.0001_initial").GUARD
    return first[: first.index("CREATE TRIGGER")].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


def _seen(column):
    """SQL for "the reader sees this row's version"."""
    return f"EXISTS (SELECT 1 FROM partners_agreementversion v WHERE v.id = {column})"



class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('partners', '0002_earning_effects'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BoundOrder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('order_code', models.CharField(max_length=32, verbose_name='order')),
            ],
            options={
                'verbose_name': 'order of a correction',
                'verbose_name_plural': 'orders of corrections',
            },
        ),
        migrations.CreateModel(
            name='Decline',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(max_length=300, verbose_name='reason')),
                ('declined_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='declined at')),
            ],
            options={
                'verbose_name': 'refusal of a version',
                'verbose_name_plural': 'refusals of versions',
            },
        ),
        migrations.CreateModel(
            name='Leave',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('leaves_at', models.DateTimeField(verbose_name='leaves from')),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='asked at')),
            ],
            options={
                'verbose_name': 'leave of a co-creator',
                'verbose_name_plural': 'leaves of co-creators',
            },
        ),
        migrations.CreateModel(
            name='Meter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('volume', 'Volume'), ('cap', 'Earned by bringing learners')], max_length=8, verbose_name='kind')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('per', models.CharField(max_length=5, verbose_name='per')),
                ('period', models.DateField(verbose_name='period from')),
                ('amount', models.BigIntegerField(default=0, verbose_name='amount in minor units')),
            ],
            options={
                'verbose_name': 'meter',
                'verbose_name_plural': 'meters',
            },
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='agreementversion',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='agreementversion',
            name='update_update',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='agreementversion',
            name='delete_delete',
        ),
        migrations.AddField(
            model_name='agreementversion',
            name='caps',
            field=models.JSONField(blank=True, db_default=models.Value([], output_field=models.JSONField()), default=list, help_text='The most that a partner earns by bringing learners, from one order or in one calendar month.', verbose_name='caps'),
        ),
        migrations.AddField(
            model_name='agreementversion',
            name='in_force_at',
            field=models.DateTimeField(blank=True, help_text='When it was put in force, whatever its range says.', null=True, verbose_name='known since'),
        ),
        migrations.AddField(
            model_name='agreementversion',
            name='meter',
            field=models.CharField(choices=[('ever', 'Since the agreement began'), ('year', 'In the calendar year'), ('month', 'In the calendar month')], db_default='ever', default='ever', max_length=5, verbose_name='volume for tiers'),
        ),
        migrations.AddField(
            model_name='agreementversion',
            name='reserve_days',
            field=models.PositiveSmallIntegerField(db_default=90, default=90, help_text='Days after the order when a reserve is released.', verbose_name='reserve in days'),
        ),
        migrations.AddField(
            model_name='agreementversionevent',
            name='caps',
            field=models.JSONField(blank=True, db_default=models.Value([], output_field=models.JSONField()), default=list, help_text='The most that a partner earns by bringing learners, from one order or in one calendar month.', verbose_name='caps'),
        ),
        migrations.AddField(
            model_name='agreementversionevent',
            name='in_force_at',
            field=models.DateTimeField(blank=True, help_text='When it was put in force, whatever its range says.', null=True, verbose_name='known since'),
        ),
        migrations.AddField(
            model_name='agreementversionevent',
            name='meter',
            field=models.CharField(choices=[('ever', 'Since the agreement began'), ('year', 'In the calendar year'), ('month', 'In the calendar month')], db_default='ever', default='ever', max_length=5, verbose_name='volume for tiers'),
        ),
        migrations.AddField(
            model_name='agreementversionevent',
            name='reserve_days',
            field=models.PositiveSmallIntegerField(db_default=90, default=90, help_text='Days after the order when a reserve is released.', verbose_name='reserve in days'),
        ),
        migrations.AddField(
            model_name='earningdecision',
            name='capped_minor',
            field=models.BigIntegerField(db_default=0, default=0, verbose_name='kept by a cap, in minor units'),
        ),
        migrations.AlterField(
            model_name='agreementversion',
            name='state',
            field=models.CharField(choices=[('draft', 'Draft'), ('proposed', 'Proposed'), ('accepted', 'Accepted'), ('in_force', 'In force'), ('superseded', 'Superseded'), ('withdrawn', 'Withdrawn'), ('declined', 'Declined')], default='draft', max_length=10, verbose_name='state'),
        ),
        migrations.AlterField(
            model_name='agreementversionevent',
            name='state',
            field=models.CharField(choices=[('draft', 'Draft'), ('proposed', 'Proposed'), ('accepted', 'Accepted'), ('in_force', 'In force'), ('superseded', 'Superseded'), ('withdrawn', 'Withdrawn'), ('declined', 'Declined')], default='draft', max_length=10, verbose_name='state'),
        ),
        migrations.AlterField(
            model_name='earningdecision',
            name='reason',
            field=models.CharField(choices=[('earned', 'Earned'), ('self_purchase', 'Own purchase'), ('window_closed', 'Came outside the look-back window'), ('lost_to_coupon', 'The coupon of another partner took precedence'), ('lost_to_link', 'The link of another partner took precedence'), ('not_in_force', 'No agreement was in force'), ('not_a_member', 'Not an active member of the programme'), ('nothing_left', 'Nothing was left to share'), ('cap_reached', "The agreement's cap was reached"), ('no_credit', 'The paying model gave no credit'), ('no_share', 'The agreement gives channels no share'), ('discount_borne', 'A discount that you bear took it up'), ('voided', 'The order was voided'), ('refunded', 'Refunded'), ('refund_reversed', 'The refund was taken back'), ('disputed', 'Disputed'), ('dispute_won', 'The dispute was won'), ('corrected', 'Corrected')], max_length=16, verbose_name='reason'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='agreementversion',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "partners_agreementversionevent" ("agreement_id", "approved_by_id", "caps", "created_by_id", "effective", "hold_days", "id", "in_force_at", "kind", "meter", "note", "number", "paying_model", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "precedence", "recorded_at", "reserve_days", "rule", "self_purchase", "state", "text", "text_hash", "text_zh", "window_days") VALUES (NEW."agreement_id", NEW."approved_by_id", NEW."caps", NEW."created_by_id", NEW."effective", NEW."hold_days", NEW."id", NEW."in_force_at", NEW."kind", NEW."meter", NEW."note", NEW."number", NEW."paying_model", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'insert\', NEW."id", NEW."precedence", NEW."recorded_at", NEW."reserve_days", NEW."rule", NEW."self_purchase", NEW."state", NEW."text", NEW."text_hash", NEW."text_zh", NEW."window_days"); RETURN NULL;', hash='4e6f2d7b0f02ba1e119274942206c3aeecb1a09b', operation='INSERT', pgid='pgtrigger_insert_insert_48b75', table='partners_agreementversion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='agreementversion',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "partners_agreementversionevent" ("agreement_id", "approved_by_id", "caps", "created_by_id", "effective", "hold_days", "id", "in_force_at", "kind", "meter", "note", "number", "paying_model", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "precedence", "recorded_at", "reserve_days", "rule", "self_purchase", "state", "text", "text_hash", "text_zh", "window_days") VALUES (NEW."agreement_id", NEW."approved_by_id", NEW."caps", NEW."created_by_id", NEW."effective", NEW."hold_days", NEW."id", NEW."in_force_at", NEW."kind", NEW."meter", NEW."note", NEW."number", NEW."paying_model", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'update\', NEW."id", NEW."precedence", NEW."recorded_at", NEW."reserve_days", NEW."rule", NEW."self_purchase", NEW."state", NEW."text", NEW."text_hash", NEW."text_zh", NEW."window_days"); RETURN NULL;', hash='d8a9bae6b597b9220ece9d6874acc05841fa2909', operation='UPDATE', pgid='pgtrigger_update_update_5532d', table='partners_agreementversion', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='agreementversion',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "partners_agreementversionevent" ("agreement_id", "approved_by_id", "caps", "created_by_id", "effective", "hold_days", "id", "in_force_at", "kind", "meter", "note", "number", "paying_model", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "precedence", "recorded_at", "reserve_days", "rule", "self_purchase", "state", "text", "text_hash", "text_zh", "window_days") VALUES (OLD."agreement_id", OLD."approved_by_id", OLD."caps", OLD."created_by_id", OLD."effective", OLD."hold_days", OLD."id", OLD."in_force_at", OLD."kind", OLD."meter", OLD."note", OLD."number", OLD."paying_model", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'delete\', OLD."id", OLD."precedence", OLD."recorded_at", OLD."reserve_days", OLD."rule", OLD."self_purchase", OLD."state", OLD."text", OLD."text_hash", OLD."text_zh", OLD."window_days"); RETURN NULL;', hash='8fc59292d7f14b7563ca5270ffd97f5bf126d77c', operation='DELETE', pgid='pgtrigger_delete_delete_30f6e', table='partners_agreementversion', when='AFTER')),
        ),
        migrations.AddField(
            model_name='boundorder',
            name='version',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='orders', to='partners.agreementversion', verbose_name='version'),
        ),
        migrations.AddField(
            model_name='decline',
            name='party',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.party', verbose_name='party'),
        ),
        migrations.AddField(
            model_name='decline',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='declined by'),
        ),
        migrations.AddField(
            model_name='decline',
            name='version',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='decline', to='partners.agreementversion', verbose_name='version'),
        ),
        migrations.AddField(
            model_name='leave',
            name='agreement',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='leaves', to='partners.agreement', verbose_name='agreement'),
        ),
        migrations.AddField(
            model_name='leave',
            name='party',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.party', verbose_name='party'),
        ),
        migrations.AddField(
            model_name='leave',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='asked by'),
        ),
        migrations.AddField(
            model_name='leave',
            name='version',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='leave', to='partners.agreementversion', verbose_name='version'),
        ),
        migrations.AddField(
            model_name='meter',
            name='agreement',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='meters', to='partners.agreement', verbose_name='agreement'),
        ),
        migrations.AddField(
            model_name='meter',
            name='party',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.party', verbose_name='party'),
        ),
        migrations.AddConstraint(
            model_name='boundorder',
            constraint=models.UniqueConstraint(fields=('version', 'order_code'), name='partners_bound_once'),
        ),
        migrations.AddIndex(
            model_name='leave',
            index=models.Index(fields=['agreement', 'party'], name='partners_leave_party'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.UniqueConstraint(fields=('agreement', 'kind', 'party', 'currency', 'per', 'period'), name='partners_meter_once', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='partners_meter_rises'),
        ),
        migrations.AddConstraint(
            model_name='meter',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind', 'volume'), ('party', None)), models.Q(('kind', 'cap'), ('party__isnull', False)), _connector='OR'), name='partners_meter_of_party'),
        ),
        migrations.RunSQL(GUARD, _first_guard()),
        migrations.RunSQL(SINCE, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name='agreementversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('in_force_at__isnull', False), ('state__in', ['in_force', 'superseded'])), models.Q(models.Q(('state__in', ['in_force', 'superseded']), _negated=True), ('in_force_at', None)), _connector='OR'), name='partners_version_known_since'),
        ),
        migrations.RunSQL(BOUND, UNBOUND),
        AppendOnly("partners_decline"),
        AppendOnly("partners_leave"),
        RowSecurity("partners_boundorder", _seen("partners_boundorder.version_id")),
        RowSecurity("partners_decline", _seen("partners_decline.version_id")),
        RowSecurity(
            "partners_leave",
            "EXISTS (SELECT 1 FROM partners_agreementparty ap WHERE ap.agreement_id = partners_leave.agreement_id)",
        ),
        RowSecurity("partners_meter", f"party_id = {PARTIES}"),
    ]
