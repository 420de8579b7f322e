# What decisions point at is asked for once a statement: three keys for each row cost as much as writing it.

import django.db.models.deletion
from django.db import migrations, models

from accounts.operations import KeysByStatement

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_erasures'),
        ('partners', '0016_half_life_and_weights'),
    ]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        KeysByStatement("partners_earningdecision", {
            "party_id": "accounts_party",
            "version_id": "partners_agreementversion",
            "channel_id": "partners_channel",
        }),
        migrations.AlterField(
            model_name='earningdecision',
            name='party',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='accounts.party', verbose_name='party'),
        ),
        migrations.AlterField(
            model_name='earningdecision',
            name='version',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='partners.agreementversion', verbose_name='agreement'),
        ),
        migrations.AlterField(
            model_name='earningdecision',
            name='channel',
            field=models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='partners.channel', verbose_name='came through'),
        ),
    ]
