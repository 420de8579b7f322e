"""The mapping: a TOML file that says what each file and column of a platform's export means."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils import timezone

from ledger.money import MoneyError, exponent
from partners.choices import ChannelKind, PayingModel
from portal.imports.errors import RefusedImportError, shown

NAME = 120
"""Longest name in characters."""

FIRST_YEAR = 1990

PER_MAJOR = {"major": 1, "micros": 1_000_000}
"""Units a cost column may be written in: how many of them make one major unit of the currency."""


@dataclass(frozen=True)
class ChannelDeclared:
    """A channel of the source and what it is here."""

    source_name: str
    code: str
    kind: str
    name: str
    name_zh: str


@dataclass(frozen=True)
class RateDeclared:
    """An exchange rate that the files do not hold: one `base` buys `rate` of `quote` from `day` on."""

    base: str
    quote: str
    rate: Decimal
    day: date


@dataclass(frozen=True)
class SpendFile:
    """One file of advertising cost, all of one channel."""

    file: str
    source: str
    channel: str
    currency: str
    per_major: int
    columns: dict[str, str]


@dataclass(frozen=True)
class Mapping:
    """Everything an import needs beside the files. `files` and `columns` are keyed by what they hold."""

    path: str
    source: str
    zone: ZoneInfo
    currency: str
    own: tuple[str, ...]
    people: dict[str, str]
    courses: dict[str, str]
    payments: dict[str, str]
    channel_map: dict[str, str]
    channels: tuple[ChannelDeclared, ...]
    direct: str
    referral: str
    rates: tuple[RateDeclared, ...]
    spend: tuple[SpendFile, ...]
    curator_name: str
    curator_name_zh: str
    effective_from: datetime
    hold_days: int
    window_days: int
    paying_model: str
    course_language: str
    topic: tuple[str, str, str]


IMPORTED_MODELS = [model for model in PayingModel.values if model != PayingModel.POSITION_WEIGHTS]
"""A mapping has no place for weights; an agreement that pays by them is drafted on the desk."""

PEOPLE = ("file", "id", "joined", "device", "country", "landing", "referrer")
COURSES = ("file", "id", "title", "price", "curator_percent")
PAYMENTS = ("file", "id", "transaction", "time", "person", "course", "amount")
CHANNEL_MAP = ("file", "channel", "utm_source", "utm_medium", "referrer", "landing")
SPEND = ("day", "campaign", "campaign_name", "impressions", "clicks", "cost")


def load(path: Path) -> Mapping:
    """Read and check a mapping; RefusedImportError names the key that is wrong."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RefusedImportError(f"the mapping cannot be read ({error.strerror}).", file=path.name) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RefusedImportError(f"this is not well-formed TOML ({error}).", file=path.name) from error
    return _Reader(path.name, table).mapping()


