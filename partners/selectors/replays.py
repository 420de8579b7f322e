"""What-ifs as the desk, a party and a file read them.

Minor units throughout: `booked` as it was, `replayed` as it would have been.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypedDict

from django.db.models import F, QuerySet, Sum
from django.db.models.functions import Abs
from django.utils.translation import gettext as _

from accounts.models import Party, User
from ledger.money import decimal_from_minor
from ledger.selectors import parties_seen
from ledger.selectors.files import csv_cell
from partners.choices import PayingModel, ReplayState
from partners.models import Agreement, AgreementVersion, EarningDecision, Replay, ReplayCell, ReplayFlow, ReplayParty

_OURS = ("id", "version", "effective_from", "owner", "hold_days")
"""Fields of a rule that its version or a clause says."""

REPLAY_PAGE = 25
"""Parties on a page of a what-if."""

Cell = tuple[str, str, str, date, str, int, int]
"""Party's code, kind and id of the item, month, currency, booked, replayed."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Something that got `booked` and would have got `replayed`. `name` in the reader's language."""

    key: str
    name: str
    booked: int
    replayed: int

    @property
    def difference(self) -> int:
        """How much more it would have been; negative: less."""
        return self.replayed - self.booked


class Step(TypedDict):
    """One month or week: its first day, and (booked, replayed)."""

    day: date
    values: tuple[int, int]


@dataclass(frozen=True, slots=True)
class OwnEffect:
    """What a proposed version would have meant for one party, had it held on [since, until]."""

    replay: Replay
    currency: str
    booked: int
    replayed: int
    months: Sequence[Step]
    weeks: Sequence[Step]
    items: Sequence[Compared]

    @property
    def difference(self) -> int:
        """How much more it would have been; negative: less."""
        return self.replayed - self.booked


def replay_parties(
    *, replay: Replay, currency: str, side: str = "all", start: int = 0, visible_to: User | None
) -> tuple[list[Compared], int]:
    """A page of the parties that would have had more ("more"), less ("less") or other than they had, and their number.

    The largest difference first.
    """
    rows = _seen(ReplayParty.objects.filter(replay=replay, currency=currency), visible_to)
    rows = rows.annotate(change=F("replayed_minor") - F("booked_minor"))
    sides = {"more": rows.filter(change__gt=0), "less": rows.filter(change__lt=0)}
    rows = sides.get(side, rows.exclude(change=0))
    page = rows.select_related("party").order_by(Abs("change").desc(), "pk")[start : start + REPLAY_PAGE]
    return [
        Compared(row.party.code, row.party.local_name, row.booked_minor, row.replayed_minor) for row in page
    ], rows.count()


def replay_items(*, replay: Replay, currency: str, most: int, visible_to: User | None) -> list[Compared]:
    """What was sold under the changed terms, with what its parties had of it; the largest difference first."""
    return _items(ReplayCell.objects.filter(replay=replay, currency=currency), most, visible_to)


def replay_months(*, sums: dict[str, Any], of: str) -> list[Step]:
    """What "parties" or the "platform" had month by month, of a stored result's currency."""
    return _steps({date.fromisoformat(row["month"]): (row[of][0], row[of][1]) for row in sums["months"]}, "month")


def replay_releases(*, sums: dict[str, Any], by: str) -> list[Step]:
    """What became available to all parties, by "week" or "month", of a stored result's currency."""
    found: dict[date, list[int]] = {}
    for text, (was, new) in sums["days"].items():
        day = date.fromisoformat(text)
        first = day.replace(day=1) if by == "month" else day - timedelta(days=day.weekday())
        pair = found.setdefault(first, [0, 0])
        pair[0] += was
        pair[1] += new
    return _steps({day: (pair[0], pair[1]) for day, pair in found.items()}, by)


def replay_csv(cells: Iterable[Cell]) -> Iterator[list[str]]:
    """Rows of a file, head first: text that a spreadsheet would take for a formula is quoted, amounts are exact."""
    listed = list(cells)
    parties = {row.code: row for row in Party.objects.filter(code__in={cell[0] for cell in listed})}
    titles = _titles({(cell[1], cell[2]) for cell in listed})
    yield [
        *(_("Party"), _("Name"), _("Item"), _("Title"), _("Month"), _("Currency")),
        *(_("As booked"), _("As it would have been"), _("Difference"), _("Difference in minor units")),
    ]
    for code, kind, item, month, currency, was, new in listed:
        yield [
            csv_cell(code),
            csv_cell(parties[code].local_name if code in parties else ""),
            csv_cell(f"{kind} {item}"),
            csv_cell(titles.get((kind, item), "")),
            f"{month:%Y-%m}",
            currency,
            decimal_from_minor(was, currency),
            decimal_from_minor(new, currency),
            decimal_from_minor(new - was, currency),
            str(new - was),
        ]


