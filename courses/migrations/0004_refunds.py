# Refunds, disputes, and what they move of each order line.

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

from accounts.operations import AppendOnly, RowSecurity

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

# Serialises on the order, so that two at once cannot each find that enough is left.
BOUND = """
CREATE FUNCTION courses_returns_bound() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    off record;
BEGIN
    PERFORM 1 FROM public.courses_order o WHERE o.id IN (
        SELECT l.order_id FROM fresh f JOIN public.courses_orderline l ON l.id = f.line_id) ORDER BY o.id FOR UPDATE;
    SELECT l.order_id, l.position, l.payable_minor, s.total INTO off
    FROM (
        SELECT r.line_id, sum(r.amount_minor) AS total FROM public.courses_linereturn r
        WHERE r.line_id IN (SELECT line_id FROM fresh) GROUP BY r.line_id
    ) s
    JOIN public.courses_orderline l ON l.id = s.line_id
    WHERE s.total < 0 OR s.total > l.payable_minor LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Line % of order % would have given back % of %.',
            off.position, off.order_id, off.total, off.payable_minor
            USING ERRCODE = 'check_violation', CONSTRAINT = 'courses_returns_bound';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER returns_bound AFTER INSERT ON courses_linereturn
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION courses_returns_bound();
"""
BOUND_NO_MORE = "DROP TRIGGER returns_bound ON courses_linereturn; DROP FUNCTION courses_returns_bound();"

