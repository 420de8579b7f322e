"""What an event of an order would do to every side, in words and before it is booked."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import get_language

from accounts.models import Party
from ledger.selectors import OrderKey, event_effect, events_of_order, party_balances
from ledger.splits.accounts import CLEARING, DISPUTE_FEES, FX_RESULT, PROCESSOR_FEES, REVENUE, TAX
from ledger.splits.sale import Detail
from partners.choices import EFFECTS, DecisionReason
from partners.models import Agreement, AgreementVersion, EarningDecision
from partners.selectors.terms import party_names, rule_party_codes, wording_terms
from partners.selectors.wording import Wording, worded

PARTY, LEARNER, PLATFORM, TAXES = "party", "learner", "platform", "tax"

SHARE, RESERVE, ADVANCE, COMMISSION, PROCESSING, TAX_PART, DISCOUNT, MONEY, DISPUTE_FEE, EXCHANGE, OTHER = (
    "share", "reserve", "advance", "commission", "processing", "tax", "discount", "money", "dispute_fee", "exchange",
    "other",
)  # fmt: skip
CORRECTION = "correction"
"""What a correction's events are called in the books; their id is "version:line"."""

_HOUSE = {
    REVENUE: COMMISSION,
    PROCESSOR_FEES: PROCESSING,
    TAX: TAX_PART,
    CLEARING: MONEY,
    DISPUTE_FEES: DISPUTE_FEE,
    FX_RESULT: EXCHANGE,
}


@dataclass(frozen=True, slots=True)
class EffectRow:
    """One movement: what it is, of which line, by which clause (number and words, where an agreement has it)."""

    code: str
    title: str
    clause: str
    words: str
    amount: int


@dataclass(frozen=True, slots=True)
class SideEffect:
    """What one side gains (above zero) or is charged. Minor units.

    Of a party: what is available before and after, its balance after (below zero: later shares fill it first), and what
    lies in reserve afterwards.
    """

    side: str
    name: str
    party_id: int | None
    amount: int
    rows: tuple[EffectRow, ...]
    available_before: int = 0
    available_after: int = 0
    balance_after: int = 0
    reserve_after: int = 0


@dataclass(frozen=True, slots=True)
class OrderEffect:
    """What an event would move: the learner's and the house's sides, and every party's, in minor units of `currency`.

    `digest` changes when a movement changes; what is available may change meanwhile by other sales.
    """

    currency: str
    sides: tuple[SideEffect, ...]
    digest: str

    @property
    def parties(self) -> tuple[SideEffect, ...]:
        """The parties, those charged most first."""
        return tuple(side for side in self.sides if side.side == PARTY)

    @property
    def house(self) -> tuple[SideEffect, ...]:
        """Learner, platform, tax."""
        return tuple(side for side in self.sides if side.side != PARTY)


def order_effect(*, order_code: str, event: Mapping[str, Any]) -> OrderEffect:
    """Preview an event of an order (docs/reference/splits.md, "Afterwards") for every side; books nothing.

    UnknownOrderError: not in the books yet; EventRejectedError: not allowed now. Staff only: it names every side. Call
    it where all rows are visible.
    """
    found = event_effect(key=OrderKey("order", order_code), event=event)
    lines = _lines(order_code)
    parties = {party.code: party for party in Party.objects.filter(code__in=_codes(found.details))}
    sides: dict[str, list[Detail]] = {}
    for detail in found.details:
        sides.setdefault(_side(detail), []).append(detail)
    balances = {
        row.party_id: row
        for row in party_balances(parties=[party.pk for party in parties.values()], visible_to=None)
        if row.currency == found.currency
    }
    told = []
    for key, details in sides.items():
        party = parties.get(key.removeprefix("party:")) if key.startswith("party:") else None
        rows = tuple(_row(detail, lines) for detail in details)
        amount = sum(detail.amount for detail in details)
        if party is None:
            told.append(SideEffect(key, "", None, amount, rows))
            continue
        balance = balances.get(party.pk)
        payable = sum(d.amount for d in details if d.account == f"party:{party.code}")
        reserve = sum(d.amount for d in details if d.account.endswith(":reserve"))
        available = balance.available if balance else 0
        told.append(
            SideEffect(
                PARTY,
                party.local_name,
                party.pk,
                amount,
                rows,
                available_before=available,
                available_after=available + payable,
                balance_after=(balance.balance if balance else 0) + payable,
                reserve_after=(balance.reserve if balance else 0) + reserve,
            )
        )
    order = {LEARNER: 0, PARTY: 1, PLATFORM: 2, TAXES: 3}
    told.sort(key=lambda side: (order[side.side], side.amount, side.name))
    return OrderEffect(found.currency, tuple(told), _digest(told))


