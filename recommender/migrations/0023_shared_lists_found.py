from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("recommender", "0022_shared_lists")]
    operations = [
        AddIndexConcurrently(
            "impression",
            models.Index(condition=models.Q(("arm__isnull", False)), fields=["arm"], name="recommender_place_arm"),
        ),
    ]
