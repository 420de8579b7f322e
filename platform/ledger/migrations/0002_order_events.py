# Orders in the books, payouts, closed months, seals; a day in the books on every entry.

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from accounts.operations import PARTIES, AppendOnly, RowSecurity

_AS_OWNER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

# A release that knows nothing of `booked_on` may still be writing while this one is rolled out.
FILL = f"""
CREATE FUNCTION ledger_fill_booked_on() RETURNS trigger {_AS_OWNER} AS $$
BEGIN
    NEW.booked_on := (NEW.occurred_at AT TIME ZONE '{settings.TIME_ZONE}')::date;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_entry_booked_on BEFORE INSERT ON ledger_journalentry
    FOR EACH ROW WHEN (NEW.booked_on IS NULL) EXECUTE FUNCTION ledger_fill_booked_on();
CREATE TRIGGER ledger_posting_booked_on BEFORE INSERT ON ledger_posting
    FOR EACH ROW WHEN (NEW.booked_on IS NULL) EXECUTE FUNCTION ledger_fill_booked_on();
"""

# Takes the lock that closing a month takes alone, so that no entry slips into a month that is being closed.
OPEN_PERIOD = f"""
CREATE TRIGGER ledger_entry_lock BEFORE INSERT ON ledger_journalentry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_share_posting_lock();
CREATE FUNCTION ledger_check_open_period() RETURNS trigger {_AS_OWNER} AS $$
DECLARE
    off record;
BEGIN
    SELECT f.id, f.booked_on INTO off
    FROM fresh f JOIN public.ledger_closedperiod c ON c.month = date_trunc('month', f.booked_on)::date LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Entry % was to be booked on %, but that month is closed; book it into an open month.',
            off.id, off.booked_on USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entry_open_period';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER ledger_entry_open_period AFTER INSERT ON ledger_journalentry
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ledger_check_open_period();
"""

AGREES = f"""
CREATE OR REPLACE FUNCTION ledger_check_posting() RETURNS trigger {_AS_OWNER} AS $$
DECLARE
    off record;
BEGIN
    SELECT f.id, a.code, a.currency INTO off
    FROM fresh f
    JOIN public.ledger_account a ON a.id = f.account_id
    JOIN public.ledger_journalentry e ON e.id = f.entry_id
    WHERE f.currency <> a.currency OR f.party_id IS DISTINCT FROM a.party_id OR f.occurred_at <> e.occurred_at
        OR f.booked_on IS DISTINCT FROM e.booked_on
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'Posting % differs from its account % (%) or its entry in currency, party, instant or day.',
            off.id, off.code, off.currency
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_posting_agrees';
    END IF;
    RETURN NULL;
END $$;
"""

UNDO_OPEN_PERIOD = """
DROP TRIGGER ledger_entry_open_period ON ledger_journalentry; DROP FUNCTION ledger_check_open_period();
DROP TRIGGER ledger_entry_lock ON ledger_journalentry;
"""
UNDO_FILL = """
DROP TRIGGER ledger_posting_booked_on ON ledger_posting; DROP TRIGGER ledger_entry_booked_on ON ledger_journalentry;
DROP FUNCTION ledger_fill_booked_on();
"""

