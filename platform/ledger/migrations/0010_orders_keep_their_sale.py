# An order in the books is locked and summed up by its events, so the role app updates its row; what its sale said, the
# bound of every refund, it may not touch. One grant for the sums: a role may lock a row of which it may update a column.

from django.conf import settings
from django.db import migrations

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

SUMS = "refunded_minor, reversed_minor, reserve_minor, disputed, events_count"

ROLE = settings.DATABASES["default"]["USER"]

NARROW = f"""
REVOKE UPDATE, DELETE ON ledger_bookedorder FROM "{ROLE}";
GRANT UPDATE ({SUMS}) ON ledger_bookedorder TO "{ROLE}";
"""

WIDEN = f"""
REVOKE UPDATE ({SUMS}) ON ledger_bookedorder FROM "{ROLE}";
GRANT UPDATE, DELETE ON ledger_bookedorder TO "{ROLE}";
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0009_closed_up_to'),
    ]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        migrations.RunSQL(NARROW, WIDEN),
    ]
