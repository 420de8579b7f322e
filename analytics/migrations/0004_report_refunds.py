# Revenue in channel reports is net of refunds, which stand beside it.

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0003_channel_rules'),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name='channelreportrow',
            name='refunds_minor',
            field=models.BigIntegerField(db_default=0, default=0, verbose_name='refunds in minor units'),
        ),
        migrations.AlterField(
            model_name='channelreportrow',
            name='revenue_minor',
            field=models.BigIntegerField(default=0, help_text='What was paid and not given back.', verbose_name='revenue in minor units'),
        ),
    ]