OWN_PAYOUT = "EXISTS (SELECT 1 FROM ledger_payout p WHERE p.id = ledger_payoutclaim.payout_id)"


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0001_initial'),
        ('ledger', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        migrations.CreateModel(
            name='BookedOrder',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source_kind', models.CharField(max_length=32, verbose_name='source')),
                ('source_id', models.CharField(max_length=64, verbose_name='source id')),
                ('placed_at', models.DateTimeField(verbose_name='placed at')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('settled_currency', models.CharField(max_length=3, verbose_name='currency of the postings')),
                ('paid_minor', models.BigIntegerField(verbose_name='paid')),
                ('refunded_minor', models.BigIntegerField(default=0, verbose_name='refunded')),
                ('settled_minor', models.BigIntegerField(verbose_name='settled')),
                ('reversed_minor', models.BigIntegerField(default=0, verbose_name='settled and reversed')),
                ('reserve_minor', models.BigIntegerField(default=0, verbose_name='in reserve')),
                ('disputed', models.BooleanField(default=False, verbose_name='in dispute')),
                ('events_count', models.PositiveIntegerField(default=0, verbose_name='events')),
            ],
            options={
                'verbose_name': 'order in the books',
                'verbose_name_plural': 'orders in the books',
            },
        ),
        migrations.CreateModel(
            name='ClosedPeriod',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField(unique=True, verbose_name='month')),
                ('closed_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='closed at')),
                ('totals', models.JSONField(help_text="Every account's balance at the end of the month.", verbose_name='trial balance')),
            ],
            options={
                'verbose_name': 'closed month',
                'verbose_name_plural': 'closed months',
            },
        ),
        migrations.CreateModel(
            name='OrderEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('kind', models.CharField(choices=[('sale', 'Sale'), ('void', 'Void'), ('refund', 'Refund'), ('refund_reversal', 'Refund taken back'), ('dispute', 'Dispute opened'), ('dispute_won', 'Dispute won'), ('dispute_lost', 'Dispute lost'), ('correction', 'Correction'), ('release', 'Reserve released'), ('advance', 'Advance'), ('guarantee', 'Guarantee'), ('pool', 'Subscription pool'), ('payout', 'Payout'), ('payout_sent', 'Payout arrived'), ('payout_failed', 'Payout failed'), ('adjustment', 'Adjustment')], max_length=16, verbose_name='kind')),
                ('source_kind', models.CharField(max_length=32, verbose_name='source')),
                ('source_id', models.CharField(max_length=64, verbose_name='source id')),
                ('body', models.JSONField(verbose_name='event')),
                ('body_hash', models.CharField(max_length=64, verbose_name='hash of the event')),
                ('occurred_at', models.DateTimeField(verbose_name='occurred at')),
                ('recorded_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='recorded at')),
            ],
            options={
                'verbose_name': 'event of an order',
                'verbose_name_plural': 'events of orders',
            },
        ),
        migrations.CreateModel(
            name='Payout',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('amount_minor', models.BigIntegerField(verbose_name='amount')),
                ('withheld_minor', models.BigIntegerField(default=0, verbose_name='tax withheld')),
                ('sent_currency', models.CharField(max_length=3, verbose_name='currency sent')),
                ('sent_minor', models.BigIntegerField(verbose_name='sent')),
                ('claimed_minor', models.BigIntegerField(verbose_name='settled postings')),
                ('carried_in_minor', models.BigIntegerField(default=0, verbose_name='left over before')),
                ('carried_out_minor', models.BigIntegerField(default=0, verbose_name='left over')),
                ('cut_off', models.DateTimeField(verbose_name='cut-off')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='booked at')),
            ],
            options={
                'verbose_name': 'payout',
                'verbose_name_plural': 'payouts',
            },
        ),
        migrations.CreateModel(
            name='PayoutClaim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
            options={
                'verbose_name': 'settled posting',
                'verbose_name_plural': 'settled postings',
            },
        ),
        migrations.CreateModel(
            name='Seal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(unique=True, verbose_name='number')),
                ('upto_entry', models.BigIntegerField(unique=True, verbose_name='up to entry')),
                ('entries', models.PositiveIntegerField(verbose_name='entries')),
                ('previous', models.CharField(blank=True, max_length=64, verbose_name='seal before')),
                ('digest', models.CharField(max_length=64, unique=True, verbose_name='seal')),
                ('sealed_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='sealed at')),
            ],
            options={
                'verbose_name': 'seal',
                'verbose_name_plural': 'seals',
            },
        ),
        migrations.CreateModel(
            name='SplitRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64, unique=True, verbose_name='digest')),
                ('body', models.JSONField(verbose_name='rule')),
                ('recorded_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='recorded at')),
            ],
            options={
                'verbose_name': 'rule in the books',
                'verbose_name_plural': 'rules in the books',
            },
        ),
        migrations.RemoveConstraint(
            model_name='journalentry',
            name='ledger_entry_voided_once',
        ),
        migrations.AddField(
            model_name='account',
            name='recoup_bp',
            field=models.PositiveSmallIntegerField(blank=True, help_text="On a party's advance account: how much of each share pays it back, as the last advance said.", null=True, verbose_name='recoupment in basis points'),
        ),
        migrations.AddField(
            model_name='journalentry',
            name='booked_on',
            field=models.DateField(help_text='Day in the books. Later than the day it occurred on where that month was closed already.', null=True, verbose_name='booked on'),
        ),
        migrations.AddField(
            model_name='posting',
            name='booked_on',
            field=models.DateField(null=True, verbose_name='booked on'),
        ),
        migrations.AlterField(
            model_name='journalentry',
            name='kind',
            field=models.CharField(choices=[('sale', 'Sale'), ('void', 'Void'), ('refund', 'Refund'), ('refund_reversal', 'Refund taken back'), ('dispute', 'Dispute opened'), ('dispute_won', 'Dispute won'), ('dispute_lost', 'Dispute lost'), ('correction', 'Correction'), ('release', 'Reserve released'), ('advance', 'Advance'), ('guarantee', 'Guarantee'), ('pool', 'Subscription pool'), ('payout', 'Payout'), ('payout_sent', 'Payout arrived'), ('payout_failed', 'Payout failed'), ('adjustment', 'Adjustment')], max_length=16, verbose_name='kind'),
        ),
        migrations.AddIndex(
            model_name='account',
            index=models.Index(condition=models.Q(('recoup_bp__isnull', False)), fields=['party', 'currency'], name='ledger_account_advances'),
        ),
        migrations.AddIndex(
            model_name='posting',
            index=models.Index(condition=models.Q(('party__isnull', False)), fields=['party', 'currency', 'booked_on'], name='ledger_posting_month'),
        ),
        migrations.AddConstraint(
            model_name='account',
            constraint=models.CheckConstraint(condition=models.Q(('recoup_bp', None), models.Q(('code__endswith', ':advance'), ('recoup_bp__lte', 10000)), _connector='OR'), name='ledger_account_recoupment'),
        ),
        migrations.AddField(
            model_name='bookedorder',
            name='sale',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='order', to='ledger.journalentry', verbose_name='sale'),
        ),
        migrations.AddField(
            model_name='closedperiod',
            name='closed_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='closed by'),
        ),
        migrations.AddField(
            model_name='closedperiod',
            name='prepared_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='prepared by'),
        ),
        migrations.AddField(
            model_name='orderevent',
            name='actor',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='booked by'),
        ),
        migrations.AddField(
            model_name='orderevent',
            name='entry',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='event', to='ledger.journalentry', verbose_name='entry'),
        ),
        migrations.AddField(
            model_name='orderevent',
            name='order',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='ledger.bookedorder', verbose_name='order'),
        ),
        migrations.AddField(
            model_name='payout',
            name='entry',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='payout', to='ledger.journalentry', verbose_name='entry'),
        ),
        migrations.AddField(
            model_name='payout',
            name='party',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='payouts', to='accounts.party', verbose_name='party'),
        ),
        migrations.AddField(
            model_name='payoutclaim',
            name='payout',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='claims', to='ledger.payout', verbose_name='payout'),
        ),
        migrations.AddField(
            model_name='payoutclaim',
            name='posting',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='claim', to='ledger.posting', verbose_name='posting'),
        ),
        migrations.AddConstraint(
            model_name='seal',
            constraint=models.CheckConstraint(condition=models.Q(('entries__gt', 0)), name='ledger_seal_not_empty'),
        ),
        migrations.AddIndex(
            model_name='bookedorder',
            index=models.Index(condition=models.Q(('reserve_minor__gt', 0)), fields=['placed_at'], name='ledger_order_in_reserve'),
        ),
        migrations.AddConstraint(
            model_name='bookedorder',
            constraint=models.UniqueConstraint(fields=('source_kind', 'source_id'), name='ledger_order_once'),
        ),
        migrations.AddConstraint(
            model_name='bookedorder',
            constraint=models.CheckConstraint(condition=models.Q(('refunded_minor__gte', 0), ('refunded_minor__lte', models.F('paid_minor'))), name='ledger_order_refund_bound'),
        ),
        migrations.AddConstraint(
            model_name='bookedorder',
            constraint=models.CheckConstraint(condition=models.Q(('reversed_minor__gte', 0), ('reversed_minor__lte', models.F('settled_minor'))), name='ledger_order_reversal_bound'),
        ),
        migrations.AddConstraint(
            model_name='bookedorder',
            constraint=models.CheckConstraint(condition=models.Q(('reserve_minor__gte', 0)), name='ledger_order_reserve_bound'),
        ),
        migrations.AddConstraint(
            model_name='closedperiod',
            constraint=models.CheckConstraint(condition=models.Q(('month__day', 1)), name='ledger_period_first_day'),
        ),
        migrations.AddConstraint(
            model_name='closedperiod',
            constraint=models.CheckConstraint(condition=models.Q(('prepared_by', None), models.Q(('prepared_by', models.F('closed_by')), _negated=True), _connector='OR'), name='ledger_period_two_persons'),
        ),
        migrations.AddConstraint(
            model_name='orderevent',
            constraint=models.UniqueConstraint(fields=('order', 'number'), name='ledger_order_event_number'),
        ),
        migrations.AddConstraint(
            model_name='orderevent',
            constraint=models.UniqueConstraint(fields=('source_kind', 'source_id'), name='ledger_order_event_once'),
        ),
        migrations.AddConstraint(
            model_name='payout',
            constraint=models.UniqueConstraint(fields=('party', 'currency', 'number'), name='ledger_payout_number'),
        ),
        migrations.AddConstraint(
            model_name='payout',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor__gt', 0)), name='ledger_payout_positive'),
        ),
        migrations.AddConstraint(
            model_name='payout',
            constraint=models.CheckConstraint(condition=models.Q(('amount_minor', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('claimed_minor'), '+', models.F('carried_in_minor')), '-', models.F('carried_out_minor')))), name='ledger_payout_adds_up'),
        ),
        migrations.AddConstraint(
            model_name='payout',
            constraint=models.CheckConstraint(condition=models.Q(('withheld_minor__gte', 0), ('withheld_minor__lte', models.F('amount_minor'))), name='ledger_payout_withholding'),
        ),
        migrations.AlterField(
            model_name='posting',
            name='matures_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='available from'),
        ),
        migrations.RunSQL(FILL, UNDO_FILL),
        migrations.RunSQL(OPEN_PERIOD, UNDO_OPEN_PERIOD),
        migrations.RunSQL(AGREES, migrations.RunSQL.noop),
        AppendOnly("ledger_splitrule"),
        AppendOnly("ledger_orderevent"),
        AppendOnly("ledger_payout"),
        AppendOnly("ledger_payoutclaim"),
        AppendOnly("ledger_closedperiod"),
        AppendOnly("ledger_seal"),
        # Rules, and inputs of events, name every party of an order; portal readers get their part from selectors.
        RowSecurity("ledger_splitrule", "false"),
        RowSecurity("ledger_bookedorder", "false"),
        RowSecurity("ledger_orderevent", "false"),
        RowSecurity("ledger_payout", f"party_id = {PARTIES}"),
        RowSecurity("ledger_payoutclaim", OWN_PAYOUT),
    ]
