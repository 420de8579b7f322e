# Minimum guarantees of parties, prepared and approved by two persons.

import django.contrib.postgres.constraints
import django.db.models.deletion
import django.utils.timezone
import partners.models.guarantee
import pghistory.utils
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

from accounts.operations import PARTIES, AppendOnly, RefreshAuditView, RowSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_payout_details'),
        ('partners', '0005_statements'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Guarantee',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('monthly_minor', models.BigIntegerField(verbose_name='guaranteed a month')),
                ('since', models.DateField(verbose_name='from month')),
                ('until', models.DateField(blank=True, null=True, verbose_name='until month')),
                ('note', models.CharField(blank=True, max_length=300, verbose_name='note')),
                ('prepared_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='prepared at')),
                ('approved_at', models.DateTimeField(blank=True, null=True, verbose_name='approved at')),
                ('approved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='approved by')),
                ('party', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='guarantees', to='accounts.party', verbose_name='party')),
                ('prepared_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='prepared by')),
            ],
            options={
                'verbose_name': 'guarantee',
                'verbose_name_plural': 'guarantees',
            },
        ),
        migrations.CreateModel(
            name='GuaranteeEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_context', pghistory.utils.JSONField(null=True)),
                ('id', models.BigIntegerField()),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('monthly_minor', models.BigIntegerField(verbose_name='guaranteed a month')),
                ('since', models.DateField(verbose_name='from month')),
                ('until', models.DateField(blank=True, null=True, verbose_name='until month')),
                ('note', models.CharField(blank=True, max_length=300, verbose_name='note')),
                ('prepared_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='prepared at')),
                ('approved_at', models.DateTimeField(blank=True, null=True, verbose_name='approved at')),
                ('approved_by', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL, verbose_name='approved by')),
                ('party', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='accounts.party', verbose_name='party')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='partners.guarantee')),
                ('prepared_by', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL, verbose_name='prepared by')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddIndex(
            model_name='guarantee',
            index=models.Index(fields=['since'], name='partners_guarantee_since'),
        ),
        migrations.AddConstraint(
            model_name='guarantee',
            constraint=models.CheckConstraint(condition=models.Q(('monthly_minor__gt', 0)), name='partners_guarantee_positive'),
        ),
        migrations.AddConstraint(
            model_name='guarantee',
            constraint=models.CheckConstraint(condition=models.Q(('since__day', 1), models.Q(('until', None), models.Q(('until__day', 1), ('until__gt', models.F('since'))), _connector='OR')), name='partners_guarantee_months'),
        ),
        migrations.AddConstraint(
            model_name='guarantee',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('approved_at', None), ('approved_by', None)), models.Q(('approved_at__isnull', False), ('approved_by__isnull', False), models.Q(('approved_by', models.F('prepared_by')), _negated=True)), _connector='OR'), name='partners_guarantee_two_persons'),
        ),
        migrations.AddConstraint(
            model_name='guarantee',
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('approved_by__isnull', False)), expressions=[('party', '='), ('currency', '='), (partners.models.guarantee.MonthRange(models.F('since'), models.F('until')), '&&')], name='partners_guarantee_one_at_a_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guarantee',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "partners_guaranteeevent" ("approved_at", "approved_by_id", "currency", "id", "monthly_minor", "note", "party_id", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "prepared_at", "prepared_by_id", "since", "until") VALUES (NEW."approved_at", NEW."approved_by_id", NEW."currency", NEW."id", NEW."monthly_minor", NEW."note", NEW."party_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'insert\', NEW."id", NEW."prepared_at", NEW."prepared_by_id", NEW."since", NEW."until"); RETURN NULL;', hash='217408264ce2c586ee6ac80a36e5016996e6ea21', operation='INSERT', pgid='pgtrigger_insert_insert_e973c', table='partners_guarantee', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guarantee',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "partners_guaranteeevent" ("approved_at", "approved_by_id", "currency", "id", "monthly_minor", "note", "party_id", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "prepared_at", "prepared_by_id", "since", "until") VALUES (NEW."approved_at", NEW."approved_by_id", NEW."currency", NEW."id", NEW."monthly_minor", NEW."note", NEW."party_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'update\', NEW."id", NEW."prepared_at", NEW."prepared_by_id", NEW."since", NEW."until"); RETURN NULL;', hash='cc367b64924d871eaf375ef6410dd8fffcbd1ee0', operation='UPDATE', pgid='pgtrigger_update_update_638d3', table='partners_guarantee', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='guarantee',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "partners_guaranteeevent" ("approved_at", "approved_by_id", "currency", "id", "monthly_minor", "note", "party_id", "pgh_context", "pgh_created_at", "pgh_label", "pgh_obj_id", "prepared_at", "prepared_by_id", "since", "until") VALUES (OLD."approved_at", OLD."approved_by_id", OLD."currency", OLD."id", OLD."monthly_minor", OLD."note", OLD."party_id", COALESCE(NULLIF(CURRENT_SETTING(\'pghistory.context_metadata\', TRUE), \'\'), NULL)::JSONB, NOW(), \'delete\', OLD."id", OLD."prepared_at", OLD."prepared_by_id", OLD."since", OLD."until"); RETURN NULL;', hash='5c88aba9706b67bd943ba2fbf2e3238cdead25fd', operation='DELETE', pgid='pgtrigger_delete_delete_cb380', table='partners_guarantee', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='guaranteeevent',
            index=models.Index(fields=['pgh_created_at', 'pgh_id'], name='partners_gu_pgh_cre_62ba88_idx'),
        ),
        AppendOnly("partners_guaranteeevent"),
        RowSecurity("partners_guarantee", f"party_id = {PARTIES}"),
        RowSecurity("partners_guaranteeevent", f"party_id = {PARTIES}"),
        RefreshAuditView(),
    ]
