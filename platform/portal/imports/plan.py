"""Reads all files of a business and checks them whole, before anything is written."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from analytics.rules import Arrival, ArrivalRule, ChannelMap, classify
from ledger.money import apportion, exponent, half_up
from portal.imports.errors import RefusedImportError, shown
from portal.imports.mapping import Mapping, SpendFile
from portal.imports.reader import ID, MOST, NAME, Row, find, rows

COST_DECIMALS = 10


@dataclass(frozen=True)
class Source:
    """Where a planned thing stands in the files: enough to skip it the next time. Spend sums several `rows`."""

    kind: str
    external_id: str
    file: str
    row: int
    digest: str
    rows: int = 1


@dataclass(frozen=True)
class PersonPlanned:
    """A sign-up with the way it came."""

    source: Source
    joined: datetime
    device: str
    country: str
    landing: str
    arrival: Arrival


@dataclass(frozen=True)
class CoursePlanned:
    """A course with its price and its curator's share in basis points."""

    source: Source
    title: str
    price_minor: int
    curator_bp: int


@dataclass(frozen=True)
class PaymentPlanned:
    """A payment: one order of one course."""

    source: Source
    transaction: str
    paid_at: datetime
    person: str
    course: str
    amount_minor: int


@dataclass(frozen=True)
class SpendPlanned:
    """Cost of one campaign on one day, with the rows of the file that it sums."""

    source: Source
    network: str
    channel: str
    campaign: str
    campaign_name: str
    day: date
    amount_minor: int
    currency: str
    impressions: int
    clicks: int


@dataclass(frozen=True)
class SpendTotal:
    """A file's cost exactly (a fraction of minor units), rounded half up once, and as apportioned over its rows."""

    file: str
    currency: str
    exact: tuple[int, int]
    rounded: int
    apportioned: int


@dataclass
class Plan:
    """All that the files hold, checked."""

    people: list[PersonPlanned] = field(default_factory=list)
    courses: list[CoursePlanned] = field(default_factory=list)
    payments: list[PaymentPlanned] = field(default_factory=list)
    spend: list[SpendPlanned] = field(default_factory=list)
    spend_totals: list[SpendTotal] = field(default_factory=list)
    rows_read: dict[str, int] = field(default_factory=dict)

    def sources(self) -> list[Source]:
        """Every planned thing's place in the files."""
        return [item.source for items in (self.people, self.courses, self.payments, self.spend) for item in items]


def read(folder: Path, mapping: Mapping) -> Plan:
    """Plan the import of `folder`; RefusedImportError when anything in it cannot be taken as it stands."""
    if not folder.is_dir():
        raise RefusedImportError("there is no such folder.", file=str(folder))
    plan = Plan()
    channels = _channel_map(folder, mapping, plan)
    plan.courses = _courses(folder, mapping, plan)
    plan.people = _people(folder, mapping, channels, plan)
    plan.payments = _payments(folder, mapping, plan)
    for spend_file in mapping.spend:
        _spend(folder, spend_file, plan)
    _spend_once(plan)
    return plan


def _spend_once(plan: Plan) -> None:
    """Refuse a campaign's day that stands in two files of one network: one of them would count twice."""
    seen: dict[str, Source] = {}
    for item in plan.spend:
        first = seen.setdefault(item.source.external_id, item.source)
        if first is not item.source:
            raise RefusedImportError(
                f"campaign {shown(item.campaign)} has cost on {item.day} in {first.file} already (row {first.row}).",
                file=item.source.file,
                row=item.source.row,
            )


def _rows(folder: Path, name: str, columns: Iterable[str], plan: Plan) -> list[Row]:
    path = find(folder, name)
    found = list(rows(path, list(columns)))
    plan.rows_read[path.name] = len(found)
    return found


