"""Daily path statistics beside the mirror: whatever comes late, restating some equals counting everything anew."""

import random
import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
import pytest

from accounts.scope import all_rows
from accounts.services import batch_open, batch_reverse_mark
from analytics import tasks
from analytics.attribution.daily import DayPaths
from analytics.models import Visitor
from analytics.selectors.path_log import store_folder, store_state
from analytics.services import mirror_update, orders_settle, path_statistics_update, path_store, visitor_merge
from analytics.services.path_store import Restated
from courses.services import NewRefund, order_refund, orders_void
from ledger.services import NewRate, rates_record
from partners.services import earnings_void
from portal.erasure import PERSON, erasing, touches_erase
from tests.factories import evidence
from tests.factories.courses import course, learner

pytestmark = pytest.mark.usefixtures("committed_db")
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


def bytes_of(paths: DayPaths) -> list[bytes]:
    return [paths.codes.tobytes(), paths.starts.tobytes(), paths.counts.tobytes()]


def updated(*, anew: bool = False) -> Restated:
    done = path_statistics_update(anew=anew)
    assert done is not None
    return done


def erased(key: UUID) -> None:
    """A browser goes as an erasure of its person lets it go."""
    with erasing() as cursor:
        made = "CREATE TEMPORARY TABLE subject_browsers ON COMMIT DROP AS SELECT id, key FROM analytics_visitor"
        cursor.execute(f"{made} WHERE key = %s", [key])
        for table in ("touchpoint", "conversion", "visitormerge", "visitor"):
            cursor.execute(PERSON[f"analytics_{table}"])
        cursor.execute(
            "INSERT INTO accounts_erasure (kind, reason, erased_at, counts) VALUES ('person', 'x', now(), '{}')"
        )


