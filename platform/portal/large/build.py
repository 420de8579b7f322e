"""Makes the large business: a few orders of every course by the services, all others as copies of them, by COPY."""

import hashlib
import io
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from accounts.scope import all_rows
from analytics.services import NewTouch, NewVisitor, partitions_ensure, touchpoints_record, visitors_record
from courses.services import PaidLine, PaidOrder, orders_record
from events.services import relay, relay_all
from ledger.services import seal_take, snapshot_take
from partners.services import papers_seal
from partners.services.whatif.workers import in_processes
from portal.demo.audience import chunks
from portal.demo.progress import Progress
from portal.large.cases import Case, draw_cases
from portal.large.stamps import TABLES, columns_of, stamp_of
from portal.large.world import OWNED, Scale, World, make_world

SEED, DAYS, VISIT = 20_261_127, 365, 8
"""Seed; days before the last one over which orders are spread; touches of a browser that bought nothing."""

EACH = 10
"""Orders of each course that the services record, each a case of its own."""

VISITS = 15_000
"""Browsers in one part."""

VISITORS = ("id", "key", "first_seen_at", "country", "device", "consent")
TOUCHES = (
    *("visitor_id", "channel_id", "owner_id", "occurred_at", "recorded_at"),
    *("landing", "referrer_host", "utm", "click_id", "consent"),
)
OTHERS: Mapping[str, Sequence[str]] = {
    "analytics_visitor": VISITORS,
    "analytics_touchpoint": TOUCHES,
    "events_eventkey": ("digest",),
}
NUMBERED = ("courses_order", "courses_orderline", "ledger_journalentry", "analytics_conversion", "analytics_visitor")
"""Tables whose numbers the copies name; so many are taken out of their sequences."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the processes know before they are forked. `starts`: the number before the first free one, by table."""

    world: World
    cases: list[Case]
    orders: list[int]
    each: int
    last: datetime
    columns: Mapping[str, Sequence[str]]
    starts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Copies:
    """Orders `first` and on of one course, `count` of them beside its first `each`."""

    course: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Visits:
    """Browsers that bought nothing: `count` touches from visitor `first` on."""

    first: int
    count: int


