"""The columnar mirror holds what the database holds, run by run: late rows, changes, kills, two at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import psycopg2
import pytest
from django.db import connection, connections

from accounts.scope import all_rows
from accounts.services import batch_open, batch_reverse_mark
from analytics import tasks
from analytics.models import Touchpoint, Visitor
from analytics.selectors.mirror import CONVERSIONS, TOUCHES, change_file, changes, mirror_folder, mirror_state, mirrored
from analytics.services import mirror, mirror_update, orders_settle, stream, visitor_merge
from analytics.services.mirror import Mirrored
from analytics.services.snapshot import Snapshot, snapshot
from courses.services import NewRefund, order_refund
from tests.factories import evidence
from tests.factories.courses import course, learner

pytestmark = pytest.mark.usefixtures("committed_db")
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _own_folder(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


def came(*instants: datetime, key: UUID | None = None, batch_id: int | None = None) -> UUID:
    with all_rows():
        key = key or evidence.visitor(instants[0])
        way = evidence.channel("mail")
        evidence.touches(key, *((way, at) for at in instants), batch_id=batch_id)
    return key


def held(table: str = TOUCHES) -> list[Any]:
    """Ids of what the mirror holds, with the run of each."""
    state = mirror_state()
    assert state is not None
    return mirrored(table, run=state.run).select("id", "run").rows()


def files() -> dict[str, bytes]:
    folder = mirror_folder()
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.parquet"))}


def stored() -> list[int]:
    """Ids of all touches in the order in which they happened."""
    return list(Touchpoint.objects.order_by("occurred_at", "pk").values_list("pk", flat=True))


def test_facts_lie_in_a_file_for_each_day_and_late_ones_join_their_day() -> None:
    came(NOON, NOON + DAY, NOON + 40 * DAY)
    first = mirror_update()
    assert (first.run, first.touches, first.days) == (1, 3, 3)
    days = [name for name in files() if name.startswith(TOUCHES)]
    assert days == [f"touches/2026-{day}.parquet" for day in ("03-15", "03-16", "04-24")]
    before = files()
    came(NOON - timedelta(hours=1))
    assert mirror_update() == Mirrored(run=2, touches=1, conversions=0, changes=0, days=1)
    assert [name for name, content in files().items() if before.get(name) != content] == ["touches/2026-03-15.parquet"]
    assert [pk for pk, _run in held()] == stored()
    assert sorted(run for _pk, run in held()) == [1, 1, 1, 2]
    assert mirrored(TOUCHES, run=1)["occurred_at"].to_list() == [NOON, NOON + DAY, NOON + 40 * DAY]


def test_a_run_that_finds_nothing_new_writes_no_file_and_has_no_number() -> None:
    assert mirror_update() == Mirrored(run=0, touches=0, conversions=0, changes=0, days=0)
    assert mirrored(TOUCHES, run=0).is_empty()
    came(NOON)
    tasks.mirror()
    before = files()
    tasks.mirror()
    assert files() == before
    assert held() == [(stored()[0], 1)]


def test_a_merge_a_withdrawal_and_a_return_are_rows_of_their_own_and_touch_no_fact() -> None:
    person = learner()
    with all_rows():
        batch = batch_open(source="touches.csv")
    key = came(NOON, batch_id=batch.pk)
    with all_rows():
        bought = evidence.order(course(), at=NOON, buyer=person, minor=900)
        orders_settle(order_ids=[bought.pk])
    mirror_update()
    facts = files()
    with all_rows():
        visitor_merge(user_id=person.pk, visitor_key=key, at=NOON)
        order_refund(order_id=bought.pk, refund=NewRefund(amount_minor=300, reason="x"), at=NOON + DAY)
        batch_reverse_mark(batch=batch)
    assert mirror_update() == Mirrored(run=2, touches=0, conversions=0, changes=3, days=0)
    browser = Visitor.objects.get(key=key)
    conversion = held(CONVERSIONS)[0][0]
    assert changes("people", run=2).rows() == [(browser.pk, person.pk, 2)]
    assert changes("withdrawn", run=2).rows() == [(batch.pk, True, 2)]
    assert changes("returns", run=2).rows() == [(conversion, 300, False, 2)]
    assert changes("people", run=1).is_empty()
    assert {name for name, content in files().items() if facts[name] != content} == {
        "people.parquet", "withdrawn.parquet", "returns.parquet",
    }  # fmt: skip
    Visitor.objects.filter(pk=browser.pk).update(user=None)
    assert mirror_update().changes == 1
    assert changes("people", run=3).rows() == [(browser.pk, None, 3)]
    assert mirror_update().run == 3


def test_a_transaction_that_stays_open_for_long_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its id is smaller than what others had committed long before."""
    key = came(NOON)
    monkeypatch.setattr(mirror, "LATENESS", timedelta(0))
    info = connection.connection.info
    slow = psycopg2.connect(**info.dsn_parameters, password=info.password)
    with slow, slow.cursor() as cursor:
        cursor.execute(
            "INSERT INTO analytics_touchpoint (visitor_id, channel_id, landing, referrer_host, utm, click_id, consent,"
            " occurred_at, recorded_at) SELECT visitor_id, channel_id, '', '', '{}', '', true, occurred_at, now()"
            " FROM analytics_touchpoint"
        )
        came(NOON, key=key)
        for _run in range(3):
            mirror_update()
        assert len(held()) == 2
    slow.close()
    for _run in range(3):
        mirror_update()
    assert [pk for pk, _run in held()] == stored()
    state = mirror_state()
    assert state is not None
    # Whatever is open anywhere in the cluster, as in the databases of other tests, keeps it from settling yet.
    assert state.settled[TOUCHES] in {0, max(stored())}


