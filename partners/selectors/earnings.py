"""What parties earned, line by line, as their portal shows it. Row-level security stands behind every query."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypedDict

from django.db.models import BigIntegerField, Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import get_language

from accounts.models import User
from ledger.choices import ItemState
from ledger.selectors import parties_seen
from ledger.selectors.payouts import hold_live, line_payout
from partners.choices import EFFECTS, DecisionReason
from partners.models import EarningDecision

if TYPE_CHECKING:
    from django_stubs_ext import WithAnnotations

    class _Effects(TypedDict):
        effect_minor: int
        effect_at: datetime | None
        effect_reason: str | None

    class _OnTheWay(_Effects):
        payout: str | None
        kept: bool

    Standing = WithAnnotations[EarningDecision, _Effects]
    """A decision of `standing`: one row an order line."""
    Underway = WithAnnotations[EarningDecision, _OnTheWay]
    """The same with what `on_the_way` says."""

AVAILABLE, PENDING, DISPUTED, REFUNDED, NONE = "available", "pending", "disputed", "refunded", "none"
ON_HOLD, IN_TRANSIT, PAID = "on_hold", "in_transit", "paid"

TABS = ("all", "earned", "refunded", "none")
"""Which lines a list shows; `refunded` those of which something was taken back, `none` those that paid nothing."""


@dataclass(frozen=True, slots=True)
class EarningsOf:
    """Which earnings: of one party, for orders placed in [since, until), in one currency; an empty one means any."""

    party: int
    since: datetime | None = None
    until: datetime | None = None
    currency: str = ""

    def before(self) -> "EarningsOf":
        """Return the period of the same length that ends where this one begins."""
        if self.since is None or self.until is None:
            raise ValueError("an open period has none before it")
        return replace(self, since=self.since - (self.until - self.since), until=self.since)


@dataclass(frozen=True, slots=True)
class EarningLine:
    """One order line for one party. Amounts in minor units.

    `amount_minor` is what the sale gave, `effect_minor` what refunds, disputes and corrections since made of it; their
    sum is what stands. `status`: PENDING (in its holding period), AVAILABLE, ON_HOLD (free, but the party's payouts are
    held back), IN_TRANSIT and PAID (a payout took it along), DISPUTED, REFUNDED (nothing is left), NONE.
    """

    id: int
    placed_at: datetime
    order_code: str
    line_id: str
    title: str
    channel: str
    list_minor: int
    discount_minor: int
    tax_minor: int
    paid_minor: int
    amount_minor: int
    currency: str
    credit_ppm: int | None
    reason: DecisionReason
    status: str
    matures_at: datetime
    effect_minor: int = 0
    effect_at: datetime | None = None
    effect_reason: DecisionReason | None = None

    @property
    def net_minor(self) -> int:
        """What stands by now."""
        return self.amount_minor + self.effect_minor


@dataclass(frozen=True, slots=True)
class EarningPage:
    """A page of lines, newest first. `older` and `newer` are cursors, empty where there is nothing more."""

    lines: tuple[EarningLine, ...]
    older: str
    newer: str
    total: int


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of what was earned: by course or channel. `before` is the same of the period before, None if not asked."""

    key: str
    name: str
    amount_minor: int
    before: int | None = None


def decisions_of(*, of: EarningsOf, visible_to: User | None) -> QuerySet[EarningDecision]:
    """Decisions about one party; none where the reader may not see the party."""
    seen = parties_seen(visible_to)
    rows = EarningDecision.objects.filter(party=of.party)
    if seen is not None and of.party not in seen:
        return rows.none()
    if of.since is not None:
        rows = rows.filter(placed_at__gte=of.since)
    if of.until is not None:
        rows = rows.filter(placed_at__lt=of.until)
    return rows.filter(currency=of.currency) if of.currency else rows


def standing(rows: QuerySet[EarningDecision], *, sums_only: bool = False) -> "QuerySet[Standing]":
    """Return one row an order line: the sale's own decisions, each with what happened to it since.

    `effect_minor` is the sum of all effects; `effect_at` and `effect_reason` are the last one's, left out where only
    sums are wanted. A party that came in by an effect alone (a correction) stands with its first one.
    """
    same = EarningDecision.objects.filter(
        source_kind=OuterRef("source_kind"), source_id=OuterRef("source_id"), party=OuterRef("party")
    )
    effects = same.filter(reason__in=EFFECTS).exclude(pk=OuterRef("pk"))
    total = effects.order_by().values("party").annotate(total=Sum("amount_minor")).values("total")
    last = effects.order_by("-decided_at", "-pk")
    earlier = same.filter(Q(pk__lt=OuterRef("pk")) | ~Q(reason__in=EFFECTS))
    found: Any = rows.filter(~Q(reason__in=EFFECTS) | ~Exists(earlier)).annotate(
        effect_minor=Coalesce(Subquery(total), 0, output_field=BigIntegerField())
    )
    whole: QuerySet[Standing] = (
        found
        if sums_only
        else found.annotate(
            effect_at=Subquery(last.values("decided_at")[:1]), effect_reason=Subquery(last.values("reason")[:1])
        )
    )
    return whole


