# Statements as they were issued.

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from accounts.operations import PARTIES, AppendOnly, RowSecurity


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_payout_details'),
        ('partners', '0004_advances'),
    ]

    operations = [
        migrations.CreateModel(
            name='StatementMonth',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('month', models.DateField(unique=True, verbose_name='month')),
                ('root', models.CharField(max_length=64, verbose_name='root')),
                ('statements', models.PositiveIntegerField(verbose_name='statements')),
                ('seal_number', models.PositiveIntegerField(verbose_name='seal')),
                ('seal_digest', models.CharField(blank=True, max_length=64, verbose_name='digest of the seal')),
                ('previous', models.CharField(blank=True, max_length=64, verbose_name='root of the month before')),
                ('issued_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='issued at')),
            ],
            options={
                'verbose_name': 'month of statements',
                'verbose_name_plural': 'months of statements',
                'constraints': [models.CheckConstraint(condition=models.Q(('month__day', 1)), name='partners_statement_first_day')],
            },
        ),
        migrations.CreateModel(
            name='Statement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.PositiveIntegerField(verbose_name='place')),
                ('number', models.CharField(max_length=96, unique=True, verbose_name='number')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('month', models.DateField(verbose_name='month')),
                ('opening_minor', models.BigIntegerField(verbose_name='opening balance')),
                ('closing_minor', models.BigIntegerField(verbose_name='closing balance')),
                ('lines', models.PositiveIntegerField(verbose_name='lines')),
                ('root', models.CharField(max_length=64, verbose_name='root')),
                ('body', models.JSONField(verbose_name='content')),
                ('issued_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='issued at')),
                ('party', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='statements', to='accounts.party', verbose_name='party')),
                ('of', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='issued', to='partners.statementmonth', verbose_name='month of statements')),
            ],
            options={
                'verbose_name': 'statement',
                'verbose_name_plural': 'statements',
                'constraints': [models.UniqueConstraint(fields=('month', 'party', 'currency'), name='partners_statement_once'), models.UniqueConstraint(fields=('of', 'place'), name='partners_statement_place')],
            },
        ),
        AppendOnly("partners_statementmonth"),
        AppendOnly("partners_statement"),
        # A month holds nothing but hashes, which every partner needs for the own proof.
        RowSecurity("partners_statement", f"party_id = {PARTIES}"),
    ]
