"""What the programme's papers prove: versions as they were signed, statements as they were issued, nobody left out."""

from ledger.selectors import Proof, register

_AUDITED = ("agreement", "agreementparty", "agreementversion", "guarantee", "advance", "adjustment")
_TRAIL = "pgh_id,pgh_created_at,pgh_label,pgh_obj_id,pgh_context"

_LINE_KEYS = (
    "account", "amount", "available_from", "booked_on", "clause", "entry", "line", "note", "occurred_at", "order",
    "posting", "section", "title", "title_zh",
)  # fmt: skip
_LINE_FORMAT = ",".join(f'"{key}":%s' for key in _LINE_KEYS)
_LINE_VALUES = ", ".join(f"x -> '{key}'" for key in _LINE_KEYS)
_LINE_TEXT = f"format('{{{_LINE_FORMAT}}}', {_LINE_VALUES})"
"""SQL for a line of a statement as `merkle.canonical` writes it; where a key is missing, a text that is no JSON."""

_HEAD_TEXT = """
    (SELECT string_agg(to_json(a.key)::text || ':' || CASE jsonb_typeof(a.value) WHEN 'object' THEN '{' || (
        SELECT string_agg(to_json(b.key)::text || ':' || b.value, ',' ORDER BY b.key COLLATE "C")
        FROM jsonb_each(a.value) b) || '}' ELSE a.value::text END, ',' ORDER BY a.key COLLATE "C")
    FROM jsonb_each(s.body -> 'head') a)
"""


def _leaf(said: str) -> str:
    return f"sha256('\\x00'::bytea || convert_to({said}, 'UTF8'))"


_HEAD_LEAF = _leaf(f"'{{' || {_HEAD_TEXT} || '}}'")
_LINE_LEAF = _leaf(_LINE_TEXT)
_ISSUED_LEAF = _leaf("""'{"number":' || to_json(s.number) || ',"root":' || to_json(s.root) || '}'""")
_SEAL_LEAF = _leaf("""
    '{"digest":' || to_json(o.seal_digest) || ',"previous":' || to_json(o.previous)
        || ',"seal":' || o.seal_number || '}'
""")

