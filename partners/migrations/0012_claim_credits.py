# Claims that were accepted before this counted for no cap; from here on they follow what happens to their orders.

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from accounts.operations import AppendOnly, RowSecurity

KNOWN = """
INSERT INTO partners_claimcredit (claim_id, order_code, placed_at, source_kind, source_id, entry_id, basis, channel_id,
    told, counted, amount_minor, currency, at)
SELECT c.id, g.order_code, g.placed_at, '', '', a.entry_id, b.basis,
    coalesce(l.channel_id, (SELECT min(h.id) FROM partners_channel h WHERE h.owner_id = c.party_id)),
    coalesce(g.told -> b.basis, '{}'), '[]', a.amount_minor, a.currency, a.decided_at
FROM partners_claim c
JOIN partners_adjustment a ON a.claim_id = c.id AND a.state = 'booked'
JOIN partners_claimgathering g ON g.claim_id = c.id AND g.round = c.round AND g.placed_at IS NOT NULL
CROSS JOIN LATERAL (SELECT CASE c.reason WHEN 'proven_elsewhere' THEN 'sole' ELSE 'evidence' END AS basis) b
LEFT JOIN partners_trackinglink l ON l.id = c.link_id
WHERE c.state = 'accepted'
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0008_statement_checks'),
        ('partners', '0011_decision_reasons'),
    ]

    operations = [
        migrations.CreateModel(
            name='ClaimCredit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('order_code', models.CharField(max_length=32, verbose_name='order as it is called')),
                ('placed_at', models.DateTimeField(verbose_name='ordered at')),
                ('source_kind', models.CharField(blank=True, max_length=32, verbose_name='source')),
                ('source_id', models.CharField(blank=True, max_length=64, verbose_name='source id')),
                ('basis', models.CharField(choices=[('evidence', 'By the journey as it is known today'), ('sole', 'As if the partner had brought the order alone')], max_length=8, verbose_name='computed')),
                ('told', models.JSONField(default=dict, verbose_name='the sale as it would have been told')),
                ('counted', models.JSONField(default=list, verbose_name='counted for caps')),
                ('amount_minor', models.BigIntegerField(verbose_name='amount in minor units')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='at')),
                ('channel', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='partners.channel', verbose_name='channel')),
                ('claim', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='credits', to='partners.claim', verbose_name='claim')),
                ('entry', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='ledger.journalentry', verbose_name='entry')),
            ],
            options={
                'verbose_name': 'credit of a claim',
                'verbose_name_plural': 'credits of claims',
                'indexes': [models.Index(fields=['order_code'], name='partners_claim_credit_order')],
                'constraints': [models.UniqueConstraint(fields=('claim', 'source_kind', 'source_id'), name='partners_claim_credit_once')],
            },
        ),
        migrations.RunSQL(KNOWN, migrations.RunSQL.noop),
        AppendOnly("partners_claimcredit"),
        RowSecurity("partners_claimcredit", "false"),
    ]
