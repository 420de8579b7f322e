"""Proofs over all of history. Each is one SQL statement that names the rows which contradict it; none is good.

Upper floors add their own with `register`, because what they state is about their tables.
"""

from dataclasses import dataclass

from ledger.selectors.body import HASH_SQL


@dataclass(frozen=True, slots=True)
class Proof:
    """`sql` selects (row, what) for each violation; `code` is the invariant's, `title` says what holds."""

    code: str
    title: str
    sql: str


_PROOFS: dict[str, Proof] = {}


def register(proof: Proof) -> Proof:
    """Add a proof; a code that is taken by another one is a mistake of the programmer."""
    if _PROOFS.setdefault(proof.code, proof) != proof:
        raise ValueError(f"proof {proof.code} stands twice")
    return proof


def proofs() -> list[Proof]:
    """Return every proof, by code."""
    return [_PROOFS[code] for code in sorted(_PROOFS, key=lambda code: (len(code.split("-")[0]), code))]


register(
    Proof(
        "I1",
        "Every entry sums to zero in each currency and has postings",
        """
        SELECT 'entry ' || e.id, coalesce(p.currency, 'no postings') || ' ' || coalesce(sum(p.amount), 0)
        FROM ledger_journalentry e LEFT JOIN ledger_posting p ON p.entry_id = e.id
        GROUP BY e.id, p.currency HAVING count(p.id) = 0 OR sum(p.amount) <> 0
        """,
    )
)
register(
    Proof(
        "I2",
        "All accounts together are zero in each currency",
        """
        SELECT 'currency ' || currency, sum(amount)::text
        FROM ledger_posting GROUP BY currency HAVING sum(amount) <> 0
        """,
    )
)
register(
    Proof(
        "I3",
        "Every balance snapshot equals the sum of the postings up to it",
        """
        SELECT 'snapshot ' || s.id, s.amount || ' instead of ' || coalesce(p.amount, 0)
        FROM ledger_balancesnapshot s
        LEFT JOIN LATERAL (
            SELECT sum(amount) AS amount FROM ledger_posting WHERE account_id = s.account_id AND id <= s.upto_posting
        ) p ON true
        WHERE s.amount <> coalesce(p.amount, 0)
        """,
    )
)
register(
    Proof(
        "I4",
        "No entry or posting was changed: the hash of every stored body is the one computed when it was booked",
        f"""
        SELECT 'entry ' || e.id, 'hash differs'
        FROM ledger_journalentry e JOIN ledger_posting p ON p.entry_id = e.id
        JOIN ledger_account a ON a.id = p.account_id
        GROUP BY e.id HAVING e.body_hash <> {HASH_SQL}
        """,  # noqa: S608 - only constants are put in
    )
)
register(
    Proof(
        "I5",
        "Of an order that was wholly given back nothing of any share is left, clause by clause",
        """
        SELECT 'order ' || o.source_id, p.line || ' ' || p.clause || ' is off by ' || sum(p.amount)
        FROM ledger_bookedorder o
        CROSS JOIN LATERAL (
            SELECT o.sale_id AS entry_id UNION ALL SELECT v.entry_id FROM ledger_orderevent v WHERE v.order_id = o.id
        ) e
        JOIN ledger_posting p ON p.entry_id = e.entry_id
        WHERE o.paid_minor > 0 AND o.refunded_minor = o.paid_minor
            AND p.clause NOT IN ('', 'sale', 'sale.processor_fee')
        GROUP BY o.id, o.source_id, p.line, p.clause HAVING sum(p.amount) <> 0
        """,
    )
)
register(
    Proof(
        "I7",
        "An order's sums are within what was paid, and no reversal gives back more than that",
        """
        SELECT 'order ' || source_id, 'paid ' || paid_minor || ', given back ' || refunded_minor
        FROM ledger_bookedorder
        WHERE refunded_minor NOT BETWEEN 0 AND paid_minor OR reversed_minor NOT BETWEEN 0 AND settled_minor
            OR reserve_minor < 0
        """,
    )
)
register(
    Proof(
        "I8",
        "Nothing was booked twice: one entry for each kind and source",
        """
        SELECT kind || ' ' || source_kind || '/' || source_id, count(*) || ' entries'
        FROM ledger_journalentry GROUP BY kind, source_kind, source_id HAVING count(*) > 1
        """,
    )
)
register(
    Proof(
        "I19",
        "Every posting carries its account's currency and party and its entry's instant",
        """
        SELECT 'posting ' || p.id, a.code || ' ' || a.currency
        FROM ledger_posting p JOIN ledger_account a ON a.id = p.account_id
        JOIN ledger_journalentry e ON e.id = p.entry_id
        WHERE p.currency <> a.currency OR p.party_id IS DISTINCT FROM a.party_id OR p.occurred_at <> e.occurred_at
        """,
    )
)
register(
    Proof(
        "I19-party",
        "Every account of a party bears that party's code",
        """
        SELECT 'account ' || a.id, a.code || ' of ' || coalesce(y.code, 'nobody')
        FROM ledger_account a LEFT JOIN accounts_party y ON y.id = a.party_id
        WHERE a.kind <> split_part(a.code, ':', 1)
            OR (a.kind = 'party') AND split_part(a.code, ':', 2) IS DISTINCT FROM y.code
        """,
    )
)
