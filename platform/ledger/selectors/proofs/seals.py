"""SQL that holds rows against the seals that were laid over them."""

from ledger.selectors.body import MARK_BYTES, SEAL_SQL


def broken_seals(*, seals: str, table: str, leaf: str, word: str, many: str, kind: str = "") -> str:
    """SQL for (row, what) of each seal that does not hold over the rows `r` of a table.

    `seals` selects number, upto, rows, previous, digest and marks; `leaf` is what a seal says of a row, 32 bytes.
    `word` and `many` are what one row and several are called, `kind` follows a seal's number. Each row is hashed once:
    not again for every seal that is held against the list, nor for digest and marks apart.
    """
    return f"""
        WITH chained AS (
            SELECT s.*, lag(s.upto, 1, 0::bigint) OVER past AS since, lag(s.number, 1, 0) OVER past AS last_number,
                lag(s.digest, 1, ''::varchar) OVER past AS last_digest
            FROM ({seals}) s WINDOW past AS (ORDER BY s.number)
        ), sealed AS MATERIALIZED (
            SELECT l.number, count(*) AS rows,
                {SEAL_SQL.format(previous="l.previous", leaf="l.hash", order="l.id")} AS digest,
                string_agg(substr(l.hash, 1, {MARK_BYTES}), ''::bytea ORDER BY l.id) AS marks,
                array_agg(l.id ORDER BY l.id) AS ids
            FROM (
                SELECT c.number, c.previous, r.id, {leaf} AS hash
                FROM chained c JOIN {table} r ON r.id > c.since AND r.id <= c.upto OFFSET 0
            ) l GROUP BY l.number, l.previous
        )
        SELECT
            CASE WHEN o.at IS NULL OR c.broken THEN 'seal ' || c.number || '{kind}' ELSE '{word} ' || s.ids[o.at] END,
            CASE
                WHEN c.broken THEN 'does not follow the seal before'
                WHEN o.at IS NOT NULL THEN 'is not what seal ' || c.number || ' sealed'
                WHEN s.rows IS DISTINCT FROM c.rows
                    THEN 'covers ' || c.rows || ' {many}, found ' || coalesce(s.rows, 0)
                ELSE 'hash differs'
            END
        FROM (SELECT *, previous <> last_digest OR number <> last_number + 1 AS broken FROM chained) c
        LEFT JOIN sealed s ON s.number = c.number
        LEFT JOIN LATERAL (
            SELECT min(i) AS at FROM generate_series(1, s.rows::int) AS i
            WHERE s.marks <> c.marks AND substr(s.marks, (i - 1) * {MARK_BYTES} + 1, {MARK_BYTES})
                <> substr(c.marks, (i - 1) * {MARK_BYTES} + 1, {MARK_BYTES})
        ) o ON true
        WHERE c.broken OR s.rows IS DISTINCT FROM c.rows OR s.digest IS DISTINCT FROM c.digest OR o.at IS NOT NULL
    """  # noqa: S608 - only constants are put in
