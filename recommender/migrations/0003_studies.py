"""A schema of its own for Optuna's tables, which the application makes there when it first searches."""

from django.conf import settings
from django.db import migrations


def make(apps, schema_editor):
    role = schema_editor.quote_name(settings.DATABASES["default"]["USER"])
    schema_editor.execute("CREATE SCHEMA IF NOT EXISTS studies")
    schema_editor.execute(f"GRANT USAGE, CREATE ON SCHEMA studies TO {role}")


def drop(apps, schema_editor):
    schema_editor.execute("DROP SCHEMA studies CASCADE")


class Migration(migrations.Migration):

    dependencies = [("recommender", "0002_life_cycle")]

    operations = [migrations.RunPython(make, drop)]