def unseen(news: str) -> int:
    """How many touches a run would read again that asks for these."""
    state = mirror_state()
    assert state is not None
    with snapshot() as moment:
        found = 0
        for span in mirror._spans(moment, news, state.settled[TOUCHES]):
            with mirror._between(moment, span, news, state.settled[TOUCHES]) as rows:
                found += len(rows)
        return found


def test_a_run_reads_only_what_transactions_wrote_that_the_run_before_did_not_see_to_their_end() -> None:
    key = came(NOON)
    info = connection.connection.info
    slow = psycopg2.connect(**info.dsn_parameters, password=info.password)
    with slow, slow.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        begun = cursor.fetchone()[0]
        came(NOON + DAY, key=key)
        cursor.execute(
            "SAVEPOINT within; INSERT INTO analytics_touchpoint (visitor_id, channel_id, landing, referrer_host, utm,"
            " click_id, consent, occurred_at, recorded_at) SELECT visitor_id, channel_id, '', '', '{}', '', true,"
            " occurred_at, now() FROM analytics_touchpoint WHERE occurred_at = %s; RELEASE within",
            [NOON],
        )
        assert mirror_update().touches == 2
        state = mirror_state()
        assert state is not None
        assert 0 < state.seen <= begun
        assert mirror._news(state, begun) == mirror._SINCE % state.seen
        assert (unseen("true"), unseen(mirror._SINCE % begun), unseen(mirror._SINCE % (begun + 10**6))) == (2, 1, 0)
        assert mirror._news(state, state.seen + 2**31) == "true"
    slow.close()
    assert unseen(mirror._SINCE % begun) == 2
    assert mirror_update().touches == 1
    assert [pk for pk, _run in held()] == stored()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1::bigint, 2::int, 3::bigint",
        "SELECT 1::bigint, 2::bigint",
        "SELECT 1::bigint, null::bigint, 3::bigint FROM generate_series(1, 25)",
        "SELECT 1::bigint, 2::bigint, 'three'",
    ],
)
def test_a_stream_of_other_than_whole_numbers_of_64_bits_is_refused(query: str) -> None:
    with snapshot() as moment:
        with pytest.raises(ValueError, match="one, two, three: not all of 64 bits, or some are null"):
            told(moment, query)
        assert told(moment, "SELECT 1::bigint, -2::bigint, null::bigint") == [(1, -2, None)]
        assert told(moment, "SELECT 1::bigint, 2::bigint, 3::bigint WHERE false") == []


