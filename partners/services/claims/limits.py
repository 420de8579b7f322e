"""What caps leave a claimant of a claimed order, and by how much its counters move."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from accounts.models import Party
from ledger.splits.facts import parse_sale
from partners.choices import CapPeriod
from partners.models import AgreementVersion
from partners.services.claims.stored import StoredClaim
from partners.services.meters import caps_had, channel_takes


@dataclass(frozen=True, slots=True)
class Limited:
    """A sale with what caps leave the claimant of each line; see `Remedy` for the rest."""

    sale: Mapping[str, Any]
    counted: Mapping[int, int]
    capped: bool


def limits_told(*, stored: StoredClaim, sale: Mapping[str, Any], party: Party, lock: bool) -> Limited:
    """Write the claimant's limits into a claimed sale told otherwise, line by line as a settlement does.

    What the order itself counted for the claimant makes room again, because it is told anew. Others keep what they
    were told. With `lock` the counters stand still until the transaction ends.
    """
    was = _takes(stored, stored.order.inputs["sale"], party)
    had = caps_had(
        agreements={line.version.agreement_id for line in stored.lines if line.version is not None},
        party=party.pk,
        currency=stored.currency,
        placed_at=stored.order.placed_at,
        lock=lock,
    )
    room = {agreement: max(0, amount - was.get(agreement, 0)) for agreement, amount in had.items()}
    told = {**sale, "lines": [dict(line) for line in sale["lines"]]}
    facts = parse_sale(told)
    taken: dict[int, int] = {}
    short = False
    for line, event, priced in zip(stored.lines, told["lines"], facts.lines, strict=True):
        version = line.version
        if version is None:
            continue
        mine, agreement = party.code, version.agreement_id
        others = [row for row in event.get("limits", ()) if row["party"] != mine]
        free = channel_takes(line.rule, priced, facts, {**event, "limits": others}).get(mine, 0)
        left = _left(version, stored.currency, taken.get(agreement, 0), room.get(agreement, 0))
        event["limits"] = others if left is None else [*others, {"party": mine, "left": left}]
        takes = channel_takes(line.rule, priced, facts, event).get(mine, 0)
        taken[agreement] = taken.get(agreement, 0) + takes
        short = short or takes < free
        if not event["limits"]:
            del event["limits"]
    moved = {agreement: taken.get(agreement, 0) - was.get(agreement, 0) for agreement in had}
    return Limited(told, {agreement: by for agreement, by in moved.items() if by}, short)


def _takes(stored: StoredClaim, sale: Mapping[str, Any], party: Party) -> dict[int, int]:
    """What the party took by channels under each agreement, as the sale was told."""
    facts = parse_sale(sale)
    found: dict[int, int] = {}
    for line, event, priced in zip(stored.lines, sale["lines"], facts.lines, strict=True):
        if line.version is not None:
            agreement = line.version.agreement_id
            took = channel_takes(line.rule, priced, facts, event).get(party.code, 0)
            found[agreement] = found.get(agreement, 0) + took
    return found


def _left(version: AgreementVersion, currency: str, in_order: int, in_month: int) -> int | None:
    """What the version's caps leave; None where none is for it."""
    rooms = [
        max(0, cap["minor"] - in_order - (in_month if cap["per"] == CapPeriod.MONTH else 0))
        for cap in version.caps
        if cap["currency"] == currency
    ]
    return min(rooms, default=None)
