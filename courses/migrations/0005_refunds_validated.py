"""Indexes over the few orders that gave money back, and the bound held for all, beside live writers."""

from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ("courses", "0004_refunds"),
    ]

    operations = [
        ValidateConstraint(model_name="order", name="courses_order_return_bound"),
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(condition=models.Q(("returned_minor__gt", 0)), fields=["-placed_at", "-id"], name="courses_order_returned"),
        ),
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(condition=models.Q(("disputed", True)), fields=["-placed_at", "-id"], name="courses_order_disputed"),
        ),
    ]
