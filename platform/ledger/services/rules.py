"""Keeping rules in the books, each body once."""

import json
from collections.abc import Iterable

from django.utils import timezone

from accounts.columns import texts
from accounts.statements import Statement, send
from ledger.selectors.rules import BookRule

_KEEP = Statement(
    "rules_keep",
    """
    INSERT INTO ledger_splitrule (digest, body, recorded_at)
    SELECT digest, body::jsonb, %(now)s::timestamptz
    FROM unnest(%(digests)s::text[], %(bodies)s::text[]) AS d (digest, body)
    WHERE digest <> ALL (ARRAY(SELECT r.digest FROM ledger_splitrule r WHERE r.digest = ANY (%(digests)s::text[])))
    ON CONFLICT (digest) DO NOTHING
    """,
)


def rules_keep(*, rules: Iterable[BookRule]) -> None:
    """Store the bodies of rules that the books do not hold yet, in one statement."""
    bodies = {rule.digest: rule.body for rule in rules}
    digests = sorted(bodies)
    written = texts(json.dumps(bodies[digest], ensure_ascii=False) for digest in digests)
    send((_KEEP, {"now": timezone.now(), "digests": texts(digests), "bodies": written}))
