# A party reads what a run pays it once that is approved; proposals, and why one was left out, are the house's.

from django.db import migrations

from accounts.operations import PARTIES, NarrowRowSecurity

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"


class Migration(migrations.Migration):

    dependencies = [('ledger', '0013_rates_share_the_lock')]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        NarrowRowSecurity(
            "ledger_payoutitem",
            visible=f"party_id = {PARTIES} AND state IN ('approved', 'sent', 'arrived', 'failed')",
            before=f"party_id = {PARTIES}",
        ),
    ]
