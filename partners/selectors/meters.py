"""What agreements have sold and partners have earned under them, counted again from the entries of sales and claims."""

from django.conf import settings

_ZONE = settings.TIME_ZONE.replace("'", "''")

COUNTED = f"""
    line AS (
        SELECT DISTINCT v.agreement_id, d.entry_id, d.source_id, d.placed_at
        FROM partners_earningdecision d
        JOIN partners_agreementversion v ON v.id = d.version_id AND v.agreement_id = ANY (SELECT id FROM wanted)
        JOIN ledger_journalentry e ON e.id = d.entry_id AND e.kind = 'sale'
    ),
    told AS (
        SELECT l.agreement_id, l.placed_at AT TIME ZONE '{_ZONE}' AS at, e.trace ->> 'settled_currency' AS currency,
            t.told -> 'steps' AS steps
        FROM line l JOIN ledger_journalentry e ON e.id = l.entry_id
        CROSS JOIN LATERAL jsonb_array_elements(e.trace -> 'lines') AS t (told)
        WHERE t.told ->> 'line' = l.source_id
    ),
    moved AS (
        SELECT agreement_id, 'volume' AS kind, NULL AS code, currency, at, (step ->> 'amount')::bigint AS amount
        FROM told CROSS JOIN LATERAL jsonb_array_elements(steps) AS s (step) WHERE step ->> 'code' = 'base'
        UNION ALL
        SELECT agreement_id, 'cap', substr(part ->> 'account', 7), currency, at,
            (part ->> 'amount')::bigint - coalesce((part ->> 'capped')::bigint, 0)
        FROM told CROSS JOIN LATERAL jsonb_array_elements(steps) AS s (step)
        CROSS JOIN LATERAL jsonb_array_elements(step -> 'channels') AS c (part)
        WHERE step ? 'channels' AND part ->> 'account' <> ''
        UNION ALL
        SELECT (c.moved ->> 0)::bigint, 'cap', p.code, k.currency, k.placed_at AT TIME ZONE '{_ZONE}',
            (c.moved ->> 1)::bigint
        FROM partners_claimcredit k CROSS JOIN LATERAL jsonb_array_elements(k.counted) AS c (moved)
        JOIN partners_claim m ON m.id = k.claim_id JOIN accounts_party p ON p.id = m.party_id
        WHERE (c.moved ->> 0)::bigint = ANY (SELECT id FROM wanted)
    ),
    counted AS (
        SELECT m.agreement_id, m.kind, p.id AS party_id, m.currency, k.per,
            CASE k.per WHEN 'ever' THEN DATE '0001-01-01' ELSE date_trunc(k.per, m.at)::date END AS period,
            sum(m.amount)::bigint AS amount
        FROM moved m LEFT JOIN accounts_party p ON p.code = m.code
        JOIN (VALUES ('volume', 'ever'), ('volume', 'year'), ('volume', 'month'), ('cap', 'month')) AS k (kind, per)
            ON k.kind = m.kind
        GROUP BY 1, 2, 3, 4, 5, 6
    )
"""  # noqa: S608 - only the setting of the time zone is put in
"""Common table expressions: `counted` holds every counter that the agreements in `wanted` (id) could have."""
