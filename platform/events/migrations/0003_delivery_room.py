# A delivery is written once and changed twice: room in its page keeps the first change out of the indexes.

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0002_begun_keys_purge'),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(
            "ALTER TABLE events_delivery SET (fillfactor = 60)", "ALTER TABLE events_delivery RESET (fillfactor)"
        ),
        # `events_delivery_once` begins with the event.
        migrations.AlterField(
            model_name='delivery',
            name='event',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='events.outboxevent', verbose_name='event'),
        ),
    ]
