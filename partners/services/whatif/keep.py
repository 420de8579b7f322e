"""Keeping what a replay counted: a row for each party, cell and week, and the sums as plain data."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any

from django.db import connection

from accounts.models import Party
from partners.models import Replay, ReplayCell, ReplayFlow, ReplayParty, ReplayResult
from partners.services.whatif.tally import Pair, Tally

ROWS = 20_000
"""Rows written by one statement."""


def outcome_keep(*, replay: Replay, tally: Tally) -> None:
    """Replace the rows of a what-if. Call it in a transaction where all rows are visible."""
    for model in (ReplayCell, ReplayFlow, ReplayParty, ReplayResult):
        model.objects.filter(replay=replay).delete()
    codes = {code for code, _currency in tally.parties}
    ids = dict(Party.objects.filter(code__in=codes).values_list("code", "pk"))
    _write(
        "partners_replayparty (party_id, currency, booked_minor, replayed_minor, replay_id)",
        ("bigint", "text", "bigint", "bigint"),
        ((ids[code], currency, *pair) for (code, currency), pair in sorted(tally.parties.items())),
        replay.pk,
    )
    _write(
        "partners_replaycell (party_id, item_kind, item_id, month, currency, booked_minor, replayed_minor, replay_id)",
        ("bigint", "text", "text", "date", "text", "bigint", "bigint"),
        (
            (ids[code], *item, date.fromordinal(month), currency, *pair)
            for (code, item, month, currency), pair in sorted(tally.cells.items())
        ),
        replay.pk,
    )
    _write(
        "partners_replayflow (party_id, week, currency, booked_minor, replayed_minor, replay_id)",
        ("bigint", "date", "text", "bigint", "bigint"),
        (
            (ids[code], date.fromordinal(week), currency, *pair)
            for (code, week, currency), pair in sorted(tally.weeks.items())
        ),
        replay.pk,
    )
    ReplayResult.objects.create(replay=replay, sums=outcome_of(tally))


def outcome_of(tally: Tally) -> dict[str, Any]:
    """The sums of a replay as plain data: [as booked, as it would have been] throughout, minor units."""
    currencies = sorted({currency for _account, currency in (*tally.parties, *tally.house)})
    return {
        "orders": tally.orders,
        "lines": tally.lines,
        "events": tally.events,
        "changed": tally.changed,
        "rejected": dict(sorted(tally.rejected.items())),
        "disagrees": [[account, currency, amount] for (account, currency), amount in tally.disagrees.items()],
        "currencies": {currency: _of_currency(tally, currency) for currency in currencies},
    }


def _of_currency(tally: Tally, currency: str) -> dict[str, Any]:
    accounts = {account: pair for (account, cur), pair in sorted(tally.house.items()) if cur == currency}
    parties = [pair for (_code, cur), pair in tally.parties.items() if cur == currency]
    months: dict[int, dict[str, Pair]] = {}
    for (month, cur, of_parties), pair in sorted(tally.months.items()):
        if cur == currency:
            months.setdefault(month, {})["parties" if of_parties else "platform"] = pair
    return {
        "parties": _sum(parties),
        "platform": _sum(pair for account, pair in accounts.items() if account.startswith("platform:")),
        "accounts": accounts,
        "winners": sum(new > was for was, new in parties),
        "losers": sum(new < was for was, new in parties),
        "moved": sum(max(0, new - was) for was, new in parties),
        "months": [
            {"month": _iso(month), "parties": row.get("parties", [0, 0]), "platform": row.get("platform", [0, 0])}
            for month, row in months.items()
        ],
        "days": {_iso(day): pair for (day, cur), pair in sorted(tally.days.items()) if cur == currency},
    }


def _sum(pairs: Iterable[Sequence[int]]) -> list[int]:
    listed = list(pairs)
    return [sum(pair[0] for pair in listed), sum(pair[1] for pair in listed)]


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def _write(into: str, types: Sequence[str], rows: Iterator[tuple[Any, ...]], replay_id: int) -> None:
    """Insert rows by columns; COPY is not for tables with row-level security."""
    columns = ", ".join(f"%s::{name}[]" for name in types)
    with connection.cursor() as cursor:
        while batch := list(islice(rows, ROWS)):
            cursor.execute(
                f"INSERT INTO {into} SELECT *, %s FROM unnest({columns})",  # noqa: S608 - texts of this module
                [replay_id, *map(list, zip(*batch, strict=True))],
            )
