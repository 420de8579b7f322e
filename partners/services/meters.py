"""Counters behind tiers and caps: locked for a batch of sales, told to each sale, moved on by what it took.

What a sale was told (`meter_before`, `limits`) is part of its event and so of its entry: history explains itself.
Agreements without tiers and monthly caps have no counters and cost no query.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

from django.db import connection
from django.utils import timezone

from ledger.splits.accounts import CHANNEL
from ledger.splits.facts import parse_sale
from ledger.splits.lines import LineFacts, Sale
from ledger.splits.problems import EventError
from ledger.splits.rule import Rule, Split, Tiered
from ledger.splits.sale import LineResult, NoRuleError, sale_lines
from partners.choices import CapPeriod, MeterKind, MeterPeriod
from partners.models import Agreement, AgreementVersion, Meter
from partners.selectors.meters import COUNTED
from partners.selectors.terms import ValidVersion

LOCK = "FOR UPDATE OF m"
_ALWAYS = date(1, 1, 1)


class Key(NamedTuple):
    """What a counter counts; party 0 is none. Keys sort in the order in which everybody locks them."""

    agreement: int
    kind: str
    party: int
    currency: str
    per: str
    period: date


class CountedTerms(Protocol):
    """What a counter asks of a version."""

    @property
    def agreement_id(self) -> int:
        """The agreement that counts."""

    @property
    def meter(self) -> str:
        """Which volume tiers are held against."""

    @property
    def caps(self) -> Sequence[Mapping[str, Any]]:
        """The most that a partner earns."""


@dataclass(frozen=True, slots=True)
class MeteredLine:
    """One line on its way: its version and rule, the line's own part of the event, and who may earn by channels."""

    version: CountedTerms
    rule: Rule
    event: dict[str, Any]
    owners: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class MeteredSale:
    """One order on its way; `lines` in the event's order, None where no counter is concerned."""

    placed_at: datetime
    event: dict[str, Any]
    lines: Sequence[MeteredLine | None]

    @property
    def currency(self) -> str:
        """The currency of its postings."""
        return str(self.event.get("settlement", self.event)["currency"])


@dataclass(frozen=True, slots=True)
class Needs:
    """Which counters an agreement keeps, because one of its versions asked for them; `limits`: whether any has caps."""

    volumes: frozenset[str]
    caps: bool
    limits: bool


def needs_of(versions: Iterable[AgreementVersion | ValidVersion]) -> Needs:
    """Which counters some versions of one agreement ask for."""
    rows = list(versions)
    return Needs(
        volumes=frozenset(str(row.meter) for row in rows if has_tiers(row.rule)),
        caps=any(cap["per"] == CapPeriod.MONTH for row in rows for cap in row.caps),
        limits=any(row.caps for row in rows),
    )


def has_tiers(rule: Mapping[str, Any]) -> bool:
    """Whether a stored rule has a tiered step."""
    waterfalls = rule.get("variants", [rule])
    return any(step["take"] == "tiered" for waterfall in waterfalls for step in waterfall["steps"])


def period_of(placed_at: datetime, per: str) -> date:
    """The first day of the period in which an order counts, by the calendar of the house."""
    day = timezone.localtime(placed_at).date()
    return {
        MeterPeriod.EVER: _ALWAYS,
        MeterPeriod.YEAR: day.replace(month=1, day=1),
        MeterPeriod.MONTH: day.replace(day=1),
    }[MeterPeriod(per)]