def replay_cells(*, replay: Replay, visible_to: User | None) -> Iterator[Cell]:
    """Every cell of a what-if, for a file."""
    rows = _seen(ReplayCell.objects.filter(replay=replay), visible_to).order_by(
        "currency", "party__code", "item_kind", "item_id", "month"
    )
    yield from rows.values_list(
        "party__code", "item_kind", "item_id", "month", "currency", "booked_minor", "replayed_minor"
    ).iterator(chunk_size=5_000)


def version_question(version: AgreementVersion) -> dict[str, Any]:
    """The question what it would have been, had a version held all along, as plain data."""
    return {
        "agreements": [version.agreement.code],
        "rule": {key: value for key, value in version.rule.items() if key not in _OURS},
        "clauses": {
            "hold_days": version.hold_days,
            "paying_model": version.paying_model,
            "window_days": version.window_days,
            **_numbers(version),
            "precedence": version.precedence,
            "self_purchase": version.self_purchase,
            "meter": version.meter,
            "caps": version.caps,
        },
    }


def _numbers(version: AgreementVersion) -> dict[str, Any]:
    """The numbers that its paying model asks for."""
    if version.paying_model == PayingModel.TIME_DECAY:
        return {"half_life_days": version.half_life_days}
    if version.paying_model == PayingModel.POSITION_WEIGHTS:
        return {"position_weights": version.position_weights}
    return {}


def own_effects(*, version: AgreementVersion, party: int, visible_to: User | None) -> list[OwnEffect]:
    """What a version would have meant for a party, by currency, as the last finished what-if says; else nothing."""
    replay = Replay.objects.filter(version=version, state=ReplayState.DONE).order_by("-pk").first()
    if replay is None or replay.change["changes"] != [version_question(version)]:  # the draft was changed since
        return []
    found = []
    for row in _seen(ReplayParty.objects.filter(replay=replay, party=party), visible_to).order_by("currency"):
        mine = {"replay": replay, "party": party, "currency": row.currency}
        cells, flows = ReplayCell.objects.filter(**mine), ReplayFlow.objects.filter(**mine)
        found.append(
            OwnEffect(
                replay,
                row.currency,
                row.booked_minor,
                row.replayed_minor,
                _steps(_summed(cells, "month"), "month"),
                _steps(_summed(flows, "week"), "week"),
                _items(cells, 10, visible_to),
            )
        )
    return found


def _steps(found: Mapping[date, tuple[int, int]], by: str) -> list[Step]:
    """Put weeks or months in order, those without anything among them."""
    if not found:
        return []
    day, last = min(found), max(found)
    steps = []
    while day <= last:
        steps.append(Step(day=day, values=found.get(day, (0, 0))))
        day = (day + timedelta(days=31)).replace(day=1) if by == "month" else day + timedelta(days=7)
    return steps


def _summed(rows: QuerySet[Any], key: str) -> dict[date, tuple[int, int]]:
    sums = rows.values(key).annotate(was=Sum("booked_minor"), new=Sum("replayed_minor"))
    return {row[key]: (int(row["was"]), int(row["new"])) for row in sums}


def _items(rows: QuerySet[ReplayCell], most: int, visible_to: User | None) -> list[Compared]:
    sums = (
        _seen(rows, visible_to)
        .values("item_kind", "item_id")
        .annotate(was=Sum("booked_minor"), new=Sum("replayed_minor"))
        .order_by(Abs(F("new") - F("was")).desc(), "item_kind", "item_id")[:most]
    )
    listed = [((row["item_kind"], row["item_id"]), int(row["was"]), int(row["new"])) for row in sums]
    titles = _titles({item for item, _was, _new in listed})
    return [Compared(" ".join(item), titles.get(item) or " ".join(item), was, new) for item, was, new in listed]


def _titles(items: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """What was sold, in the reader's language: as its agreement is called, else as a decision about it says."""
    wanted = set(items)
    ids = {item_id for _kind, item_id in wanted}
    found = {
        (row.scope_kind, row.scope_id): row.local_title
        for row in Agreement.objects.filter(scope_id__in=ids)
        if (row.scope_kind, row.scope_id) in wanted
    }
    for kind, item_id in wanted - found.keys():
        row = EarningDecision.objects.filter(item_kind=kind, item_id=item_id, version=None).first()
        if row is not None:
            found[kind, item_id] = row.local_title
    return found


def _seen(rows: QuerySet[Any], visible_to: User | None) -> QuerySet[Any]:
    seen = parties_seen(visible_to)
    return rows if seen is None else rows.filter(party__in=seen)
