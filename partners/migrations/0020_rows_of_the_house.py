# What is not granted yet is the house's; and who has left an agreement does not read what the others agree on later.

from django.db import migrations

from accounts.operations import PARTIES, NarrowRowSecurity

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"

OWN = f"party_id = {PARTIES}"

# A correction is about the past, and is signed by those who shared then.
VERSIONS = """
    state <> 'draft' AND EXISTS (
        SELECT 1 FROM partners_agreementparty ap JOIN accounts_party p ON p.id = ap.party_id
        WHERE ap.agreement_id = partners_agreementversion.agreement_id AND (
            partners_agreementversion.kind = 'correction'
            OR NOT EXISTS (
                SELECT 1 FROM partners_leave l
                WHERE l.agreement_id = ap.agreement_id AND l.party_id = ap.party_id
                    AND l.version_id < partners_agreementversion.id
                    AND l.leaves_at <= lower(partners_agreementversion.effective))
            OR EXISTS (
                SELECT 1 FROM jsonb_path_query(partners_agreementversion.rule, '$.**.account') AS named
                WHERE named #>> '{}' = 'party:' || p.code)))
"""
WERE = """
    state <> 'draft' AND EXISTS (
        SELECT 1 FROM partners_agreementparty ap WHERE ap.agreement_id = partners_agreementversion.agreement_id)
"""


class Migration(migrations.Migration):

    dependencies = [('partners', '0019_links_stay_here')]

    operations = [
        migrations.RunSQL(LOCK_TIMEOUT, migrations.RunSQL.noop),
        NarrowRowSecurity("partners_advance", visible=f"{OWN} AND state = 'paid'", before=OWN),
        NarrowRowSecurity("partners_advanceevent", visible="false", before=OWN),
        NarrowRowSecurity("partners_guarantee", visible=f"{OWN} AND approved_by_id IS NOT NULL", before=OWN),
        NarrowRowSecurity("partners_guaranteeevent", visible="false", before=OWN),
        NarrowRowSecurity("partners_agreementversion", visible=VERSIONS, before=WERE),
    ]