def told(moment: Snapshot, query: str) -> list[tuple[int | None, ...]]:
    with moment.pour(query, ("one", "two"), ("three",)) as columns:
        values, nulls = columns["three"]
        last = [None if null else value for value, null in zip(values.tolist(), nulls.tolist(), strict=True)]
        return list(zip(columns["one"].tolist(), columns["two"].tolist(), last, strict=True))


def test_a_stream_finds_room_for_more_rows_and_says_what_the_database_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_ROOM", 50)
    with snapshot() as moment:
        query = "SELECT n, -n FROM generate_series(1::bigint, %d) AS n"
        for rows in (51, 1, 51, 50 * stream._MORE + 1):
            with moment.pour(query % rows, ("n", "m")) as columns:
                assert (len(columns["n"]), int(columns["n"].sum())) == (rows, rows * (rows + 1) // 2)
                assert (columns["m"] == -columns["n"]).all()
        refused = pytest.raises(psycopg2.DatabaseError, match="division by zero")
        with refused, moment.pour("SELECT 1 / (3 - n) FROM generate_series(1::bigint, 9) AS n", ("n",)):
            pass
        refused = pytest.raises(psycopg2.DatabaseError, match="current transaction is aborted")
        with refused, moment.pour("SELECT 1::bigint", ("n",)):
            pass


def test_a_run_killed_before_any_of_its_files_leaves_the_run_before(monkeypatch: pytest.MonkeyPatch) -> None:
    key = came(NOON)
    mirror_update()
    came(NOON + DAY, NOON + 2 * DAY, key=key)
    with all_rows():
        visitor_merge(user_id=learner().pk, visitor_key=key, at=NOON)
    replace, left = Path.replace, 0

    def killed(self: Path, target: Path) -> Path:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", killed)
    for steps in range(4):
        left = steps
        with pytest.raises(KeyboardInterrupt):
            mirror_update()
        assert [run for _pk, run in held()] == [1]
        assert changes("people", run=1).is_empty()
    left = 99
    assert mirror_update().run == 2
    assert [run for _pk, run in held()] == [1, 2, 2]
    assert len(changes("people", run=2)) == 1


def test_what_a_killed_run_wrote_of_rows_that_are_gone_is_taken_out() -> None:
    came(NOON)
    mirror_update()
    path = mirror_folder() / TOUCHES / "2026-03-15.parquet"
    rows = pl.read_parquet(path)
    ghost = rows.with_columns(id=pl.col("id") + 9_999, run=pl.lit(2, pl.Int32))
    pl.concat([rows, ghost]).write_parquet(path)
    (mirror_folder() / "unfinished").touch()
    came(NOON + DAY)
    assert mirror_update().run == 2
    assert [pk for pk, _run in held()] == stored()


def test_two_at_once_mirror_every_row_once() -> None:
    came(*(NOON + number * DAY for number in range(5)))

    def run(_number: int) -> Mirrored:
        try:
            return mirror_update()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(run, range(2)))
    assert sorted(run.touches for run in done) == [0, 5]
    assert [pk for pk, _run in held()] == stored()


def test_the_mirror_of_another_database_is_built_anew() -> None:
    came(NOON)
    mirror_update()
    path = mirror_folder() / "state.json"
    path.write_text(path.read_text().replace('"database": "', '"database": "9'))
    change_file("people").unlink()
    (mirror_folder() / TOUCHES / "2020-01-01.parquet").write_bytes(b"of another")
    assert mirror_update().run == 1
    assert held() == [(stored()[0], 1)]