class World:
    """People, browsers and orders, to which things happen in any order."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.ways = [evidence.channel(code) for code in ("mail", "ads", "fair")]
        self.of = course()
        self.people = [learner() for _ in range(3)]
        self.keys = [evidence.visitor(NOON) for _ in range(6)]
        self.batch = batch_open(source="touches.csv")
        self.orders: list[Any] = []

    def happens(self, what: str) -> None:
        """Something, in a transaction of its own."""
        if what == "erase":
            place = self.dice.randrange(len(self.keys))
            erased(self.keys[place])
            with all_rows():
                self.keys[place] = evidence.visitor(NOON)
            return
        with all_rows():
            self.changes(what)

    def changes(self, what: str) -> None:
        """A late or new touch, an order, a merge, a refund, a withdrawal, an order that is voided."""
        at = NOON + self.dice.randint(-40, 40) * DAY + self.dice.randint(0, 3) * timedelta(hours=1)
        key, person = self.dice.choice(self.keys), self.dice.choice(self.people)
        if what == "touch":
            batch_id = self.dice.choice([None, None, self.batch.pk])
            evidence.touches(key, (self.dice.choice(self.ways), at), batch_id=batch_id)
        elif what == "order":
            currency = self.dice.choice(["CNY", "CNY", "USD"])
            order = evidence.order(self.of, at=at, buyer=person, key=key, minor=900, currency=currency)
            orders_settle(order_ids=[order.pk])
            self.orders.append(order)
        elif what == "merge":
            visitor_merge(user_id=person.pk, visitor_key=key, at=at)
        elif what == "withdraw":
            batch_reverse_mark(batch=self.batch)
            self.batch = batch_open(source="more.csv")
        elif what == "unmerge":
            Visitor.objects.filter(key=key).update(user=None)
        elif self.orders:
            self.undo(what)

    def undo(self, what: str) -> None:
        """Give something of an order back, or all of it as if it had never been."""
        order = self.orders.pop(self.dice.randrange(len(self.orders)))
        if what == "refund":
            order_refund(order_id=order.pk, refund=NewRefund(amount_minor=self.dice.randint(1, 900), reason="x"))
        else:
            earnings_void(order_codes=[order.code], at=NOON, actor_id=None, reason="double")
            orders_void(codes=[order.code], at=NOON, actor_id=None, reason="double")


WHAT = ("touch", "touch", "touch", "order", "order", "merge", "refund", "void", "withdraw", "unmerge", "erase")


@pytest.mark.parametrize("seed", range(3))
def test_day_after_day_the_statistics_equal_those_counted_anew_byte_for_byte(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = random.Random(seed)
    monkeypatch.setattr(path_store, "INDEXED", (1, 4, 500_000)[seed])
    with all_rows():
        rates_record(rates=[NewRate(base="USD", quote="CNY", day=date(2026, 1, 1), rate=Decimal("7.1"), source="t")])
        world = World(dice)
    for _ in range(12):
        world.happens(dice.choice(WHAT[:6]))
    mirror_update()
    assert updated().anew
    for _day in range(4):
        for _ in range(dice.randint(0, 5)):
            world.happens(dice.choice(WHAT))
        mirror_update()
        told = updated()
        assert not told.anew
        kept = store_folder().parent / "kept"
        shutil.copytree(store_folder(), kept)
        assert bytes_of(told.paths) == bytes_of(updated(anew=True).paths)
        shutil.rmtree(store_folder())
        kept.rename(store_folder())  # and goes on from what was restated


def test_what_was_erased_is_in_no_file_afterwards_and_months_that_went_are_taken_away() -> None:
    with all_rows():
        world = World(random.Random(2))
        mail, ads, _fair = world.ways
        for number, key in enumerate(world.keys):
            evidence.touches(key, (mail, NOON - 40 * DAY), (ads, NOON))
            order = evidence.order(world.of, at=NOON, buyer=world.people[number % 3], key=key, minor=900)
            visitor_merge(user_id=world.people[number % 3].pk, visitor_key=key, at=NOON)
            orders_settle(order_ids=[order.pk])
    gone = Visitor.objects.get(key=world.keys[0]).pk
    mirror_update()
    assert updated().anew
    erased(world.keys[0])
    touches_erase(before=NOON.date(), reason="x")
    assert mirror_update().touches == 0
    told = updated()
    assert not told.anew
    assert bytes_of(told.paths) == bytes_of(updated(anew=True).paths)
    folder = store_folder().parent
    assert not (folder / "touches" / "2026-02-03.parquet").exists()
    for path in folder.rglob("*.parquet"):
        rows = pl.read_parquet(path)
        assert "visitor_id" not in rows.columns or gone not in rows["visitor_id"]
    for path in folder.rglob("*visitor_id.npy"):
        assert gone not in np.load(path)


def test_only_the_people_concerned_are_told_again() -> None:
    with all_rows():
        dice = random.Random(1)
        world = World(dice)
        for key in world.keys:
            evidence.touches(key, (world.ways[0], NOON))
    mirror_update()
    assert updated().people == 6
    with all_rows():
        evidence.touches(world.keys[0], (world.ways[1], NOON - DAY))
    tasks.mirror()
    state = store_state()
    assert state is not None
    assert state.run == 2, "the task brings the statistics up too"
    again = updated()
    assert (again.run, again.anew, again.people) == (2, False, 0), "and nothing is left to do"
    assert {path.name for path in store_folder().glob("paths-*")} == {
        f"paths-2-{name}.npy" for name in ("codes", "starts", "counts")
    }


def test_without_a_mirror_there_is_nothing_to_tell_and_another_database_is_counted_anew() -> None:
    assert path_statistics_update() is None
    with all_rows():
        evidence.touches(evidence.visitor(NOON), (evidence.channel("mail"), NOON))
    mirror_update()
    first = updated()
    state = store_state()
    assert state is not None
    (store_folder() / "state.json").write_text(state.text().replace(state.database, "elsewhere"), encoding="utf-8")
    second = updated()
    assert second.anew
    assert bytes_of(second.paths) == bytes_of(first.paths)