@dataclass(slots=True)
class Meters:
    """The counters of a batch: what they stand at, and by how much the batch has moved them."""

    needs: Mapping[int, Needs]
    amounts: dict[Key, int]
    moved: dict[Key, int] = field(default_factory=dict)

    def freeze(self, sale: MeteredSale) -> None:
        """Write what each line must know into the sale's event, and count what the lines will take.

        Sales come in the order in which they are booked. One that cannot be settled is left to its booking to refuse.
        """
        self._each(sale, tell=True)

    def count(self, sale: MeteredSale) -> None:
        """Count what the lines of a sale took that were told before."""
        self._each(sale, tell=False)

    def _each(self, sale: MeteredSale, *, tell: bool) -> None:
        try:
            facts = parse_sale(sale.event)
        except EventError:
            return
        taken: dict[tuple[int, str], int] = {}
        for line, priced in zip(sale.lines, facts.lines, strict=True):
            if line is not None:
                if tell:
                    self._tell(sale, line, taken)
                self._count(sale, line, priced, facts, taken)

    def save(self) -> None:
        """Add what the batch moved to the locked rows."""
        rows = [(key, amount) for key, amount in self.moved.items() if amount]
        if rows:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"UPDATE partners_meter m SET amount = m.amount + k.delta FROM {_KEYS} WHERE {_MATCH}",  # noqa: S608
                    [*_columns([key for key, _ in rows]), [amount for _, amount in rows]],
                )

    def _tell(self, sale: MeteredSale, line: MeteredLine, taken: Mapping[tuple[int, str], int]) -> None:
        agreement = line.version.agreement_id
        if any(isinstance(take, Tiered) for variant in line.rule.variants for take in variant.takes):
            line.event["meter_before"] = self._now(volume_key(agreement, sale, line.version.meter))
        limits = {code: self._room(sale, line, code, taken.get((agreement, code), 0)) for code in line.owners}
        told = [{"party": code, "left": left} for code, left in limits.items() if left is not None]
        if told:
            line.event["limits"] = told

    def _count(
        self, sale: MeteredSale, line: MeteredLine, priced: LineFacts, facts: Sale, taken: dict[tuple[int, str], int]
    ) -> None:
        agreement = line.version.agreement_id
        needs = self.needs[agreement]
        for key in [volume_key(agreement, sale, per) for per in needs.volumes]:
            self.moved[key] = self.moved.get(key, 0) + priced.base
        for code, amount in channel_takes(line.rule, priced, facts, line.event).items():
            taken[agreement, code] = taken.get((agreement, code), 0) + amount
            if needs.caps and code in line.owners:
                key = cap_key(agreement, sale, line.owners[code])
                self.moved[key] = self.moved.get(key, 0) + amount

    def _room(self, sale: MeteredSale, line: MeteredLine, code: str, in_order: int) -> int | None:
        """What an owner may still take of this line; None where no cap of the version is for it."""
        rooms = []
        for cap in line.version.caps:
            if cap["currency"] != sale.currency:
                continue
            had = in_order
            if cap["per"] == CapPeriod.MONTH:
                had = self._now(cap_key(line.version.agreement_id, sale, line.owners[code]))
            rooms.append(max(0, cap["minor"] - had))
        return min(rooms, default=None)

    def _now(self, key: Key) -> int:
        return self.amounts.get(key, 0) + self.moved.get(key, 0)


def meters_lock(*, sales: Sequence[MeteredSale], needs: Mapping[int, Needs]) -> Meters:
    """Lock the counters that some sales are concerned with until the transaction ends, in one order for everybody.

    Two queries; counters that are missing begin at zero. Call it where all rows are visible.
    """
    wanted: set[Key] = set()
    for sale in sales:
        for line in sale.lines:
            if line is not None:
                agreement = line.version.agreement_id
                wanted |= {volume_key(agreement, sale, per) for per in needs[agreement].volumes}
                if needs[agreement].caps:
                    wanted |= {cap_key(agreement, sale, party) for party in line.owners.values()}
    return Meters(needs, _held(sorted(wanted)) if wanted else {})


def _held(keys: Sequence[Key]) -> dict[Key, int]:
    """Lock counters, sorted, and read them; those that are missing begin at zero."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO partners_meter (agreement_id, kind, party_id, currency, per, period, amount)
            SELECT agreement_id, kind, nullif(party_id, 0), currency, per, period, delta FROM {_KEYS}
            ON CONFLICT DO NOTHING
            """,  # noqa: S608 - only constants are put in
            [*_columns(keys), [0] * len(keys)],
        )
        cursor.execute(
            f"""
            SELECT m.agreement_id, m.kind, coalesce(m.party_id, 0), m.currency, m.per, m.period, m.amount
            FROM partners_meter m JOIN {_KEYS} ON {_MATCH}
            ORDER BY m.agreement_id, m.kind, coalesce(m.party_id, 0), m.currency, m.per, m.period {LOCK}
            """,  # noqa: S608 - only constants are put in
            [*_columns(keys), [0] * len(keys)],
        )
        return {Key(*row[:6]): row[6] for row in cursor.fetchall()}


