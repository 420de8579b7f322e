from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("recommender", "0024_training_trail")]
    operations = [
        AddIndexConcurrently(
            "servedlist",
            models.Index(
                condition=models.Q(("course__isnull", False)), fields=["course"], name="recommender_served_beside"
            ),
        ),
    ]
