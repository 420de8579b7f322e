# See ledger.0015: rows are asked for by their keys, whenever the plan was made.

from django.db import migrations

BY_INDEX = """
ALTER FUNCTION analytics_check_even() SET enable_seqscan = off;
ALTER FUNCTION analytics_credit_check_keys() SET enable_seqscan = off;
ALTER FUNCTION analytics_conversion_check_keys() SET enable_seqscan = off;
ALTER FUNCTION analytics_visitormerge_check_keys() SET enable_seqscan = off;
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0021_clicks_sooner")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.RunSQL(BY_INDEX, migrations.RunSQL.noop),
    ]