def caps_had(
    *, agreements: Iterable[int], party: int, currency: str, placed_at: datetime, lock: bool
) -> dict[int, int]:
    """What a party's counters say for the month of an order, of those agreements that count for monthly caps.

    With `lock` they stand still until the transaction ends. Call it where all rows are visible.
    """
    versions = AgreementVersion.objects.filter(
        agreement__in=list(agreements), state__in=["in_force", "superseded"], kind="standard"
    )
    counting = {
        agreement
        for agreement, caps in versions.values_list("agreement_id", "caps")
        if any(cap["per"] == CapPeriod.MONTH for cap in caps)
    }
    keys = sorted(_cap_key(agreement, currency, placed_at, party) for agreement in counting)
    if not keys:
        return {}
    if lock:
        return {key.agreement: amount for key, amount in _held(keys).items()}
    rows = Meter.objects.filter(
        agreement__in=counting, kind=MeterKind.CAP, party=party, currency=currency, per=keys[0].per,
        period=keys[0].period,
    )  # fmt: skip
    return dict.fromkeys(counting, 0) | dict(rows.values_list("agreement_id", "amount"))


def caps_count(*, moved: Iterable[tuple[int, int]], party: int, currency: str, placed_at: datetime) -> None:
    """Move a party's locked counters for the month of an order: (agreement, by how much) each."""
    keys = {_cap_key(agreement, currency, placed_at, party): by for agreement, by in moved}
    Meters({}, {}, keys).save()


def meters_recount(*, agreement: Agreement) -> None:
    """Set the counters that an agreement's versions ask for to what its entries say. Its row must be locked."""
    held = AgreementVersion.objects.filter(agreement=agreement, state__in=["in_force", "superseded"], kind="standard")
    needs = needs_of(held)
    if not needs.volumes and not needs.caps:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH wanted AS (SELECT %s::bigint AS id), {COUNTED}
            INSERT INTO partners_meter (agreement_id, kind, party_id, currency, per, period, amount)
            SELECT agreement_id, kind, party_id, currency, per, period, amount FROM counted
            WHERE (kind = 'volume' AND per = ANY (%s)) OR (kind = 'cap' AND %s)
            ON CONFLICT (agreement_id, kind, party_id, currency, per, period) DO UPDATE SET amount = excluded.amount
            """,  # noqa: S608 - only constants are put in
            [agreement.pk, sorted(needs.volumes), needs.caps],
        )


def volume_key(agreement: int, sale: MeteredSale, per: str) -> Key:
    """The counter of an agreement's volume in which a sale counts."""
    return Key(agreement, MeterKind.VOLUME.value, 0, sale.currency, per, period_of(sale.placed_at, per))


def cap_key(agreement: int, sale: MeteredSale, party: int) -> Key:
    """The counter of what a party earned in the month of a sale by bringing learners."""
    return _cap_key(agreement, sale.currency, sale.placed_at, party)


def _cap_key(agreement: int, currency: str, placed_at: datetime, party: int) -> Key:
    month = CapPeriod.MONTH.value
    return Key(agreement, MeterKind.CAP.value, party, currency, month, period_of(placed_at, month))


def capped_by_party(line: LineResult) -> dict[str, int]:
    """What limits kept from the owners of a settled line's channels, by party code."""
    found: dict[str, int] = {}
    for taken in line.taken:
        for channel, capped in zip(line.facts.channels, taken.capped, strict=False):
            if channel.party is not None and capped:
                found[channel.party] = found.get(channel.party, 0) + capped
    return found


def channel_takes(rule: Rule, priced: LineFacts, facts: Sale, event: Mapping[str, Any]) -> dict[str, int]:
    """What each channel's owner takes of one line, by party code, under the limits that `event` says."""
    limits = tuple((row["party"], row["left"]) for row in event.get("limits", ()))
    line = priced._replace(limits=limits, meter_before=event.get("meter_before", 0))
    try:
        result = sale_lines(rule, facts._replace(lines=(line,), allocations=()))
    except NoRuleError:
        return {}
    found: dict[str, int] = {}
    for taken in result.lines[0].taken:
        if isinstance(taken.step, Split) or taken.step.account != CHANNEL:
            continue
        kept = taken.capped or (0,) * len(taken.parts)
        for channel, part, capped in zip(line.channels, taken.parts, kept, strict=False):
            if channel.party is not None:
                found[channel.party] = found.get(channel.party, 0) + part - capped
    return found


_KEYS = """
    unnest(%s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::date[], %s::bigint[])
        AS k (agreement_id, kind, party_id, currency, per, period, delta)
"""
_MATCH = """
    m.agreement_id = k.agreement_id AND m.kind = k.kind AND coalesce(m.party_id, 0) = k.party_id
    AND m.currency = k.currency AND m.per = k.per AND m.period = k.period
"""


def _columns(keys: Sequence[Key]) -> list[list[Any]]:
    return [list(column) for column in zip(*keys, strict=True)]
