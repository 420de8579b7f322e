# Each list that is shown is written into every index of its table, while somebody waits. Keys that begin another index,
# or that nobody looks lists up by (models and policies are never removed), need none of their own.

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('courses', '0007_keys_indexed_once'),
        ('recommender', '0025_lists_beside'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AlterField(
            model_name='impression',
            name='served',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='impressions', to='recommender.servedlist', verbose_name='list'),
        ),
        migrations.AlterField(
            model_name='servedlist',
            name='course',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='courses.course', verbose_name='beside the course'),
        ),
        migrations.AlterField(
            model_name='servedlist',
            name='policy',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='recommender.servingpolicy', verbose_name='policy'),
        ),
        migrations.AlterField(
            model_name='servedlist',
            name='run',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='recommender.trainingrun', verbose_name='model'),
        ),
        migrations.AlterField(
            model_name='servedlist',
            name='user',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='learner'),
        ),
    ]
