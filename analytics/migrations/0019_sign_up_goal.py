from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0018_conversion_keys'),
    ]

    operations = [
        migrations.AddField(
            model_name='reportnode',
            name='sign_ups_high_ppm',
            field=models.BigIntegerField(db_default=0, default=0, verbose_name='sign-ups in ppm, upper end'),
        ),
        migrations.AddField(
            model_name='reportnode',
            name='sign_ups_low_ppm',
            field=models.BigIntegerField(db_default=0, default=0, verbose_name='sign-ups in ppm, lower end'),
        ),
        migrations.AddField(
            model_name='reportnode',
            name='sign_ups_ppm',
            field=models.BigIntegerField(db_default=0, default=0, verbose_name='sign-ups in ppm'),
        ),
    ]
