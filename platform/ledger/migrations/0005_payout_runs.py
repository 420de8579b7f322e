# Payout runs, what they pay to whom, what happened with them, and holds on payouts.
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from accounts.operations import PARTIES, AppendOnly, RowSecurity

_AS_OWNER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

# States go forward only, and what a second person approved stays as it was approved.
MOVES = f"""
CREATE FUNCTION ledger_check_run() RETURNS trigger {_AS_OWNER} AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NEW.number <> OLD.number OR NEW.currency <> OLD.currency
        OR (OLD.state || '>' || NEW.state) NOT IN ('draft>draft', 'draft>waiting', 'draft>cancelled',
            'waiting>waiting', 'waiting>draft', 'waiting>approved', 'waiting>cancelled', 'approved>done')
        OR OLD.state = 'approved' AND (NEW.cut_off, NEW.minimum_minor, NEW.increment_minor, NEW.withholding_bp,
            NEW.prepared_by_id, NEW.approved_by_id, NEW.approved_minor) IS DISTINCT FROM (OLD.cut_off,
            OLD.minimum_minor, OLD.increment_minor, OLD.withholding_bp, OLD.prepared_by_id, OLD.approved_by_id,
            OLD.approved_minor)
    THEN
        RAISE EXCEPTION 'Payout run % is % and does not change to that.', OLD.number, OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_run_moves';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_run_moves BEFORE UPDATE OR DELETE ON ledger_payoutrun
    FOR EACH ROW EXECUTE FUNCTION ledger_check_run();
CREATE FUNCTION ledger_check_item() RETURNS trigger {_AS_OWNER} AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (NEW.run_id, NEW.party_id, NEW.currency) <> (OLD.run_id, OLD.party_id, OLD.currency)
        OR NOT (OLD.state IN ('proposed', 'excluded', 'ineligible')
                AND NEW.state IN ('proposed', 'excluded', 'ineligible')
            OR (OLD.state || '>' || NEW.state) IN ('proposed>approved', 'approved>sent', 'approved>fell',
                'sent>arrived', 'sent>failed'))
        OR OLD.state IN ('approved', 'sent') AND (NEW.amount_minor, NEW.withheld_minor, NEW.sent_currency,
            NEW.sent_minor, NEW.details_id) IS DISTINCT FROM (OLD.amount_minor, OLD.withheld_minor,
            OLD.sent_currency, OLD.sent_minor, OLD.details_id)
        OR OLD.state = 'sent' AND NEW.payout_id IS DISTINCT FROM OLD.payout_id
    THEN
        RAISE EXCEPTION 'Payout item % is % and does not change to that.', OLD.id, OLD.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_item_moves';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_item_moves BEFORE UPDATE OR DELETE ON ledger_payoutitem
    FOR EACH ROW EXECUTE FUNCTION ledger_check_item();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON ledger_payoutitem
    FOR EACH STATEMENT EXECUTE FUNCTION tributary_refuse_change();
"""
UNDO = """
DROP TRIGGER refuse_truncate ON ledger_payoutitem;
DROP TRIGGER ledger_item_moves ON ledger_payoutitem; DROP FUNCTION ledger_check_item();
DROP TRIGGER ledger_run_moves ON ledger_payoutrun; DROP FUNCTION ledger_check_run();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_payout_details'),
        ('ledger', '0004_booked_on_required'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PayoutRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(unique=True, verbose_name='number')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('cut_off', models.DateTimeField(verbose_name='cut-off')),
                ('minimum_minor', models.BigIntegerField(default=0, verbose_name='minimum')),
                ('increment_minor', models.BigIntegerField(default=1, verbose_name='rounded down to')),
                ('withholding_bp', models.PositiveSmallIntegerField(default=0, verbose_name='tax withheld in basis points')),
                ('state', models.CharField(choices=[('draft', 'Being prepared'), ('waiting', 'Waiting for approval'), ('approved', 'Approved, being booked'), ('done', 'Booked'), ('cancelled', 'Cancelled')], default='draft', max_length=10, verbose_name='state')),
                ('prepared_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='prepared at')),
                ('approved_at', models.DateTimeField(blank=True, null=True, verbose_name='approved at')),
                ('approved_minor', models.BigIntegerField(blank=True, null=True, verbose_name='approved total')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='booked at')),
                ('approved_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='approved by')),
                ('prepared_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='prepared by')),
            ],
            options={
                'verbose_name': 'payout run',
                'verbose_name_plural': 'payout runs',
            },
        ),
        migrations.CreateModel(
            name='PayoutItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('state', models.CharField(choices=[('proposed', 'To be paid'), ('excluded', 'Taken out by hand'), ('ineligible', 'Cannot be paid'), ('approved', 'Approved'), ('sent', 'On its way'), ('fell', 'Not paid, less was left'), ('arrived', 'Arrived'), ('failed', 'Came back')], default='proposed', max_length=10, verbose_name='state')),
                ('reason', models.CharField(blank=True, choices=[('on_hold', 'On hold'), ('no_details', 'No payout details'), ('refused', 'The last payout came back'), ('closed', 'The party is closed'), ('no_rate', 'No exchange rate is known'), ('elsewhere', 'Stands in another payout run'), ('by_hand', 'Taken out by hand'), ('fell', 'Less was left than was approved'), ('minimum', 'Below the minimum'), ('negative', 'Balance below zero')], max_length=10, verbose_name='reason')),
                ('note', models.CharField(blank=True, max_length=300, verbose_name='note')),
                ('available_minor', models.BigIntegerField(verbose_name='available')),
                ('amount_minor', models.BigIntegerField(default=0, verbose_name='amount')),
                ('withheld_minor', models.BigIntegerField(default=0, verbose_name='tax withheld')),
                ('sent_currency', models.CharField(max_length=3, verbose_name='currency sent')),
                ('sent_minor', models.BigIntegerField(default=0, verbose_name='sent')),
                ('rate', models.CharField(blank=True, max_length=32, verbose_name='rate')),
                ('rate_day', models.DateField(blank=True, null=True, verbose_name='rate of')),
                ('was_minor', models.BigIntegerField(blank=True, null=True, verbose_name='amount before')),
                ('lines', models.PositiveIntegerField(default=0, verbose_name='lines')),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='changed')),
                ('details', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.payoutdetails', verbose_name='paid to')),
                ('party', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payout_items', to='accounts.party', verbose_name='party')),
                ('payout', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='item', to='ledger.payout', verbose_name='payout')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='items', to='ledger.payoutrun', verbose_name='payout run')),
            ],
            options={
                'verbose_name': 'payout of a run',
                'verbose_name_plural': 'payouts of runs',
            },
        ),
        migrations.CreateModel(
            name='PayoutRunEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('step', models.CharField(choices=[('prepared', 'prepared the run'), ('excluded', 'took out'), ('included', 'put back'), ('refreshed', 'computed again'), ('submitted', 'asked for approval'), ('sent_back', 'sent the run back'), ('approved', 'approved the run'), ('cancelled', 'cancelled the run'), ('booked', 'All payouts are booked'), ('exported', 'took the bank file'), ('arrived', 'marked as arrived'), ('failed', 'marked as come back')], max_length=10, verbose_name='step')),
                ('note', models.CharField(blank=True, max_length=300, verbose_name='note')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='at')),
                ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='by')),
                ('party', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.party', verbose_name='party')),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='ledger.payoutrun', verbose_name='payout run')),
            ],
            options={
                'verbose_name': 'step of a payout run',
                'verbose_name_plural': 'steps of payout runs',
            },
        ),
        migrations.CreateModel(
            name='PayoutHold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.CharField(max_length=300, verbose_name='reason')),
                ('decide_by', models.DateField(blank=True, null=True, verbose_name='decision by')),
                ('placed_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='placed at')),
                ('lifted_at', models.DateTimeField(blank=True, null=True, verbose_name='lifted at')),
                ('lifted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='lifted by')),
                ('party', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payout_holds', to='accounts.party', verbose_name='party')),
                ('placed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='placed by')),
            ],
            options={
                'verbose_name': 'hold on payouts',
                'verbose_name_plural': 'holds on payouts',
                'constraints': [models.UniqueConstraint(condition=models.Q(('lifted_at', None)), fields=('party',), name='ledger_hold_one_live')],
            },
        ),
        migrations.AddConstraint(
            model_name='payoutrun',
            constraint=models.CheckConstraint(condition=models.Q(('approved_by', None), models.Q(('approved_by', models.F('prepared_by')), _negated=True), _connector='OR'), name='ledger_run_two_persons'),
        ),
        migrations.AddConstraint(
            model_name='payoutrun',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['approved', 'done']), _negated=True), models.Q(('approved_at__isnull', False), ('approved_by__isnull', False), ('approved_minor__gt', 0)), _connector='OR'), name='ledger_run_approved'),
        ),
        migrations.AddConstraint(
            model_name='payoutrun',
            constraint=models.CheckConstraint(condition=models.Q(('increment_minor__gte', 1), ('minimum_minor__gte', 0), ('withholding_bp__lte', 10000)), name='ledger_run_terms'),
        ),
        migrations.AddIndex(
            model_name='payoutitem',
            index=models.Index(fields=['party', '-id'], name='ledger_item_of_party'),
        ),
        migrations.AddConstraint(
            model_name='payoutitem',
            constraint=models.UniqueConstraint(fields=('run', 'party'), name='ledger_item_once'),
        ),
        migrations.AddConstraint(
            model_name='payoutitem',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['proposed', 'approved'])), fields=('party', 'currency'), name='ledger_item_one_live'),
        ),
        migrations.AddConstraint(
            model_name='payoutitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['proposed', 'approved', 'sent', 'arrived', 'failed']), _negated=True), models.Q(('amount_minor__gt', 0), ('amount_minor__lte', models.F('available_minor')), ('details__isnull', False), ('withheld_minor__gte', 0), ('withheld_minor__lte', models.F('amount_minor'))), _connector='OR'), name='ledger_item_payable'),
        ),
        migrations.AddConstraint(
            model_name='payoutitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('payout__isnull', False), ('state__in', ['sent', 'arrived', 'failed'])), models.Q(models.Q(('state__in', ['sent', 'arrived', 'failed']), _negated=True), ('payout', None)), _connector='OR'), name='ledger_item_booked'),
        ),
        migrations.AddConstraint(
            model_name='payoutitem',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['excluded', 'ineligible', 'fell']), _negated=True), models.Q(('reason', ''), _negated=True), _connector='OR'), name='ledger_item_says_why'),
        ),
        migrations.AddIndex(
            model_name='payoutrunevent',
            index=models.Index(fields=['run', 'id'], name='ledger_run_event_order'),
        ),
        migrations.RunSQL(MOVES, UNDO),
        AppendOnly("ledger_payoutrunevent"),
        AppendOnly("ledger_payouthold", unless="OLD.lifted_at IS NULL"),
        RowSecurity("ledger_payoutrun", "false"),
        RowSecurity("ledger_payoutrunevent", "false"),
        RowSecurity("ledger_payoutitem", f"party_id = {PARTIES}"),
        RowSecurity("ledger_payouthold", f"party_id = {PARTIES}"),
    ]