def _source(kind: str, external_id: str, row: Row) -> Source:
    body = json.dumps(row.fields, sort_keys=True, ensure_ascii=False)
    return Source(kind, external_id, row.file, row.number, hashlib.sha256(body.encode()).hexdigest())


class _Once:
    """Refuses the second row with the same id."""

    def __init__(self, what: str, column: str) -> None:
        self.what, self.column, self.seen = what, column, dict[str, int]()

    def take(self, row: Row) -> str:
        value = row.text(self.column, most=ID)
        if value in self.seen:
            raise row.refuse(
                f"{self.what} {shown(value)} stands in row {self.seen[value]} already; an id may stand in a file once.",
                self.column,
            )
        self.seen[value] = row.number
        return value


def _channel_map(folder: Path, mapping: Mapping, plan: Plan) -> ChannelMap:
    keys = mapping.channel_map
    names = {channel.source_name: channel.code for channel in mapping.channels}
    columns = [keys[key] for key in ("channel", "utm_source", "utm_medium", "referrer", "landing")]
    exact: list[ArrivalRule] = []
    loose: list[ArrivalRule] = []
    for row in _rows(folder, keys["file"], columns, plan):
        name = row.text(keys["channel"])
        if name not in names:
            raise row.refuse(
                f"no [[channels]] entry of {mapping.path} has the source_name {shown(name)}.", keys["channel"]
            )
        code = names[name]
        source, medium = row.text(keys["utm_source"], required=False), row.text(keys["utm_medium"], required=False)
        landing, referrer = row.text(keys["landing"], required=False), row.text(keys["referrer"], required=False)
        exact.append(
            ArrivalRule(
                channel=code,
                utm=(source, medium) if source or medium else None,
                click_ids=(landing.removesuffix("="),) if landing.endswith("=") else (),
                referrer="" if code == mapping.direct else referrer,
            )
        )
        if landing and not landing.endswith("="):
            loose.append(ArrivalRule(channel=code, utm=(landing, "")))
    return ChannelMap(rules=[*exact, *loose], own=mapping.own, direct=mapping.direct, referral=mapping.referral)


def _people(folder: Path, mapping: Mapping, channels: ChannelMap, plan: Plan) -> list[PersonPlanned]:
    keys = mapping.people
    once = _Once("person", keys["id"])
    planned = []
    for row in _rows(folder, keys["file"], [keys[key] for key in keys if key != "file"], plan):
        landing, referrer = row.text(keys["landing"], required=False), row.text(keys["referrer"], required=False)
        planned.append(
            PersonPlanned(
                source=_source("person", once.take(row), row),
                joined=row.instant(keys["joined"], mapping.zone),
                device=row.text(keys["device"], required=False)[:16],
                country=_country(row, keys["country"]),
                landing=landing[:500],
                arrival=classify(landing=landing, referrer=referrer, channels=channels),
            )
        )
    return planned


def _country(row: Row, column: str) -> str:
    code = row.text(column, required=False).upper()
    if code and (len(code) != 2 or not code.isascii() or not code.isalpha()):
        raise row.refuse(f"{shown(code)} is not a country code of two letters.", column)
    return code


def _courses(folder: Path, mapping: Mapping, plan: Plan) -> list[CoursePlanned]:
    keys = mapping.courses
    once = _Once("course", keys["id"])
    planned = []
    for row in _rows(folder, keys["file"], [keys[key] for key in keys if key != "file"], plan):
        numerator, denominator = row.fraction(keys["curator_percent"])
        if numerator > 100 * denominator or numerator * 100 % denominator:
            raise row.refuse("a share is a percentage of 0 to 100 with at most two decimals.", keys["curator_percent"])
        planned.append(
            CoursePlanned(
                source=_source("course", once.take(row), row),
                title=row.text(keys["title"], most=NAME),
                price_minor=row.money(keys["price"], mapping.currency),
                curator_bp=numerator * 100 // denominator,
            )
        )
    return planned


