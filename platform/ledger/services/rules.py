"""Keeping rules in the books, each body once."""

import json
from collections.abc import Iterable

from django.db import connection
from django.utils import timezone

from ledger.selectors.rules import BookRule


def rules_keep(*, rules: Iterable[BookRule]) -> None:
    """Store the bodies of rules that the books do not hold yet. One query where all are known."""
    bodies = {rule.digest: rule.body for rule in rules}
    with connection.cursor() as cursor:
        cursor.execute("SELECT digest FROM ledger_splitrule WHERE digest = ANY (%s)", [list(bodies)])
        missing = sorted(bodies.keys() - {digest for (digest,) in cursor.fetchall()})
        if missing:
            cursor.execute(
                """
                INSERT INTO ledger_splitrule (digest, body, recorded_at)
                SELECT digest, body::jsonb, %s FROM unnest(%s::text[], %s::text[]) AS d (digest, body)
                ON CONFLICT (digest) DO NOTHING
                """,
                [timezone.now(), missing, [json.dumps(bodies[digest], ensure_ascii=False) for digest in missing]],
            )
