"""A claimed order as it stands in the books."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ledger.choices import EntryKind
from ledger.selectors import History, StoredOrder, booked_sources, history_read, rules_by_digest
from ledger.splits.rule import Rule
from partners.models import AgreementVersion, Claim
from partners.selectors.terms import pays_channels
from partners.services.settlement import SOURCE


@dataclass(frozen=True, slots=True)
class StoredLine:
    """One line of a stored sale with what it was settled under."""

    line_id: str
    version: AgreementVersion | None
    rule: Rule


@dataclass(frozen=True, slots=True)
class StoredClaim:
    """A claimed order in the books."""

    order: StoredOrder
    lines: Sequence[StoredLine]

    @property
    def currency(self) -> str:
        """The currency of its postings."""
        sale: Mapping[str, Any] = self.order.inputs["sale"]
        return str(sale.get("settlement", sale)["currency"])


def stored_claim(*, order_code: str, placed_at: datetime) -> StoredClaim | None:
    """Read a settled order; None where it moved nothing or is not settled. Call it where all rows are visible."""
    found = booked_sources(kind=EntryKind.SALE, source_kind=SOURCE, source_ids=[order_code], visible_to=None)
    entry = found.get(order_code)
    if entry is None:
        return None
    span = History(since=placed_at - timedelta(days=1), until=placed_at + timedelta(days=1), source_kind=SOURCE)
    order = next(history_read(span, first=entry, last=entry), None)
    if order is None:
        return None
    told = order.inputs["lines"]
    versions = AgreementVersion.objects.select_related("agreement__owner").in_bulk(
        [line["version"] for line in told if line["version"]]
    )
    rules = rules_by_digest(digests=order.inputs["rules"])
    lines = [
        StoredLine(line["line"], versions.get(line["version"]), rules[digest])
        for line, digest in zip(told, order.inputs["rules"], strict=True)
    ]
    return StoredClaim(order, lines)


def channels_paid(stored: StoredClaim) -> bool:
    """Whether the agreement of any line pays who brought the learner."""
    return any(line.version is not None and pays_channels(line.rule) for line in stored.lines)


def channel_of(claim: Claim) -> int | None:
    """By which channel the claimant says it brought the learner: that of the link, else its first one."""
    if claim.link is not None:
        return claim.link.channel_id
    return claim.party.channels.order_by("pk").values_list("pk", flat=True).first()
