from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("recommender", "0011_impressions_filled")]
    operations = [migrations.RemoveField(model_name="servedlist", name="items")]
