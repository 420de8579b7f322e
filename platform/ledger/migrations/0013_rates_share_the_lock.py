# Whoever enters a rate shares the lock of bookings, so that seals over rates know that no lower number still appears.

from django.db import migrations

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"


class Migration(migrations.Migration):

    dependencies = [('ledger', '0012_checks_of_batches')]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        migrations.RunSQL(
            "CREATE TRIGGER ledger_rate_lock BEFORE INSERT ON ledger_fxrate "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_share_posting_lock()",
            "DROP TRIGGER ledger_rate_lock ON ledger_fxrate",
        ),
    ]
