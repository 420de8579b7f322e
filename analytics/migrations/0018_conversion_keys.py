# The order and the person of a conversion, neither of which is ever removed, are asked for once a statement, too, and so
# is what a recognised browser's row names. The browser of a conversion, which an erasure takes out, stays a foreign key.

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from accounts.operations import KeysByStatement


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_erasures'),
        ('analytics', '0017_credit_checks'),
        ('courses', '0007_keys_indexed_once'),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        KeysByStatement("analytics_conversion", {
            "order_id": "courses_order",
            "user_id": "accounts_user",
        }),
        KeysByStatement("analytics_visitormerge", {
            "visitor_id": "analytics_visitor",
            "user_id": "accounts_user",
        }),
        migrations.AlterField(
            model_name='conversion',
            name='order',
            field=models.OneToOneField(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='conversion', to='courses.order', verbose_name='order'),
        ),
        migrations.AlterField(
            model_name='conversion',
            name='user',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='person'),
        ),
        migrations.AlterField(
            model_name='visitormerge',
            name='visitor',
            field=models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='merge', to='analytics.visitor', verbose_name='visitor'),
        ),
        migrations.AlterField(
            model_name='visitormerge',
            name='user',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='person'),
        ),
    ]
