"""What a correction is about, and what it would change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from accounts.models import Party
from accounts.scope import all_rows
from ledger.errors import EventRejectedError
from ledger.selectors import OrderKey, event_effect
from partners.choices import EFFECTS, VersionKind
from partners.models import AgreementVersion, EarningDecision


@dataclass(frozen=True, slots=True)
class PartyEffect:
    """By how much a correction changes what a party has, in minor units; `party` None is the platform."""

    party: Party | None
    currency: str
    before_minor: int
    change_minor: int

    @property
    def after_minor(self) -> int:
        """What it has of these orders with the correction."""
        return self.before_minor + self.change_minor


@dataclass(frozen=True, slots=True)
class CorrectionEffect:
    """The effect on every party, the largest change first; `refused`: orders that the books would refuse, with why."""

    parties: tuple[PartyEffect, ...]
    refused: tuple[tuple[str, str], ...]


def bound_lines(*, version: AgreementVersion) -> list[tuple[str, str]]:
    """The (order, line) pairs that a correction is about: its orders' lines that were settled under its agreement."""
    rows = EarningDecision.objects.filter(
        order_code__in=version.orders.values("order_code"), version__agreement=version.agreement_id
    ).exclude(reason__in=EFFECTS)
    return sorted(set(rows.values_list("order_code", "source_id")))


def correction_event(*, version: AgreementVersion, line: str) -> Mapping[str, Any]:
    """The ledger's event that corrects one line."""
    return {"type": "correct_rule", "rule": version.rule, "line": line}


def correction_effect(*, version: AgreementVersion) -> CorrectionEffect:
    """Say by how much a correction would change what each party has of its orders; nothing is booked.

    Orders that it was booked for already change no more. Call it where all rows are visible.
    """
    changes: dict[tuple[str, str], int] = {}
    refused = []
    lines = bound_lines(version=version)
    for order_code, line in lines:
        event = correction_event(version=version, line=line)
        try:
            effect = event_effect(key=OrderKey("order", order_code), event=event)
        except EventRejectedError as error:
            refused.append((order_code, error.worded(_)))
            continue
        for detail in effect.details:
            owner = detail.account.split(":")[1] if detail.account.startswith("party:") else ""
            key = owner, detail.currency
            changes[key] = changes.get(key, 0) + detail.amount
    rows = _parties(lines, changes)
    return CorrectionEffect(tuple(sorted(rows, key=lambda row: -abs(row.change_minor))), tuple(refused))


def own_correction(*, version: AgreementVersion, party: Party) -> list[PartyEffect]:
    """What a correction would change of what one party has of its orders, by currency; of other kinds nothing.

    The caller answers for the reader's seat in the party.
    """
    if version.kind != VersionKind.CORRECTION:
        return []
    with all_rows():  # the orders' entries name every party; only this one's sums leave
        return [row for row in correction_effect(version=version).parties if row.party == party]


def _parties(lines: list[tuple[str, str]], changes: Mapping[tuple[str, str], int]) -> list[PartyEffect]:
    parties = {party.code: party for party in Party.objects.filter(code__in={code for code, _ in changes if code})}
    had: dict[tuple[str, str], int] = {}
    rows = EarningDecision.objects.filter(
        order_code__in=[order for order, _ in lines], source_id__in=[line for _, line in lines]
    ).values_list("party__code", "currency", "amount_minor")
    for code, currency, amount in rows:
        had[code, currency] = had.get((code, currency), 0) + amount
    return [
        PartyEffect(parties.get(code), currency, had.get((code, currency), 0), change)
        for (code, currency), change in changes.items()
    ]
