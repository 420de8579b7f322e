# Decisions, acceptances and exchange rates are sealed as entries are: a table of seals, and the lock that lets a seal
# know that no lower number still appears.

import django.utils.timezone
from django.db import migrations, models

from accounts.operations import AppendOnly

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"


def _lock(table: str, name: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER {name} BEFORE INSERT ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_share_posting_lock()",
        f"DROP TRIGGER {name} ON {table}",
    )


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0013_rates_share_the_lock'),
        ('partners', '0017_decision_keys'),
    ]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        migrations.CreateModel(
            name='PaperSeal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=16, verbose_name='kind')),
                ('number', models.PositiveIntegerField(verbose_name='number')),
                ('upto', models.BigIntegerField(verbose_name='up to row')),
                ('rows', models.PositiveIntegerField(verbose_name='rows')),
                ('previous', models.CharField(blank=True, max_length=64, verbose_name='seal before')),
                ('digest', models.CharField(max_length=64, verbose_name='seal')),
                ('marks', models.BinaryField(verbose_name='marks of the rows')),
                ('sealed_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='sealed at')),
            ],
            options={
                'verbose_name': 'seal of papers',
                'verbose_name_plural': 'seals of papers',
                'constraints': [
                    models.UniqueConstraint(fields=('kind', 'number'), name='partners_paperseal_number'),
                    models.UniqueConstraint(fields=('kind', 'upto'), name='partners_paperseal_upto'),
                    models.CheckConstraint(condition=models.Q(('rows__gt', 0)), name='partners_paperseal_not_empty'),
                ],
            },
        ),
        AppendOnly("partners_paperseal"),
        _lock("partners_earningdecision", "partners_decision_lock"),
        _lock("partners_acceptance", "partners_acceptance_lock"),
    ]
