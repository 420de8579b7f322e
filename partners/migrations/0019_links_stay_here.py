# A target in which a browser would leave out a tab or line break leads off the site: no row may hold one.

from django.db import migrations, models

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"
PAGE = r"^/([^/\\[:space:][:cntrl:]][^\\[:space:][:cntrl:]]*)?$"
CLOSE = rf"UPDATE partners_trackinglink SET destination = '/', is_active = false WHERE destination !~ '{PAGE}'"


class Migration(migrations.Migration):

    dependencies = [
        ('partners', '0018_paper_seals'),
    ]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        migrations.RunSQL(CLOSE, migrations.RunSQL.noop),
        migrations.RemoveConstraint(
            model_name='trackinglink',
            name='partners_link_stays_here',
        ),
        migrations.AddConstraint(
            model_name='trackinglink',
            constraint=models.CheckConstraint(condition=models.Q(('destination__regex', PAGE)), name='partners_link_stays_here'),
        ),
    ]