register(
    Proof(
        "I18-kept",
        "Every agreement, version, guarantee, advance and adjustment is as the audit trail last saw it",
        " UNION ALL ".join(
            f"""
            SELECT '{name} ' || r.id, CASE WHEN t.state IS NULL THEN 'is not in the audit trail' ELSE
                'was changed beside the audit trail: ' || (
                SELECT string_agg(n.key, ', ' ORDER BY n.key) FROM jsonb_each(to_jsonb(r)) n
                WHERE n.value IS DISTINCT FROM t.state -> n.key) END
            FROM partners_{name} r LEFT JOIN LATERAL (
                SELECT to_jsonb(v) - '{{{_TRAIL}}}'::text[] AS state FROM partners_{name}event v
                WHERE v.pgh_obj_id = r.id ORDER BY v.pgh_id DESC LIMIT 1) t ON true
            WHERE t.state IS DISTINCT FROM to_jsonb(r)
            UNION ALL
            SELECT '{name} ' || t.pgh_obj_id, 'is gone beside the audit trail' FROM (
                SELECT DISTINCT ON (pgh_obj_id) pgh_obj_id, pgh_label FROM partners_{name}event
                ORDER BY pgh_obj_id, pgh_id DESC) t
            WHERE t.pgh_label <> 'delete' AND NOT EXISTS (SELECT 1 FROM partners_{name} r WHERE r.id = t.pgh_obj_id)
            """  # noqa: S608 - only constants are put in
            for name in _AUDITED
        ),
    )
)
register(
    Proof(
        "I18-granted",
        "Every advance and guarantee in the books is one that two persons granted, to that party and of that amount",
        """
        SELECT 'entry ' || e.id, 'advance ' || e.source_id || CASE WHEN a.id IS NULL THEN ' is not known as paid by it'
            ELSE ' says ' || a.amount_minor || ' ' || a.currency || ' to ' || y.code || ' at ' || a.recoup_bp END
        FROM ledger_journalentry e
        LEFT JOIN partners_advance a ON a.entry_id = e.id AND a.id::text = e.source_id AND a.state = 'paid'
            AND a.approved_by_id <> a.prepared_by_id
        LEFT JOIN accounts_party y ON y.id = a.party_id
        WHERE e.kind = 'advance' AND e.source_kind = 'advance' AND (a.id IS NULL OR e.inputs -> 'event' <>
            jsonb_build_object('party', y.code, 'currency', a.currency, 'amount', a.amount_minor,
                'recoup_bp', a.recoup_bp))
        UNION ALL
        SELECT 'advance ' || a.id, 'is paid, by no entry of its own' FROM partners_advance a
        LEFT JOIN ledger_journalentry e ON e.id = a.entry_id AND e.kind = 'advance' AND e.source_id = a.id::text
        WHERE a.state = 'paid' AND e.id IS NULL
        UNION ALL
        SELECT 'entry ' || e.id, 'guarantee ' || e.source_id || CASE WHEN g.id IS NULL THEN ' was granted by nobody'
            ELSE ' says ' || g.monthly_minor || ' ' || g.currency || ' to ' || y.code || ' from ' || g.since END
        FROM ledger_journalentry e
        CROSS JOIN LATERAL (SELECT to_date(split_part(e.source_id, ':', 2), 'YYYY-MM') AS month) m
        LEFT JOIN partners_guarantee g ON g.id::text = split_part(e.source_id, ':', 1)
            AND g.approved_by_id <> g.prepared_by_id
        LEFT JOIN accounts_party y ON y.id = g.party_id
        WHERE e.kind = 'guarantee' AND e.source_kind = 'guarantee' AND (g.id IS NULL
            OR (e.inputs #>> '{event,party}', e.inputs #>> '{event,currency}',
                (e.inputs #>> '{event,guarantee}')::bigint) <> (y.code, g.currency, g.monthly_minor)
            OR m.month < g.since OR m.month >= g.until)
        """,
    )
)
register(
    Proof(
        "I19-considered",
        "Everyone whom a settled line's agreement names, or whose channel was credited, was told what it earned",
        """
        WITH named AS (
            SELECT v.id AS version_id, p.id AS party_id, p.code
            FROM partners_agreementversion v
            CROSS JOIN LATERAL (
                SELECT v.rule ->> 'owner' AS account
                UNION SELECT n #>> '{}' FROM jsonb_path_query(v.rule, '$.**.account') AS n
            ) a
            JOIN accounts_party p ON 'party:' || p.code = a.account
            WHERE v.kind = 'standard' AND v.state IN ('in_force', 'superseded')
        ), told AS (
            SELECT source_id, version_id, min(order_code) AS order_code, array_agg(party_id) AS parties
            FROM partners_earningdecision WHERE source_kind = 'order_line' GROUP BY source_id, version_id
        )
        SELECT 'order ' || t.order_code, 'line ' || t.source_id || ': nothing was decided for ' || n.code
        FROM told t JOIN named n ON n.version_id = t.version_id AND n.party_id <> ALL (t.parties)
        UNION ALL
        SELECT 'order ' || e.source_id, 'line ' || (l ->> 'line') || ': nothing was decided for '
            || coalesce(c ->> 1, 'anybody')
        FROM ledger_journalentry e
        CROSS JOIN LATERAL jsonb_array_elements(e.inputs -> 'lines') AS l
        LEFT JOIN LATERAL jsonb_array_elements(l #> '{journey,credits}') AS c ON c ->> 1 IS NOT NULL
        WHERE e.kind = 'sale' AND e.source_kind = 'order' AND (l ->> 'version' IS NOT NULL OR c IS NOT NULL)
            AND NOT EXISTS (
                SELECT 1 FROM partners_earningdecision d JOIN accounts_party p ON p.id = d.party_id
                WHERE d.source_kind = 'order_line' AND d.source_id = l ->> 'line'
                    AND p.code = coalesce(c ->> 1, p.code))
        """,
    )
)
register(
    Proof(
        "I19-facts",
        "Every decision about a sale tells price, discount, tax and instant of its line as the books have them",
        """
        WITH sold AS (
            SELECT e.id AS entry_id, l ->> 'id' AS line, e.occurred_at, (l ->> 'list_price')::bigint AS price,
                coalesce((l #>> '{discounts,0,amount}')::bigint, 0) AS discount,
                coalesce((l #>> '{tax,amount}')::bigint, 0) AS tax, coalesce(l #>> '{tax,mode}', '') AS mode
            FROM ledger_journalentry e CROSS JOIN LATERAL jsonb_array_elements(e.inputs #> '{sale,lines}') AS l
            WHERE e.kind = 'sale' AND e.source_kind = 'order'
        )
        SELECT 'decision ' || d.id, 'tells ' || d.list_minor || ' - ' || d.discount_minor || ', tax ' || d.tax_minor
            || ', paid ' || d.paid_minor || ' on ' || d.placed_at || ', sold was ' || s.price || ' - ' || s.discount
            || ', tax ' || s.tax || ' on ' || s.occurred_at
        FROM partners_earningdecision d JOIN sold s ON s.entry_id = d.entry_id AND s.line = d.source_id
        WHERE (d.list_minor, d.discount_minor, d.tax_minor, d.placed_at) <> (s.price, s.discount, s.tax, s.occurred_at)
            OR d.paid_minor <> s.price - s.discount + CASE s.mode WHEN 'exclusive' THEN s.tax ELSE 0 END
        """,
    )
)
register(
    Proof(
        "I20-lines",
        "Every line of an issued statement is the posting that it names",
        """
        SELECT 'statement ' || s.number, 'posting ' || (x ->> 'posting') || ' stands as ' || (x ->> 'amount') || ' on '
            || (x ->> 'booked_on') || CASE WHEN p.party_id = s.party_id AND p.currency = s.currency THEN ', booked is '
            || p.amount || ' on ' || p.booked_on || ' by entry ' || p.entry_id ELSE ', is none of the party''s' END
        FROM partners_statement s CROSS JOIN LATERAL jsonb_array_elements(s.body -> 'lines') AS x
        LEFT JOIN ledger_posting p ON p.id = (x ->> 'posting')::bigint
        WHERE (p.party_id, p.currency, p.entry_id, p.amount, p.booked_on::text, p.clause) IS DISTINCT FROM (s.party_id,
            s.currency, (x ->> 'entry')::bigint, (x ->> 'amount')::bigint, x ->> 'booked_on', x ->> 'clause')
        """,  # joined by the posting alone: also by party, the planner walked a party's postings for each of its lines
    )
)


