# Models that need a finished report say which one they knew; two more models.

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0010_report_segments'),
    ]

    operations = [
        migrations.AddField(
            model_name='credit',
            name='run',
            field=models.ForeignKey(blank=True, db_index=False, help_text='The finished report that the model knew, of models that need one.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='analytics.reportrun', verbose_name='report'),
        ),
        migrations.AlterField(
            model_name='channelreportrow',
            name='model',
            field=models.CharField(choices=[('first_touch', 'First touch'), ('last_touch', 'Last touch'), ('last_non_direct', 'Last non-direct'), ('linear', 'Linear'), ('u_shape', 'U-shape'), ('time_decay', 'Time decay'), ('shapley', 'Shapley'), ('markov', 'Markov'), ('counterfactual', 'Incremental')], max_length=16, verbose_name='model'),
        ),
        migrations.AlterField(
            model_name='credit',
            name='model',
            field=models.CharField(choices=[('first_touch', 'First touch'), ('last_touch', 'Last touch'), ('last_non_direct', 'Last non-direct'), ('linear', 'Linear'), ('u_shape', 'U-shape'), ('time_decay', 'Time decay'), ('shapley', 'Shapley'), ('markov', 'Markov'), ('counterfactual', 'Incremental')], max_length=16, verbose_name='model'),
        ),
        migrations.AlterField(
            model_name='reportnode',
            name='model',
            field=models.CharField(choices=[('first_touch', 'First touch'), ('last_touch', 'Last touch'), ('last_non_direct', 'Last non-direct'), ('linear', 'Linear'), ('u_shape', 'U-shape'), ('time_decay', 'Time decay'), ('shapley', 'Shapley'), ('markov', 'Markov'), ('counterfactual', 'Incremental')], max_length=16, verbose_name='model'),
        ),
    ]
