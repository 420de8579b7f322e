"""Keeping rules in the books, each body once."""

import json
from collections.abc import Iterable

from django.db import connection
from django.utils import timezone

from accounts.columns import texts
from accounts.statements import Statement, execute
from ledger.selectors.rules import BookRule

_KEEP = Statement(
    "rules_keep",
    """
    INSERT INTO ledger_splitrule (digest, body, recorded_at)
    SELECT digest, body::jsonb, %s::timestamptz FROM unnest(%s::text[], %s::text[]) AS d (digest, body)
    WHERE NOT EXISTS (SELECT FROM ledger_splitrule r WHERE r.digest = d.digest)
    ON CONFLICT (digest) DO NOTHING
    """,
)


def rules_keep(*, rules: Iterable[BookRule]) -> None:
    """Store the bodies of rules that the books do not hold yet, in one statement."""
    bodies = {rule.digest: rule.body for rule in rules}
    digests = sorted(bodies)
    with connection.cursor() as cursor:
        written = texts(json.dumps(bodies[digest], ensure_ascii=False) for digest in digests)
        execute(cursor, (_KEEP, [timezone.now(), texts(digests), written]))