register(
    Proof(
        "I20-roots",
        "Every issued statement has the root of its content, every month that of its statements and the month before",
        # A tree is one row: its level, 32 bytes a node, each pair of which makes a node of the next.
        f"""
        WITH RECURSIVE statement AS MATERIALIZED (
            SELECT s.id, {_HEAD_LEAF} || coalesce(l.leaves, '') AS leaves,
                s.body - '{{head,lines}}'::text[] = '{{}}' AND l.lines = s.lines AND l.others IS NULL AS whole
            FROM partners_statement s CROSS JOIN LATERAL (
                SELECT string_agg({_LINE_LEAF}, ''::bytea ORDER BY place) AS leaves, count(*) AS lines,
                    min(place) FILTER (WHERE x - '{{{",".join(_LINE_KEYS)}}}'::text[] <> '{{}}') AS others
                FROM jsonb_array_elements(s.body -> 'lines') WITH ORDINALITY AS x (x, place)
            ) l
        ), month AS MATERIALIZED (
            SELECT o.id, coalesce(string_agg({_ISSUED_LEAF}, ''::bytea ORDER BY s.place), '') || {_SEAL_LEAF} AS leaves,
                array_remove(array_agg(s.place ORDER BY s.place), NULL)
                    = ARRAY(SELECT generate_series(0, o.statements - 1)) AS whole
            FROM partners_statementmonth o LEFT JOIN partners_statement s ON s.of_id = o.id GROUP BY o.id
        ), tree AS (
            SELECT id AS statement, NULL::bigint AS month, leaves AS level FROM statement WHERE whole
            UNION ALL
            SELECT NULL, id, leaves FROM month WHERE whole
            UNION ALL
            SELECT t.statement, t.month, (
                SELECT string_agg(CASE WHEN at + 32 < length(t.level)
                    THEN sha256('\\x01'::bytea || substr(t.level, at + 1, 64))
                    ELSE substr(t.level, at + 1, 32) END, ''::bytea ORDER BY at)
                FROM generate_series(0, length(t.level) - 1, 64) AS at)
            FROM tree t WHERE length(t.level) > 32
        ), root AS (SELECT statement, month, encode(level, 'hex') AS digest FROM tree WHERE length(level) = 32)
        SELECT 'statement ' || s.number, 'its content is not what its root says'
        FROM partners_statement s LEFT JOIN root r ON r.statement = s.id WHERE s.root IS DISTINCT FROM r.digest
        UNION ALL
        SELECT 'month ' || to_char(o.month, 'YYYY-MM'), 'its statements are not what its root says'
        FROM partners_statementmonth o LEFT JOIN root r ON r.month = o.id WHERE o.root IS DISTINCT FROM r.digest
        UNION ALL
        SELECT 'month ' || to_char(month, 'YYYY-MM'), 'does not follow the month before' FROM (
            SELECT month, previous, lag(root, 1, ''::varchar) OVER (ORDER BY month) AS last FROM partners_statementmonth
        ) o WHERE previous <> last
        """,  # noqa: S608 - only constants are put in
    )
)
