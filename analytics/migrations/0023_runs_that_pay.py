# Reports of before were all known to the orders after them and stay so; of those to come, what a person asked for is not.

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0022_checks_by_index'),
    ]

    operations = [
        migrations.AddField(
            model_name='reportrun',
            name='pays',
            field=models.BooleanField(
                db_default=True,
                default=True,
                editable=False,
                help_text="Nobody in person asked for it: Markov and Incremental credit later orders by what it learnt.",
                verbose_name='pays',
            ),
        ),
    ]
