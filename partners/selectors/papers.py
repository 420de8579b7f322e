"""What seals say of rows that are kept beside the journal, and the proof that every row is what was sealed."""

from typing import NamedTuple

from ledger.selectors import Proof, register
from ledger.selectors.proofs.seals import broken_seals


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
    seals = f"SELECT * FROM partners_paperseal WHERE kind = '{kind}'"  # noqa: S608 - only constants are put in
    told = broken_seals(
        seals=seals, table=paper.table, leaf=paper.leaf, word=paper.word, many="rows", kind=f" of {kind}"
    )
    return f"SELECT * FROM ({told}) {kind}"  # noqa: S608 - as above


register(
    Proof(
        "I19-sealed",
        "Every decision, acceptance and exchange rate is what was sealed; none was removed or slipped in",
        " UNION ALL ".join(_broken(kind, paper) for kind, paper in PAPERS.items()),
    )
)
