# What was changed of hold-out tests is shown in the audit trail and never mended, as everything else there.

from django.db import migrations

from accounts.operations import AppendOnly, RefreshAuditView


class Migration(migrations.Migration):

    dependencies = [
        ('analytics', '0019_sign_up_goal'),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        AppendOnly("analytics_holdouttestevent"),
        AppendOnly("analytics_holdoutarmevent"),
        RefreshAuditView(),
    ]
