# The day in the books is required: first as a check that is validated without a lock, then as the column's own.

from django.db import migrations, models

TABLES = ("ledger_journalentry", "ledger_posting")
CHECK = "SET LOCAL lock_timeout = '5s';" + "".join(
    f"ALTER TABLE {table} ADD CONSTRAINT {table}_booked_on CHECK (booked_on IS NOT NULL) NOT VALID;" for table in TABLES
)
VALIDATE = "".join(f"ALTER TABLE {table} VALIDATE CONSTRAINT {table}_booked_on;" for table in TABLES)
REQUIRE = "SET LOCAL lock_timeout = '5s';" + "".join(
    f"ALTER TABLE {table} ALTER COLUMN booked_on SET NOT NULL, DROP CONSTRAINT {table}_booked_on;" for table in TABLES
)
ALLOW = "".join(f"ALTER TABLE {table} ALTER COLUMN booked_on DROP NOT NULL;" for table in TABLES)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_booked_on_backfill")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(CHECK, migrations.RunSQL.noop),
                migrations.RunSQL(VALIDATE, migrations.RunSQL.noop),
                migrations.RunSQL(REQUIRE, ALLOW),
            ],
            state_operations=[
                migrations.AlterField(
                    "journalentry",
                    "booked_on",
                    models.DateField(
                        verbose_name="booked on",
                        help_text="Day in the books. Later than the day it occurred on where that month was closed already.",
                    ),
                ),
                migrations.AlterField("posting", "booked_on", models.DateField(verbose_name="booked on")),
            ],
        ),
    ]