class _Reader:
    """Walks the TOML tables; each getter refuses with the dotted key."""

    def __init__(self, file: str, table: dict[str, Any]) -> None:
        self.file = file
        self.table = table

    def mapping(self) -> Mapping:
        """The whole mapping."""
        channels = tuple(self._channel(index) for index in range(len(self._list("channels"))))
        self._once("source_name", [channel.source_name for channel in channels])
        self._once("code", [channel.code for channel in channels])
        names = {channel.code for channel in channels}
        return Mapping(
            path=self.file,
            source=self._source("source.name"),
            zone=self._zone("source.time_zone"),
            currency=self._currency("orders.currency"),
            own=tuple(self._texts("source.own_addresses")),
            people=self._columns("people", PEOPLE),
            courses=self._columns("courses", COURSES),
            payments=self._columns("orders", PAYMENTS),
            channel_map=self._columns("channel_map", CHANNEL_MAP),
            channels=channels,
            direct=self._known("channel_map.otherwise", names),
            referral=self._known("channel_map.foreign_referrer", names),
            rates=tuple(self._rate(index) for index in range(len(self._list("rates")))),
            spend=tuple(self._spend(index, names) for index in range(len(self._list("spend")))),
            curator_name=self._text("agreements.curator_name"),
            curator_name_zh=self._text("agreements.curator_name_zh"),
            effective_from=self._start("agreements.effective_from"),
            hold_days=self._whole("agreements.hold_days", most=36_500),
            window_days=self._whole("agreements.window_days", least=1, most=365),
            paying_model=self._choice("agreements.paying_model", IMPORTED_MODELS),
            course_language=self._text("courses.language", most=10),
            topic=(
                self._code("courses.topic"),
                self._text("courses.topic_name", most=NAME),
                self._text("courses.topic_name_zh", most=NAME),
            ),
        )

    def refuse(self, key: str, message: str) -> RefusedImportError:
        """An error that names the key."""
        return RefusedImportError(message, file=self.file, column=key)

    def _get(self, key: str) -> Any:
        """The value under a dotted key; a number steps into a list of tables."""
        value: Any = self.table
        for part in key.split("."):
            value = (
                value[int(part)] if isinstance(value, list) else value.get(part) if isinstance(value, dict) else None
            )
            if value is None:
                raise self.refuse(key, "the mapping lacks this key; see docs/how-to/import-a-business.md.")
        return value

    def _text(self, key: str, *, most: int = 200) -> str:
        value = self._get(key)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise self.refuse(key, f"{value!r} is not a text of one line.")
        if len(value) > most:
            raise self.refuse(key, f"{shown(value)} is longer than {most} characters.")
        return value

    def _once(self, name: str, values: Sequence[str]) -> None:
        for index, value in enumerate(values):
            if value in values[:index]:
                raise self.refuse(f"channels.{index}.{name}", f"{shown(value)} stands in two [[channels]] entries.")

    def _choice(self, key: str, allowed: Sequence[str]) -> str:
        value = self._text(key)
        if value not in allowed:
            raise self.refuse(key, f"unknown value {shown(value)}; choose among {', '.join(allowed)}.")
        return value

    def _code(self, key: str) -> str:
        value = self._text(key, most=64)
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", value):
            raise self.refuse(key, f"{shown(value)} is not a code: small letters, digits, dashes, underscores.")
        return value

    def _texts(self, key: str) -> list[str]:
        value = self._get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.refuse(key, f"{value!r} is not a list of texts.")
        return value

    def _list(self, key: str) -> list[Any]:
        value = self.table.get(key, [])
        if not isinstance(value, list):
            raise self.refuse(key, "write it as a list of tables, [[...]].")
        return value

    def _whole(self, key: str, *, least: int = 0, most: int) -> int:
        value = self._get(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.refuse(key, f"{value!r} is not a whole number from {least} to {most}.")
        return value

    def _columns(self, table: str, keys: tuple[str, ...]) -> dict[str, str]:
        return {key: self._text(f"{table}.{key}") for key in keys}

    def _known(self, key: str, names: set[str]) -> str:
        code = self._text(key)
        if code not in names:
            raise self.refuse(key, f'no [[channels]] entry has the code "{code}".')
        return code

    def _currency(self, key: str) -> str:
        code = self._text(key)
        try:
            exponent(code)
        except MoneyError as error:
            raise self.refuse(key, f'unknown currency "{code}"; use a code of ISO 4217 such as UAH.') from error
        return code

    def _zone(self, key: str) -> ZoneInfo:
        name = self._text(key)
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise self.refuse(key, f'unknown time zone "{name}".') from error

    def _start(self, key: str) -> datetime:
        value = self._get(key)
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time.min)
        if not isinstance(value, datetime) or not FIRST_YEAR <= value.year <= timezone.now().year:
            raise self.refuse(key, f"{value!s} is not a date such as 2023-10-01 that has come.")
        moment = value if value.tzinfo else value.replace(tzinfo=self._zone("source.time_zone"))
        return moment.astimezone(UTC)

    def _source(self, key: str) -> str:
        name = self._text(key)
        if not re.fullmatch(r"[a-z][a-z0-9-]{1,15}", name):
            raise self.refuse(key, f'"{name}" is not a short name: 2 to 16 small letters, digits and dashes.')
        return name

    def _channel(self, index: int) -> ChannelDeclared:
        key = f"channels.{index}"
        return ChannelDeclared(
            source_name=self._text(f"{key}.source_name"),
            code=self._code(f"{key}.code"),
            kind=self._choice(f"{key}.kind", ChannelKind.values),
            name=self._text(f"{key}.name", most=NAME),
            name_zh=self._text(f"{key}.name_zh", most=NAME),
        )

    def _rate(self, index: int) -> RateDeclared:
        key = f"rates.{index}"
        written = self._text(f"{key}.rate")
        try:
            rate = Decimal(written)
        except InvalidOperation as error:
            raise self.refuse(f"{key}.rate", f'"{written}" is not a decimal number.') from error
        if not rate.is_finite() or not 0 < rate < 10**10 or rate != rate.quantize(Decimal("1e-10")):
            raise self.refuse(f"{key}.rate", f'"{written}" is not a rate above 0 with at most ten decimals.')
        day = self._get(f"{key}.day")
        if not isinstance(day, date) or isinstance(day, datetime):
            raise self.refuse(f"{key}.day", f"{day!r} is not a day such as 2023-10-01.")
        base, quote = self._currency(f"{key}.base"), self._currency(f"{key}.quote")
        if base == quote:
            raise self.refuse(f"{key}.quote", "a rate stands between two currencies.")
        return RateDeclared(base, quote, rate, day)

    def _spend(self, index: int, names: set[str]) -> SpendFile:
        key = f"spend.{index}"
        unit = self._choice(f"{key}.unit", list(PER_MAJOR))
        return SpendFile(
            file=self._text(f"{key}.file"),
            source=self._code(f"{key}.source"),
            channel=self._known(f"{key}.channel", names),
            currency=self._currency(f"{key}.currency"),
            per_major=PER_MAJOR[unit],
            columns={name: self._text(f"{key}.{name}") for name in SPEND},
        )