def _payments(folder: Path, mapping: Mapping, plan: Plan) -> list[PaymentPlanned]:
    keys = mapping.payments
    ids, transactions = _Once("payment", keys["id"]), _Once("transaction", keys["transaction"])
    people = {person.source.external_id for person in plan.people}
    courses = {course.source.external_id for course in plan.courses}
    return [
        PaymentPlanned(
            source=_source("payment", ids.take(row), row),
            transaction=transactions.take(row),
            paid_at=_paid_at(row, mapping),
            person=_known(row, keys["person"], people, mapping.people["file"]),
            course=_known(row, keys["course"], courses, mapping.courses["file"]),
            amount_minor=row.money(keys["amount"], mapping.currency),
        )
        for row in _rows(folder, keys["file"], [keys[key] for key in keys if key != "file"], plan)
    ]


def _paid_at(row: Row, mapping: Mapping) -> datetime:
    moment = row.instant(mapping.payments["time"], mapping.zone)
    if moment < mapping.effective_from:
        raise row.refuse(
            f"this payment lies before agreements.effective_from of {mapping.path}, so its curator would earn nothing; "
            "set an earlier day there.",
            mapping.payments["time"],
        )
    return moment


def _known(row: Row, column: str, known: set[str], file: str) -> str:
    value = row.text(column)
    if value not in known:
        raise row.refuse(f"{shown(value)} does not stand in {file}.", column)
    return value


@dataclass
class _CampaignDay:
    first: Row
    campaign: str
    name: str
    day: date
    cost: int = 0
    impressions: int = 0
    clicks: int = 0
    rows: int = 0


def _spend(folder: Path, spend: SpendFile, plan: Plan) -> None:
    """Sum a file by campaign and day; its total is rounded half up once and apportioned by exact cost."""
    keys = spend.columns
    days: dict[tuple[str, date], _CampaignDay] = {}
    scale = 10**COST_DECIMALS
    for row in _rows(folder, spend.file, keys.values(), plan):
        numerator, denominator = row.fraction(keys["cost"], most=MOST * spend.per_major)
        if scale % denominator:
            raise row.refuse(f"a cost has at most {COST_DECIMALS} decimals.", keys["cost"])
        campaign, name, day = row.text(keys["campaign"], most=ID), row.text(keys["campaign_name"]), row.day(keys["day"])
        entry = days.setdefault((campaign, day), _CampaignDay(row, campaign, name[:NAME], day))
        entry.cost += numerator * (scale // denominator)
        entry.impressions += row.integer(keys["impressions"])
        entry.clicks += row.integer(keys["clicks"])
        entry.rows += 1
    plan.spend.extend(_apportioned(list(days.values()), spend, plan, scale))


def _apportioned(days: Sequence[_CampaignDay], spend: SpendFile, plan: Plan, scale: int) -> list[SpendPlanned]:
    exact = sum(day.cost for day in days) * 10 ** exponent(spend.currency), spend.per_major * scale
    rounded = half_up(*exact)
    parts = apportion(rounded, [day.cost for day in days]) if rounded else [0] * len(days)
    plan.spend_totals.append(SpendTotal(spend.file, spend.currency, exact, rounded, sum(parts)))
    return [
        SpendPlanned(
            source=Source(
                "spend",
                f"{spend.source}/{day.campaign}/{day.day}",
                day.first.file,
                day.first.number,
                _digest(day),
                day.rows,
            ),
            network=spend.source,
            channel=spend.channel,
            campaign=day.campaign,
            campaign_name=day.name,
            day=day.day,
            amount_minor=part,
            currency=spend.currency,
            impressions=day.impressions,
            clicks=day.clicks,
        )
        for day, part in zip(days, parts, strict=True)
    ]


def _digest(day: _CampaignDay) -> str:
    return hashlib.sha256(f"{day.campaign}|{day.day}|{day.cost}|{day.impressions}|{day.clicks}".encode()).hexdigest()
