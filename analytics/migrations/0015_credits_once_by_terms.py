# The new uniqueness stands before the old one goes; its index is built while orders are settled.

from django.db import migrations, models

OLD, NEW = "analytics_credit_once", "analytics_credit_weighed_once"


def _index(name, columns):
    return (
        f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON analytics_credit ({columns}) NULLS NOT DISTINCT"
    )


def _swap(new, old):
    return (
        f"ALTER TABLE analytics_credit ADD CONSTRAINT {new} UNIQUE USING INDEX {new}, DROP CONSTRAINT {old}"
    )


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('analytics', '0014_credit_terms'),
    ]

    operations = [
        migrations.RunSQL(
            _index(NEW, "conversion_id, model, terms, channel_id, owner_id"),
            _swap(OLD, NEW),
        ),
        migrations.RunSQL(
            _swap(NEW, OLD),
            _index(OLD, "conversion_id, model, channel_id, owner_id"),
            state_operations=[
                migrations.RemoveConstraint(model_name='credit', name=OLD),
                migrations.AddConstraint(
                    model_name='credit',
                    constraint=models.UniqueConstraint(fields=('conversion', 'model', 'terms', 'channel', 'owner'), name=NEW, nulls_distinct=False),
                ),
            ],
        ),
    ]
