# Marks of seals, months prepared and closed by two persons, verifications; postings come with their entry.

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from accounts.operations import AppendOnly, RowSecurity

_AS_OWNER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

# A balanced pair of postings added to an entry of last year would pass every other check. The transaction that wrote
# the entry is still under way exactly while its own postings come; xmin is widened to 64 bits around the current number.
WITH_ENTRY = f"""
CREATE FUNCTION ledger_check_with_entry() RETURNS trigger {_AS_OWNER} AS $$
DECLARE
    current bigint := pg_current_xact_id()::text::bigint;
    off record;
BEGIN
    SELECT e.id INTO off
    FROM (SELECT DISTINCT f.entry_id FROM fresh f) n
    JOIN public.ledger_journalentry e ON e.id = n.entry_id
    CROSS JOIN LATERAL (SELECT (e.xmin::text::bigint - current) & 4294967295 AS ahead) d
    WHERE pg_xact_status(
        (current + d.ahead - CASE WHEN d.ahead >= 2147483648 THEN 4294967296 ELSE 0 END)::text::xid8
    ) IS DISTINCT FROM 'in progress'
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Entry % was booked before; its postings come with it, never later.', off.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'ledger_posting_with_entry';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_posting_with_entry AFTER INSERT ON ledger_posting
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_with_entry();
"""
UNDO_WITH_ENTRY = """
DROP TRIGGER ledger_posting_with_entry ON ledger_posting; DROP FUNCTION ledger_check_with_entry();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0006_payout_carry'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        migrations.CreateModel(
            name='PreparedPeriod',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField(unique=True, verbose_name='month')),
                ('prepared_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='prepared at')),
            ],
            options={
                'verbose_name': 'prepared month',
                'verbose_name_plural': 'prepared months',
            },
        ),
        migrations.CreateModel(
            name='Verification',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('started_at', models.DateTimeField(verbose_name='started at')),
                ('finished_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='finished at')),
                ('proofs', models.PositiveIntegerField(verbose_name='proofs')),
                ('entries', models.PositiveIntegerField(blank=True, null=True, verbose_name='entries derived anew')),
                ('orders', models.PositiveIntegerField(blank=True, null=True, verbose_name='orders derived anew')),
                ('failed', models.PositiveIntegerField(verbose_name='proofs that failed')),
                ('failures', models.JSONField(default=list, verbose_name='what failed')),
            ],
            options={
                'verbose_name': 'verification',
                'verbose_name_plural': 'verifications',
            },
        ),
        migrations.RemoveConstraint(
            model_name='closedperiod',
            name='ledger_period_two_persons',
        ),
        migrations.AddField(
            model_name='seal',
            name='marks',
            field=models.BinaryField(default=b'', verbose_name='marks of the entries'),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name='closedperiod',
            name='prepared_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='prepared by'),
        ),
        migrations.AddConstraint(
            model_name='closedperiod',
            constraint=models.CheckConstraint(condition=models.Q(('prepared_by', models.F('closed_by')), _negated=True), name='ledger_period_of_two_persons'),
        ),
        migrations.AddField(
            model_name='preparedperiod',
            name='prepared_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='prepared by'),
        ),
        migrations.AddConstraint(
            model_name='preparedperiod',
            constraint=models.CheckConstraint(condition=models.Q(('month__day', 1)), name='ledger_prepared_first_day'),
        ),
        migrations.RunSQL(WITH_ENTRY, UNDO_WITH_ENTRY),
        AppendOnly("ledger_verification"),
        # Totals and findings name every party's accounts.
        RowSecurity("ledger_closedperiod", "false"),
        RowSecurity("ledger_preparedperiod", "false"),
        RowSecurity("ledger_verification", "false"),
    ]
