# Agreements may pay by the last touch that was not direct, and by what channels add.

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('partners', '0014_click_reasons'),
    ]

    operations = [
        migrations.AlterField(
            model_name='agreementversion',
            name='paying_model',
            field=models.CharField(choices=[('first_touch', 'First touch'), ('last_touch', 'Last touch'), ('last_non_direct', 'Last non-direct'), ('linear', 'Linear'), ('u_shape', 'U-shape'), ('time_decay', 'Time decay'), ('shapley', 'Shapley'), ('markov', 'Markov'), ('counterfactual', 'Incremental')], default='last_touch', max_length=16, verbose_name='paying model'),
        ),
        migrations.AlterField(
            model_name='agreementversionevent',
            name='paying_model',
            field=models.CharField(choices=[('first_touch', 'First touch'), ('last_touch', 'Last touch'), ('last_non_direct', 'Last non-direct'), ('linear', 'Linear'), ('u_shape', 'U-shape'), ('time_decay', 'Time decay'), ('shapley', 'Shapley'), ('markov', 'Markov'), ('counterfactual', 'Incremental')], default='last_touch', max_length=16, verbose_name='paying model'),
        ),
    ]
