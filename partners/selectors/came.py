"""How the learner came, as rows a reader may see: each touch, its credit, and what it took of the channels' pool."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from accounts.models import Party
from ledger.money import apportion
from ledger.splits.accounts import CHANNEL
from partners.models import Channel
from partners.selectors.steps import Sight
from partners.selectors.touches import TouchTold, touches_of
from partners.selectors.weighing import Weighing

COUPON = "coupon"

MOST = 12
"""Touches shown one by one; of more, those of one channel stand in one row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """One way that the learner came. Amounts in minor units, None where the reader may not know what the pool was.

    `channel` and `party` are names, empty where unattributed (`known`) or not the reader's to see. `at` None: no touch
    of it is kept. `touches` above 1: the row stands for so many, from `at` to `until`. `amount` is its part of the
    pool; `stays` of it were not paid, because nobody owns the channel, its owner may not earn, or a cap was reached.
    """

    channel: str
    party: str
    ppm: int
    yours: bool
    known: bool = True
    slot: int = 0
    at: datetime | None = None
    until: datetime | None = None
    touches: int = 1
    link: str = ""
    words: str = ""
    marks: str = ""
    coupon: bool = False
    amount: int | None = None
    stays: int = 0


@dataclass(frozen=True, slots=True)
class Arrived:
    """All ways together: `rows` sum to 1,000,000 ppm and to `pool`, what the steps offered to channels; None: no step
    did, or the reader may not know.
    """

    asked: Weighing | None
    decided_by: str
    rows: tuple[Came, ...]
    pool: int | None


def came_of(
    *, journey: Mapping[str, Any], order: str, asked: Weighing | None, trace: Mapping[str, Any], sight: Sight,
    coupon: str, placed_at: datetime,
) -> Arrived:  # fmt: skip
    """Say how the learner of an order line came. Call it where all rows are visible."""
    given = [(channel, code, ppm) for channel, code, ppm in journey["credits"]]
    steps = [step for step in trace["steps"] if step.get("account") == CHANNEL and step.get("channels")]
    parts = [[_part(step, i) for step in steps] for i in range(len(given))]
    amounts = [(sum(part for part, _ in each), sum(stays for _, stays in each)) for each in parts]
    told = list(touches_of(order=order, asked=asked)) if asked else []
    channels = Channel.objects.in_bulk({row[0] for row in given if row[0]} | {touch.channel_id for touch in told})
    owners = Party.objects.in_bulk({touch.owner_id for touch in told if touch.owner_id})
    named = {party.code: party for party in Party.objects.filter(code__in=[row[1] for row in given if row[1]])}
    by_coupon = coupon if journey["decided_by"] == COUPON else ""
    reader = _Reader(
        channels,
        {pk: party.code for pk, party in owners.items()},
        sight,
        {party.code: party.local_name for party in (*owners.values(), *named.values())},
        by_coupon,
        journey["decided_by"] == COUPON,
        placed_at,
    )
    rows = list(reader.rows(given, amounts, told))
    pool = sum(amount for amount, _ in amounts) if steps else None
    known = sight.sides or any(row.yours for row in rows)
    if pool is None or not known:
        rows = [replace(row, amount=None, stays=0) for row in rows]
    return Arrived(asked, journey["decided_by"], tuple(rows), pool if known else None)


def _part(step: Mapping[str, Any], place: int) -> tuple[int, int]:
    """A channel's part of a step, and how much of it stayed in what remains."""
    row = step["channels"][place]
    return row["amount"], row["amount"] if row["stays"] else row.get("capped", 0)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Words rows for one reader."""

    channels: Mapping[int, Channel]
    codes: Mapping[int, str]
    sight: Sight
    names: Mapping[str, str]
    coupon: str
    by_coupon: bool
    placed_at: datetime

    def rows(
        self, given: Sequence[Any], amounts: Sequence[tuple[int, int]], told: Sequence[TouchTold]
    ) -> Iterator[Came]:
        """Every credit with its touches, then the touches that got none; by time, those without a date last."""
        left = list(told)
        found: list[Came] = []
        for (channel_id, code, ppm), (amount, stays) in zip(given, amounts, strict=True):
            mine = [] if self.by_coupon else [touch for touch in left if self._is_of(touch, channel_id, code)]
            left = [touch for touch in left if touch not in mine]
            whole = self._row(channel_id, code, ppm, amount, stays)
            found += self._each(whole, mine, len(told))
        for touch in left:
            row = self._row(touch.channel_id, self.codes.get(touch.owner_id or 0), 0, 0, 0)
            found.append(self._dated(replace(row, coupon=False), touch))
        yield from self._merged(sorted(found, key=lambda row: (row.at is None, row.at or self.placed_at)))

    def _is_of(self, touch: TouchTold, channel_id: int | None, code: str | None) -> bool:
        return touch.channel_id == channel_id and self.codes.get(touch.owner_id or 0) == code

    def _row(self, channel_id: int | None, code: str | None, ppm: int, amount: int, stays: int) -> Came:
        yours = code == self.sight.code
        known = self.sight.sides or yours or channel_id is None
        channel = self.channels.get(channel_id or 0)
        return Came(
            channel=channel.local_name if channel and known else "",
            party=self.names.get(code, "") if code and (self.sight.names or yours) else "",
            ppm=ppm,
            yours=yours,
            known=known,
            slot=(channel.slot or 0) if channel and known else 0,
            at=self.placed_at if self.by_coupon else None,
            words=self.coupon if known else "",
            coupon=self.by_coupon,
            amount=amount,
            stays=stays,
        )

    def _each(self, whole: Came, touches: Sequence[TouchTold], of: int) -> Iterator[Came]:
        """A credit divided over its touches as the model weighed them."""
        if not touches:
            yield whole
            return
        if of > MOST and len(touches) > 1:
            row = self._dated(whole, touches[0])
            marks = row.marks if len({touch.marks for touch in touches}) == 1 else ""
            yield replace(row, until=touches[-1].at, touches=len(touches), marks=marks)
            return
        weights = [touch.weight for touch in touches]
        weights = weights if any(weights) else [1] * len(touches)
        parts = apportion(whole.ppm, weights)
        amounts = apportion(whole.amount or 0, parts if any(parts) else weights)
        stays = apportion(whole.stays, amounts) if any(amounts) else [0] * len(parts)
        for touch, ppm, amount, stay in zip(touches, parts, amounts, stays, strict=True):
            yield self._dated(replace(whole, ppm=ppm, amount=amount, stays=stay), touch)

    def _dated(self, row: Came, touch: TouchTold) -> Came:
        """A row with what its reader may know of the touch; a link's code and marks tell of its owner."""
        if not row.known:
            return row
        link, marks = (touch.link, touch.marks) if self.sight.names or row.yours else ("", "")
        return replace(row, at=touch.at, link=link, marks=marks, words=touch.words if not touch.link else "")

    def _merged(self, rows: Sequence[Came]) -> Iterator[Came]:
        """What is not the reader's to see stands in one row."""
        hidden = [row for row in rows if not row.known]
        yield from (row for row in rows if row.known)
        if hidden:
            # Whether others were paid for their part is theirs to know.
            ppm, amount = sum(row.ppm for row in hidden), sum(row.amount or 0 for row in hidden)
            yield replace(hidden[0], ppm=ppm, amount=amount, stays=0, at=None, touches=len(hidden), coupon=False)