def on_the_way(rows: "QuerySet[Standing]") -> "QuerySet[Underway]":
    """Return the same rows, each with `payout`, the state of the one that took its money along, and `kept`: whether the
    party's payouts are held back now."""
    return rows.annotate(
        payout=line_payout(entry="entry", line="source_id", party="party"), kept=hold_live(party="party")
    )


def earning_lines(
    *,
    of: EarningsOf,
    visible_to: User | None,
    tab: str = "all",
    cursor: str = "",
    size: int = 50,
    at: datetime | None = None,
    total: int | None = None,
) -> EarningPage:
    """One page of a party's lines. A cursor comes from the page before; a broken one shows the first page.

    `total`: how many lines the tab holds, where `earning_counts` has just said so.
    """
    rows = _tab(standing(decisions_of(of=of, visible_to=visible_to)), tab)
    total = rows.count() if total is None else total
    direction, bound = _read_cursor(cursor)
    if direction == "older":
        rows = rows.filter(Q(placed_at__lt=bound[0]) | Q(placed_at=bound[0], pk__lt=bound[1]))
    elif direction == "newer":
        rows = rows.filter(Q(placed_at__gt=bound[0]) | Q(placed_at=bound[0], pk__gt=bound[1]))
    order = ("placed_at", "pk") if direction == "newer" else ("-placed_at", "-pk")
    found = list(on_the_way(rows).select_related("channel").order_by(*order)[: size + 1])
    more, found = len(found) > size, found[:size]
    if direction == "newer":
        found.reverse()
    moment = at or timezone.now()
    return EarningPage(
        lines=tuple(line_of(row, moment) for row in found),
        older=_cursor("older", found[-1]) if found and (more or direction == "newer") else "",
        newer=_cursor("newer", found[0]) if found and (direction == "older" or (direction == "newer" and more)) else "",
        total=total,
    )


def earning_neighbours(
    *, of: EarningsOf, visible_to: User | None, decision_id: int, tab: str = "all"
) -> tuple[int | None, int | None]:
    """The line after this one in time and the one before it, in the same list; None at its ends."""
    rows = _tab(standing(decisions_of(of=of, visible_to=visible_to)), tab)
    here = rows.filter(pk=decision_id).values_list("placed_at", flat=True).first()
    if here is None:
        return None, None
    newer = rows.filter(Q(placed_at__gt=here) | Q(placed_at=here, pk__gt=decision_id)).order_by("placed_at", "pk")
    older = rows.filter(Q(placed_at__lt=here) | Q(placed_at=here, pk__lt=decision_id)).order_by("-placed_at", "-pk")
    return newer.values_list("pk", flat=True).first(), older.values_list("pk", flat=True).first()


def earning_counts(*, of: EarningsOf, visible_to: User | None) -> dict[str, int]:
    """How many lines each tab holds; one query."""
    rows = standing(decisions_of(of=of, visible_to=visible_to), sums_only=True)
    counts: dict[str, Any] = rows.aggregate(
        all=Count("pk"),
        earned=Count("pk", filter=~Q(amount_minor=-F("effect_minor"))),
        refunded=Count("pk", filter=Q(effect_minor__lt=0)),
        none=Count("pk", filter=Q(amount_minor=0, effect_minor=0)),
    )
    return {tab: int(counts[tab]) for tab in TABS}


def earning_rows(*, of: EarningsOf, visible_to: User | None, tab: str = "all") -> Iterator[EarningLine]:
    """Every line, oldest first, for files; read in portions."""
    rows = _tab(standing(decisions_of(of=of, visible_to=visible_to)), tab)
    now = timezone.now()
    for row in on_the_way(rows).select_related("channel").order_by("placed_at", "pk").iterator(chunk_size=2_000):
        yield line_of(row, now)