def build(*, orders: int, touches: int, scale: Scale, last: datetime, processes: int, progress: Progress) -> None:
    """Make all of it; each part commits. The database must be empty of orders."""
    world = make_world(scale, opened=last - timedelta(days=2 * DAYS), progress=progress)
    each = max(1, min(EACH, orders // scale.courses))
    cases = list(draw_cases(world, each=each, seed=SEED))[:orders]
    firsts = _by_the_services(world, cases, each, last, processes, progress)
    copies = list(_copies(orders, each, scale.courses))
    copied = sum(part.count for part in copies)
    led = sum(len(case.touches) for case in cases)
    led += sum(len(cases[p.course * each + n % each].touches) for p in copies for n in range(p.count))
    visits = list(_visits(max(0, touches - led), copied))
    with connections["owner"].cursor() as cursor:
        partitions_ensure(instants=[last - timedelta(days=day) for day in range(DAYS + 40)])
        starts = {table: _taken(cursor, table, copied + len(visits) * VISITS) for table in NUMBERED}
    columns = {**OTHERS, **{table: columns_of(table) for table in TABLES}}
    plan = Plan(world, cases, firsts, each, last, columns, starts)
    with _without_forced_security([*columns]):
        _run(plan, "orders by COPY", list(chunks(copies, 10)), processes, progress)
        _run(plan, "visits by COPY", [[part] for part in visits], processes, progress)
    with progress.stage("statistics"), connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
    with progress.stage("seals and snapshots"):
        seal_take()
        papers_seal()
        snapshot_take()


def _by_the_services(
    world: World, cases: Sequence[Case], each: int, last: datetime, processes: int, progress: Progress
) -> list[int]:
    """Record and settle one order of each case as an import does; returns the orders' numbers, case by case."""
    made: list[int] = []
    for part in progress.track("orders by services", list(chunks(list(enumerate(cases)), 2_000)), sum_of=len):
        with all_rows():
            visitors_record(visitors=[NewVisitor(_key(n), placed_at(n, last)) for n, _case in part])
            touchpoints_record(touches=[touch for n, case in part for touch in _touches(n, case, world, last)])
            made += orders_record(orders=[_order(n, case, world, last, each) for n, case in part])
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
    with progress.stage("settlement"):
        for _done in in_processes(_settle, range(processes), processes=processes):
            pass
        relay_all()
    return made


def _settle(_part: int) -> int:
    while relay(queue="money", batch=1_000, limit=5_000).tried:
        pass
    return 0


def placed_at(number: int, last: datetime) -> datetime:
    """When an order was placed: spread over the year by a step that meets every minute once."""
    return last - timedelta(minutes=number * 7_919 % (DAYS * 24 * 60))


def _key(number: int) -> UUID:
    return UUID(int=number + 1)


def _learner(course: int, number: int, world: World) -> int:
    """Who bought a course as its so many-th: nobody buys it twice."""
    return world.learners[(course * 7_919 + number) % len(world.learners)]


def _touches(number: int, case: Case, world: World, last: datetime) -> Iterator[NewTouch]:
    for minutes, channel, owner in case.touches:
        yield NewTouch(
            visitor_key=_key(number),
            channel_id=world.channels[channel],
            owner_id=world.bringers[owner] if owner >= 0 else None,
            occurred_at=placed_at(number, last) - timedelta(minutes=minutes),
        )


def _order(number: int, case: Case, world: World, last: datetime, each: int) -> PaidOrder:
    code = f"L{number:09d}"
    return PaidOrder(
        provider="large",
        external_id=code,
        code=code,
        currency="CNY",
        lines=[PaidLine(course_id=world.courses[case.course], list_minor=case.list_minor)],
        placed_at=placed_at(number, last),
        buyer_id=_learner(case.course, number % each, world),
        visitor_key=_key(number),
        discount_minor=case.discount_minor,
        discount_bearer="pool" if case.discount_minor else "",
        tax_minor=case.tax_minor,
        processor_fee_minor=case.fee_minor,
    )


def _copies(orders: int, each: int, courses: int) -> Iterator[Copies]:
    """What is still to be written of each course, numbered on from the orders that the services recorded."""
    first, left = each * courses, max(0, orders - each * courses)
    for course in range(courses):
        count = left // (courses - course)
        if count:
            yield Copies(course, first, count)
        first, left = first + count, left - count


def _visits(touches: int, before: int) -> Iterator[Visits]:
    """What is missing to the number of touches wanted; `before`: visitors that are numbered before."""
    most = VISITS * VISIT
    for start in range(0, touches, most):
        yield Visits(before + start // VISIT, min(most, touches - start))


def _taken(cursor: Any, table: str, count: int) -> int:
    """Take so many numbers out of a table's sequence; returns the one before the first."""
    cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
    [sequence] = cursor.fetchone()
    cursor.execute("SELECT nextval(%s::regclass)", [sequence])
    [start] = cursor.fetchone()
    cursor.execute("SELECT setval(%s::regclass, %s)", [sequence, start + count])
    return int(start)


@contextmanager
def _without_forced_security(tables: Sequence[str]) -> Iterator[None]:
    """COPY knows no row-level security. For the owner alone it rests meanwhile; the role app stays bound."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relforcerowsecurity AND relname = ANY (%s) ORDER BY 1", [list(tables)]
        )
        forced = [name for (name,) in cursor.fetchall()]
        for name in forced:
            cursor.execute(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY")
    try:
        yield
    finally:
        with connections["owner"].cursor() as cursor:
            for name in forced:
                cursor.execute(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY")


def _run(plan: Plan, name: str, parts: list[Sequence[Copies | Visits]], processes: int, progress: Progress) -> None:
    """Write parts in processes; counts what is done."""
    wanted = sum(piece.count for part in parts for piece in part)
    done = in_processes(lambda part: _write(plan, part), parts, processes=processes)
    for _count in progress.track_counts(name, done, wanted):
        pass


def _write(plan: Plan, part: Sequence[Copies | Visits]) -> int:
    """Write one part in a transaction of its own; how many orders or touches."""
    rows: dict[str, list[str]] = defaultdict(list)
    for piece in part:
        if isinstance(piece, Copies):
            _copy_orders(plan, piece, rows)
        else:
            _copy_visits(plan, piece, rows)
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        for table, columns in plan.columns.items():
            if rows[table]:
                text = io.StringIO("".join(rows.pop(table)))
                cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", text)
    return sum(piece.count for piece in part)


def _copy_orders(plan: Plan, piece: Copies, rows: dict[str, list[str]]) -> None:
    world, each, behind = plan.world, plan.each, plan.each * len(plan.world.courses) - 1
    first = piece.course * each
    stamps = [stamp_of(plan.orders[first + n], plan.columns) for n in range(each)]
    for n in range(piece.count):
        number = piece.first + n
        at, nth = placed_at(number, plan.last), number - behind
        visitor = plan.starts["analytics_visitor"] + nth
        facts: dict[str, Any] = {
            "order": plan.starts["courses_order"] + nth,
            "line": plan.starts["courses_orderline"] + nth,
            "entry": plan.starts["ledger_journalentry"] + nth,
            "conversion": plan.starts["analytics_conversion"] + nth,
            "visitor": visitor,
            "code": f"L{number:09d}",
            "key": _key(number),
            "buyer": _learner(piece.course, each + n, world),
        }
        for table, text in stamps[n % each].filled(facts, at).items():
            rows[table].append(text)
        digest = hashlib.sha256(f"order.paid {facts['code']}".encode()).hexdigest()[:32]
        rows["events_eventkey"].append(f"{digest}\n")
        touches = plan.cases[first + n % each].touches
        seen = at - timedelta(minutes=touches[0].minutes) if touches else at
        rows["analytics_visitor"].append(_visitor(visitor, _key(number), seen))
        for minutes, channel, owner in touches:
            rows["analytics_touchpoint"].append(_touch(visitor, world, channel, owner, at - timedelta(minutes=minutes)))


def _copy_visits(plan: Plan, piece: Visits, rows: dict[str, list[str]]) -> None:
    draw = random.Random(SEED + piece.first)  # noqa: S311 - the same business for the same seed
    world, bringers = plan.world, len(plan.world.bringers)
    for n in range(0, piece.count, VISIT):
        nth = piece.first + n // VISIT
        visitor, at = plan.starts["analytics_visitor"] + 1 + nth, placed_at(nth, plan.last)
        rows["analytics_visitor"].append(_visitor(visitor, UUID(int=2**64 + nth), at))
        for step in range(min(VISIT, piece.count - n)):
            owned = draw.random() < 0.35
            channel, owner = (OWNED, draw.randrange(bringers)) if owned else (draw.randrange(OWNED), -1)
            rows["analytics_touchpoint"].append(_touch(visitor, world, channel, owner, at + timedelta(hours=step)))


def _visitor(number: int, key: UUID, at: datetime) -> str:
    return f"{number}\t{key}\t{at.isoformat()}\t\t\tt\n"


def _touch(visitor: int, world: World, channel: int, owner: int, at: datetime) -> str:
    party = world.bringers[owner] if owner >= 0 else "\\N"
    when = at.isoformat()
    return f"{visitor}\t{world.channels[channel]}\t{party}\t{when}\t{when}\t\t\t{{}}\t\tt\n"