# What was asked or told stays; what is done, declined or closed is never touched again.
KEEP = """
CREATE TRIGGER keep_refund BEFORE UPDATE ON courses_refund FOR EACH ROW
WHEN (OLD.state <> 'requested' OR (OLD.order_id, OLD.line_id, OLD.reverses_id, OLD.amount_minor, OLD.reason, OLD.provider,
    OLD.external_id, OLD.requested_by_id, OLD.requested_at) IS DISTINCT FROM (NEW.order_id, NEW.line_id, NEW.reverses_id,
    NEW.amount_minor, NEW.reason, NEW.provider, NEW.external_id, NEW.requested_by_id, NEW.requested_at))
EXECUTE FUNCTION tributary_refuse_change();
CREATE TRIGGER keep_dispute BEFORE UPDATE ON courses_dispute FOR EACH ROW
WHEN (OLD.state <> 'open' OR (OLD.order_id, OLD.number, OLD.amount_minor, OLD.fee_minor, OLD.reason, OLD.provider,
    OLD.external_id, OLD.opened_at, OLD.opened_by_id) IS DISTINCT FROM (NEW.order_id, NEW.number, NEW.amount_minor,
    NEW.fee_minor, NEW.reason, NEW.provider, NEW.external_id, NEW.opened_at, NEW.opened_by_id))
EXECUTE FUNCTION tributary_refuse_change();
CREATE TRIGGER refuse_delete BEFORE DELETE ON courses_refund
    FOR EACH ROW EXECUTE FUNCTION tributary_refuse_change();
CREATE TRIGGER refuse_delete BEFORE DELETE ON courses_dispute
    FOR EACH ROW EXECUTE FUNCTION tributary_refuse_change();
"""
KEEP_NO_MORE = """
DROP TRIGGER refuse_delete ON courses_dispute; DROP TRIGGER refuse_delete ON courses_refund;
DROP TRIGGER keep_dispute ON courses_dispute; DROP TRIGGER keep_refund ON courses_refund;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('courses', '0003_lesson_video'),
        ('partners', '0002_earning_effects'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        migrations.CreateModel(
            name='Dispute',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('closed_number', models.PositiveIntegerField(blank=True, null=True, verbose_name='number of its end')),
                ('state', models.CharField(choices=[('open', 'Open'), ('won', 'Won'), ('lost', 'Lost')], default='open', max_length=6, verbose_name='state')),
                ('amount_minor', models.PositiveBigIntegerField(verbose_name='amount in minor units')),
                ('fee_minor', models.PositiveBigIntegerField(default=0, verbose_name='fee in minor units')),
                ('fee_returned_minor', models.PositiveBigIntegerField(default=0, verbose_name='fee returned in minor units')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('evidence_due', models.DateTimeField(blank=True, null=True, verbose_name='evidence due')),
                ('provider', models.CharField(max_length=32, verbose_name='provider')),
                ('external_id', models.CharField(blank=True, max_length=200, verbose_name='id at the provider')),
                ('opened_at', models.DateTimeField(verbose_name='opened at')),
                ('closed_at', models.DateTimeField(blank=True, null=True, verbose_name='closed at')),
            ],
            options={
                'verbose_name': 'dispute',
                'verbose_name_plural': 'disputes',
            },
        ),
        migrations.CreateModel(
            name='LineReturn',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('amount_minor', models.BigIntegerField(verbose_name='amount in minor units')),
            ],
            options={
                'verbose_name': 'return of a line',
                'verbose_name_plural': 'returns of lines',
            },
        ),
        migrations.CreateModel(
            name='Refund',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(blank=True, null=True, verbose_name='number')),
                ('state', models.CharField(choices=[('requested', 'Waits for approval'), ('done', 'Done'), ('declined', 'Declined')], default='done', max_length=10, verbose_name='state')),
                ('amount_minor', models.PositiveBigIntegerField(verbose_name='amount in minor units')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('provider', models.CharField(max_length=32, verbose_name='provider')),
                ('external_id', models.CharField(blank=True, max_length=200, verbose_name='id at the provider')),
                ('requested_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='prepared at')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided at')),
                ('occurred_at', models.DateTimeField(blank=True, null=True, verbose_name='moved at')),
            ],
            options={
                'verbose_name': 'refund',
                'verbose_name_plural': 'refunds',
            },
        ),
        migrations.AddField(
            model_name='order',
            name='disputed',
            field=models.BooleanField(db_default=False, default=False, verbose_name='in dispute'),
        ),
        migrations.AddField(
            model_name='order',
            name='events_count',
            field=models.PositiveIntegerField(db_default=0, default=0, verbose_name='refunds and disputes so far'),
        ),
        migrations.AddField(
            model_name='order',
            name='returned_minor',
            field=models.PositiveBigIntegerField(db_default=0, default=0, help_text='By refunds and by disputes that are open or lost.', verbose_name='given back'),
        ),
        migrations.AlterField(
            model_name='behaviourevent',
            name='kind',
            field=models.CharField(choices=[('view', 'Viewed'), ('dwell', 'Stayed'), ('cart', 'Put in the cart'), ('purchase', 'Bought'), ('refund', 'Got money back'), ('lesson', 'Opened a lesson'), ('progress', 'Made progress'), ('complete', 'Finished'), ('rating', 'Rated'), ('comment', 'Commented'), ('favourite', 'Saved for later'), ('search', 'Searched')], max_length=12, verbose_name='kind'),
        ),
        AddConstraintNotValid(
            model_name='order',
            constraint=models.CheckConstraint(condition=models.Q(('returned_minor__lte', models.F('total_minor'))), name='courses_order_return_bound'),
        ),
        migrations.AddField(
            model_name='dispute',
            name='closed_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='closed by'),
        ),
        migrations.AddField(
            model_name='dispute',
            name='opened_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='entered by'),
        ),
        migrations.AddField(
            model_name='dispute',
            name='order',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='disputes', to='courses.order', verbose_name='order'),
        ),
        migrations.AddField(
            model_name='linereturn',
            name='dispute',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='returns', to='courses.dispute', verbose_name='dispute'),
        ),
        migrations.AddField(
            model_name='linereturn',
            name='line',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='returns', to='courses.orderline', verbose_name='order line'),
        ),
        migrations.AddField(
            model_name='refund',
            name='decided_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='decided by'),
        ),
        migrations.AddField(
            model_name='refund',
            name='line',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='courses.orderline', verbose_name='order line'),
        ),
        migrations.AddField(
            model_name='refund',
            name='order',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='courses.order', verbose_name='order'),
        ),
        migrations.AddField(
            model_name='refund',
            name='requested_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='prepared by'),
        ),
        migrations.AddField(
            model_name='refund',
            name='reverses',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reversals', to='courses.refund', verbose_name='takes back'),
        ),
        migrations.AddField(
            model_name='linereturn',
            name='refund',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='returns', to='courses.refund', verbose_name='refund'),
        ),
        migrations.AddIndex(
            model_name='dispute',
            index=models.Index(condition=models.Q(('state', 'open')), fields=['evidence_due'], name='courses_dispute_due'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0)), name='courses_dispute_positive'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at', None), ('closed_number', None), ('fee_returned_minor', 0), ('state', 'open')), models.Q(models.Q(('state', 'open'), _negated=True), ('closed_at__isnull', False), ('closed_number__isnull', False)), _connector='OR'), name='courses_dispute_closed_when'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.CheckConstraint(condition=models.Q(('fee_returned_minor', 0), models.Q(('fee_returned_minor__lte', models.F('fee_minor')), ('state', 'won')), _connector='OR'), name='courses_dispute_fee_bound'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'open')), fields=('order',), name='courses_dispute_one_open'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.UniqueConstraint(fields=('order', 'number'), name='courses_dispute_number'),
        ),
        migrations.AddConstraint(
            model_name='dispute',
            constraint=models.UniqueConstraint(condition=models.Q(('external_id', ''), _negated=True), fields=('provider', 'external_id'), name='courses_dispute_once'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(condition=models.Q(('state', 'requested')), fields=['requested_at'], name='courses_refund_waiting'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(fields=['-requested_at', '-id'], name='courses_refund_recent'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0)), name='courses_refund_positive'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('number__isnull', False), ('occurred_at__isnull', False), ('state', 'done')), models.Q(models.Q(('state', 'done'), _negated=True), ('number', None), ('occurred_at', None)), _connector='OR'), name='courses_refund_done_when'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'declined'), ('decided_by', None), models.Q(('requested_by__isnull', False), models.Q(('decided_by', models.F('requested_by')), _negated=True)), _connector='OR'), name='courses_refund_two_persons'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(fields=('order', 'number'), name='courses_refund_number'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(condition=models.Q(('reverses__isnull', False), models.Q(('state', 'declined'), _negated=True)), fields=('reverses',), name='courses_refund_reversed_once'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.UniqueConstraint(condition=models.Q(('external_id', ''), _negated=True), fields=('provider', 'external_id'), name='courses_refund_once'),
        ),
        migrations.AddConstraint(
            model_name='linereturn',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor', 0), _negated=True), name='courses_return_not_zero'),
        ),
        migrations.AddConstraint(
            model_name='linereturn',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('dispute', None), ('refund__isnull', False)), models.Q(('dispute__isnull', False), ('refund', None)), _connector='OR'), name='courses_return_of_one'),
        ),
        migrations.AddConstraint(
            model_name='linereturn',
            constraint=models.UniqueConstraint(condition=models.Q(('refund__isnull', False)), fields=('line', 'refund'), name='courses_return_refund_once'),
        ),
        migrations.RunSQL(BOUND, BOUND_NO_MORE),
        migrations.RunSQL(KEEP, KEEP_NO_MORE),
        AppendOnly("courses_linereturn"),
        # The desk and the tasks of the house see them; a learner sees the own ones through a selector.
        RowSecurity("courses_refund", "false"),
        RowSecurity("courses_dispute", "false"),
        RowSecurity("courses_linereturn", "false"),
    ]