def agreements_of_order(*, order_code: str) -> list[Agreement]:
    """Agreements under which an order's lines were settled, by title. Call it where all rows are visible."""
    decided = EarningDecision.objects.filter(order_code=order_code, version__isnull=False)
    return list(Agreement.objects.filter(pk__in=decided.values("version__agreement")).order_by("title", "pk"))


@dataclass(frozen=True, slots=True)
class _Line:
    title: str
    wording: Wording | None


def _lines(order_code: str) -> dict[str, _Line]:
    """Title and wording of each settled line: of the version that decided it, or of its last correction."""
    rows = (
        EarningDecision.objects.filter(order_code=order_code)
        .exclude(reason__in=[*EFFECTS, DecisionReason.CLAIMED])
        .order_by("pk")
    )
    deciding: dict[str, int | None] = {}
    titles: dict[str, str] = {}
    for row in rows:
        titles.setdefault(row.source_id, row.local_title)
        deciding.setdefault(row.source_id, row.version_id)
    for event in events_of_order(key=OrderKey("order", order_code)):
        version, _colon, line = event.source.source_id.partition(":")
        if event.source.source_kind == CORRECTION and line in deciding:
            deciding[line] = int(version)
    versions = AgreementVersion.objects.select_related("agreement__owner").in_bulk(
        [pk for pk in deciding.values() if pk]
    )
    wordings = {pk: _wording(version) for pk, version in versions.items()}
    return {line: _Line(title, wordings.get(deciding[line] or 0)) for line, title in titles.items()}


def _wording(version: AgreementVersion) -> Wording:
    return worded(version.rule, wording_terms(version), party_names(rule_party_codes(version.rule)))


def _codes(details: Iterable[Detail]) -> set[str]:
    return {detail.account.split(":")[1] for detail in details if detail.account.startswith("party:")}


def _side(detail: Detail) -> str:
    if detail.account.startswith("party:"):
        return f"party:{detail.account.split(':')[1]}"
    return {CLEARING: LEARNER, TAX: TAXES}.get(detail.account, PLATFORM)


def _row(detail: Detail, lines: Mapping[str, _Line]) -> EffectRow:
    line = lines.get(detail.line)
    number, words = "", ""
    if line is not None and line.wording is not None and detail.clause:
        number = line.wording.number_of(detail.clause)
        chinese = (get_language() or "").startswith("zh")
        clause = next((clause for clause in line.wording.clauses if clause.number == number), None)
        words = "" if clause is None else clause.zh if chinese else clause.en
    return EffectRow(_code(detail), line.title if line else "", number, words, detail.amount)


def _code(detail: Detail) -> str:
    if ".discounts[" in detail.clause:
        return DISCOUNT
    if detail.account.startswith("party:"):
        return {"reserve": RESERVE, "advance": ADVANCE}.get(detail.account.rpartition(":")[2], SHARE)
    return _HOUSE.get(detail.account, OTHER)


def _digest(sides: Sequence[SideEffect]) -> str:
    body = [[side.side, side.party_id, [[row.code, row.clause, row.amount] for row in side.rows]] for side in sides]
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()[:16]
