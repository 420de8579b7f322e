"""An index over the few orders that wait for their payment, built beside live writers."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("courses", "0001_initial"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(condition=models.Q(("state", "placed")), fields=["placed_at", "id"], name="courses_order_waiting"),
        ),
    ]
