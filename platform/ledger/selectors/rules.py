"""Rules in the books, by the digest that entries name them with."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ledger.errors import LedgerError
from ledger.models import SplitRule
from ledger.selectors.body import digest_of
from ledger.splits.parse import parse_rule
from ledger.splits.rule import Rule


@dataclass(frozen=True, slots=True)
class BookRule:
    """A rule with the body it was read from and that body's digest."""

    digest: str
    rule: Rule
    body: Mapping[str, Any]


MOST_KNOWN = 10_000
_known: dict[str, Rule] = {}
# A digest never stands for another body, so what was read once may be kept.
_read: dict[str, BookRule] = {}
# By the body as it was written: to read a rule takes twenty times as long as to write it down.


def book_rule(*, body: Mapping[str, Any] | str) -> BookRule:
    """Read a rule's body, or its JSON, and name it by its digest. RuleError where it cannot be applied."""
    text = body if isinstance(body, str) else json.dumps(body)
    found = _read.get(text)
    if found is None:
        told = json.loads(text)
        rule = parse_rule(told)
        found = BookRule(digest_of(told), rule, told)
        if len(_read) >= MOST_KNOWN:
            _read.clear()
        _read[text] = found
    return found


def rules_by_digest(*, digests: Collection[str]) -> dict[str, Rule]:
    """Return rules of the books; LedgerError names a digest that is not there. Call it where all rows are visible."""
    wanted = set(digests)
    found = {digest: rule for digest in wanted if (rule := _known.get(digest)) is not None}
    missing = wanted - found.keys()
    if missing:
        rows = SplitRule.objects.filter(digest__in=missing).values_list("digest", "body")
        read = {digest: parse_rule(body) for digest, body in rows}
        for digest in sorted(missing - read.keys()):
            raise LedgerError(f"The books hold no rule {digest}.")
        if len(_known) > MOST_KNOWN:
            _known.clear()
        _known.update(read)
        found |= read
    return found