def earning_by_course(*, of: EarningsOf, visible_to: User | None) -> list[Slice]:
    """What a party earned by what was bought, refunds taken off, the largest first; with the period before."""
    return _by(of, visible_to, "item_id", "item_title", "item_title_zh")


def earning_by_channel(*, of: EarningsOf, visible_to: User | None) -> list[Slice]:
    """What a party earned by the channel that brought most of the learner; without a channel the name is empty."""
    return _by(of, visible_to, "channel_id", "channel__name", "channel__name_zh")


def earning_currencies(*, visible_to: User | None, party: int) -> list[str]:
    """Currencies in which the party has lines, the most frequent first."""
    rows = decisions_of(of=EarningsOf(party), visible_to=visible_to).values("currency").annotate(lines=Count("pk"))
    return [row["currency"] for row in rows.order_by("-lines", "currency")]


def line_of(row: "Underway", at: datetime) -> EarningLine:
    """Show a decision of `on_the_way` as a line."""
    effect: int = row.effect_minor
    if effect and row.amount_minor + effect == 0:
        status = DISPUTED if row.effect_reason == DecisionReason.DISPUTED else REFUNDED
    elif not row.amount_minor and not effect:
        status = NONE
    elif row.effect_reason == DecisionReason.DISPUTED:
        status = DISPUTED
    else:
        status = _free(row, at)
    return EarningLine(
        id=row.pk,
        placed_at=row.placed_at,
        order_code=row.order_code,
        line_id=row.source_id,
        title=row.local_title,
        channel=row.channel.local_name if row.channel else "",
        list_minor=row.list_minor,
        discount_minor=row.discount_minor,
        tax_minor=row.tax_minor,
        paid_minor=row.paid_minor,
        amount_minor=row.amount_minor,
        currency=row.currency,
        credit_ppm=row.credit_ppm,
        reason=row.reason_at(at),
        status=status,
        matures_at=row.matures_at,
        effect_minor=effect,
        effect_at=row.effect_at,
        effect_reason=DecisionReason(row.effect_reason) if row.effect_reason else None,
    )


def _free(row: "Underway", at: datetime) -> str:
    """How far what stands of a line is on its way to the party."""
    if row.payout is not None:
        return PAID if row.payout == ItemState.ARRIVED else IN_TRANSIT
    if row.matures_at > at:
        return PENDING
    return ON_HOLD if row.kept else AVAILABLE


def _tab(rows: "QuerySet[Standing]", tab: str) -> "QuerySet[Standing]":
    if tab == "earned":
        return rows.exclude(amount_minor=-F("effect_minor"))
    if tab == "refunded":
        return rows.filter(effect_minor__lt=0)
    if tab == "none":
        return rows.filter(amount_minor=0, effect_minor=0)
    return rows


def _by(of: EarningsOf, visible_to: User | None, key: str, name: str, name_zh: str) -> list[Slice]:
    since = of.before().since
    now = Q(placed_at__gte=of.since)
    rows = (
        decisions_of(of=replace(of, since=since), visible_to=visible_to)
        .values(key=F(key))
        .annotate(
            total=Sum("amount_minor", filter=now),
            en=Max(name, filter=now),
            zh=Max(name_zh, filter=now),
            was=Sum("amount_minor", filter=~now),
        )
    )
    chinese = (get_language() or "").startswith("zh")
    found = [
        Slice(
            key=str(row["key"] or ""),
            name=(chinese and row["zh"]) or row["en"] or "",
            amount_minor=int(row["total"]),
            before=None if row["was"] is None else int(row["was"]),
        )
        for row in rows
        if row["total"]
    ]
    return sorted(found, key=lambda row: (-row.amount_minor, row.name))


def _cursor(direction: str, row: EarningDecision) -> str:
    return f"{direction}-{int(row.placed_at.timestamp() * 1_000_000)}-{row.pk}"


def _read_cursor(text: str) -> tuple[str, tuple[datetime, int]]:
    epoch = datetime.fromtimestamp(0, tz=timezone.get_default_timezone())
    parts = text.split("-")
    if len(parts) != 3 or parts[0] not in {"older", "newer"} or not (parts[1] + parts[2]).isdecimal():
        return "", (epoch, 0)
    try:
        micro = int(parts[1])
        at = datetime.fromtimestamp(micro // 1_000_000, tz=timezone.get_default_timezone())
        return parts[0], (at.replace(microsecond=micro % 1_000_000), min(int(parts[2]), 2**63 - 1))
    except (ValueError, OverflowError, OSError):
        return "", (epoch, 0)
