"""What seals say of rows that are kept beside the journal, and the proof that every row is what was sealed."""

from typing import NamedTuple

from ledger.selectors import Proof, register
from ledger.selectors.body import MARK_BYTES, SEAL_SQL


class Paper(NamedTuple):
    """A table whose rows are sealed: what a row is called, and its columns in the order in which they are hashed."""

    table: str
    word: str
    columns: tuple[str, ...]

    @property
    def leaf(self) -> str:
        """SQL for what a seal says of row `r`: 32 bytes over all of it, in PostgreSQL's binary form."""
        return f"sha256(record_send(ROW({', '.join(f'r.{name}' for name in self.columns)})))"


PAPERS = {
    "decisions": Paper(
        "partners_earningdecision",
        "decision",
        (
            "id", "source_kind", "source_id", "party_id", "version_id", "entry_id", "channel_id", "reason",
            "amount_minor", "currency", "list_minor", "discount_minor", "tax_minor", "paid_minor", "capped_minor",
            "credit_ppm", "order_code", "item_kind", "item_id", "item_title", "item_title_zh", "placed_at",
            "matures_at", "decided_at",
        ),
    ),
    "acceptances": Paper(
        "partners_acceptance",
        "acceptance",
        ("id", "version_id", "party_id", "user_id", "on_behalf", "text_hash", "accepted_at"),
    ),
    "rates": Paper(
        "ledger_fxrate",
        "rate",
        ("id", "day", "base", "quote", "rate", "source", "recorded_at", "actor_id"),
    ),
}  # fmt: skip
"""By the kind of their seals. Whoever inserts into one of these shares the lock of bookings, by a trigger."""


def _broken(kind: str, paper: Paper) -> str:
    """SQL for (row, what) of each seal of a kind that does not hold.

    Each row is hashed once: not again for every seal that is held against the list, nor for digest and marks apart.
    """
    return f"""
        SELECT * FROM (
            WITH chained AS (
                SELECT s.*, lag(s.upto, 1, 0::bigint) OVER past AS since, lag(s.number, 1, 0) OVER past AS last_number,
                    lag(s.digest, 1, ''::varchar) OVER past AS last_digest
                FROM partners_paperseal s WHERE s.kind = '{kind}' WINDOW past AS (ORDER BY s.number)
            ), sealed AS MATERIALIZED (
                SELECT l.number, count(*) AS rows,
                    {SEAL_SQL.format(previous="l.previous", leaf="l.hash", order="l.id")} AS digest,
                    string_agg(substr(l.hash, 1, {MARK_BYTES}), ''::bytea ORDER BY l.id) AS marks,
                    array_agg(l.id ORDER BY l.id) AS ids
                FROM (
                    SELECT c.number, c.previous, r.id, {paper.leaf} AS hash
                    FROM chained c JOIN {paper.table} r ON r.id > c.since AND r.id <= c.upto OFFSET 0
                ) l GROUP BY l.number, l.previous
            )
            SELECT CASE WHEN o.at IS NULL OR c.broken THEN 'seal ' || c.number || ' of {kind}'
                    ELSE '{paper.word} ' || s.ids[o.at] END,
                CASE WHEN c.broken THEN 'does not follow the seal before'
                    WHEN o.at IS NOT NULL THEN 'is not what seal ' || c.number || ' sealed'
                    WHEN s.rows IS DISTINCT FROM c.rows THEN 'covers ' || c.rows || ' rows, found '
                        || coalesce(s.rows, 0)
                    ELSE 'hash differs' END
            FROM (SELECT *, previous <> last_digest OR number <> last_number + 1 AS broken FROM chained) c
            LEFT JOIN sealed s ON s.number = c.number
            LEFT JOIN LATERAL (
                SELECT min(i) AS at FROM generate_series(1, s.rows::int) AS i
                WHERE s.marks <> c.marks AND substr(s.marks, (i - 1) * {MARK_BYTES} + 1, {MARK_BYTES})
                    <> substr(c.marks, (i - 1) * {MARK_BYTES} + 1, {MARK_BYTES})
            ) o ON true
            WHERE c.broken OR s.rows IS DISTINCT FROM c.rows OR s.digest IS DISTINCT FROM c.digest OR o.at IS NOT NULL
        ) {kind}
    """  # noqa: S608 - only constants are put in


register(
    Proof(
        "I19-sealed",
        "Every decision, acceptance and exchange rate is what was sealed; none was removed or slipped in",
        " UNION ALL ".join(_broken(kind, paper) for kind, paper in PAPERS.items()),
    )
)
