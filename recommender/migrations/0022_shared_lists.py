import django.db.models.deletion
from django.db import migrations, models




class Migration(migrations.Migration):
    """Experiments say how readers meet their arms, and a place which arm brought it."""

    dependencies = [("recommender", "0021_experiments")]
    operations = [
        migrations.AddField(
            model_name="experiment",
            name="kind",
            field=models.CharField(
                choices=[("split", "Each reader sees one arm"), ("mixed", "Both arms in one list (interleaving)")],
                db_default="split",
                default="split",
                max_length=8,
                verbose_name="kind",
            ),
        ),
        migrations.AddField(
            model_name="impression",
            name="arm",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="recommender.arm",
                verbose_name="arm",
            ),
        ),
        migrations.AlterField(
            model_name="decisionlog",
            name="act",
            field=models.CharField(choices=[("replay", "Replayed offline"), ("start", "Started"), ("stop", "Stopped it"), ("decide", "Decided it"), ("promote", "Made it serve everybody"), ("rollback", "Went back to what served before")], max_length=8, verbose_name="act"),
        ),
    ]
