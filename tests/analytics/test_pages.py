"""The marketer's pages: who may enter, figures that sum, waiting, failing, CSV."""

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analytics import tasks
from analytics.models import ReportRun
from analytics.services import orders_settle, report_request, report_run
from ledger.money import half_up
from partners.models import Channel
from portal.figures import compact_text
from tests.cast import Cast
from tests.factories import evidence
from tests.factories.courses import course, learner

pytestmark = pytest.mark.usefixtures("everything")
NOON = datetime(2026, 3, 15, 4, tzinfo=UTC)
MARCH = {"since": "2026-03-01", "until": "2026-03-31", "currency": "CNY", "window": "30"}
PAGES = [
    "/marketing/",
    "/marketing/attribution/",
    "/marketing/journeys/",
    "/marketing/cohorts/",
    "/marketing/campaigns/",
]


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any) -> list[int]:
    """The runs that were handed to a worker."""
    found: list[int] = []
    monkeypatch.setattr(tasks.report, "apply_async", lambda args, **options: found.append(args[0]))
    return found


def business(channels: int = 3, most: int = 9) -> None:
    """Some orders through some channels, at most so many a channel, one without any touch."""
    of, ids = course(), []
    for number in range(channels):
        way = evidence.channel(f"way{number}")
        for size in range(min(number + 1, most)):
            person = learner()
            key = evidence.visitor(NOON, person)
            evidence.touches(key, (evidence.channel("way0"), NOON - timedelta(days=1)), (way, NOON))
            ids.append(evidence.order(of, at=NOON, buyer=person, key=key, minor=9_999 + size).pk)
        evidence.spend(way, NOON, 3_333)
    ids.append(evidence.order(of, at=NOON, minor=7_777).pk)
    orders_settle(order_ids=ids)


def computed(**asked: Any) -> ReportRun:
    """The report of March, done."""
    span = {"since": date(2026, 3, 1), "until": date(2026, 3, 31), "currency": "CNY", **asked}
    return report_run(run_id=report_request(**span).pk)


def page(client: Client, path: str = "/marketing/", **query: str) -> str:
    """The page of March."""
    answer = client.get(f"{path}?{urlencode({**MARCH, **query})}")
    assert answer.status_code == 200
    return str(answer.content.decode())


def table(html: str, name: str) -> list[list[str]]:
    """The texts of the cells of a section's table, row by row, heads left out."""
    body = html.partition(f'id="{name}"')[2].partition("</table>")[0].partition("<tbody>")[2]
    rows = re.findall(r"<tr.*?</tr>", body, re.DOTALL)
    return [[_text(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in rows]


def _text(cell: str) -> str:
    return " ".join(re.sub(r"<small.*?</small>|<[^>]+>", " ", cell).split())


def test_only_people_whose_role_opens_the_door_may_enter(cast: Cast, woken: list[int]) -> None:
    computed()
    doors = [f"{path}?{urlencode(MARCH)}" for path in (*PAGES, "/marketing/report.csv", "/marketing/campaigns.csv")]
    allowed, refused = ("marco", "mei", "finn", "ada"), ("olga", "alice", "lee")
    for name in (*allowed, *refused):
        client = cast.client_of(getattr(cast, name))
        status = {client.get(where).status_code for where in doors}
        assert status == ({200} if name in allowed else {403}), name
    assert all(Client().get(where)["Location"].startswith("/accounts/login/") for where in doors)


def test_every_column_of_every_table_and_of_the_file_sums_and_unattributed_is_a_row(cast: Cast) -> None:
    business()
    run = computed()
    client = cast.client_of(cast.marco)
    text = page(client)
    rows = table(text, "channels")
    *channels, unattributed, total = rows
    assert unattributed[0] == "Unattributed"
    assert [row[0] for row in channels] == ["Way0", "Way2", "Way1"]
    for place in range(1, 9):
        figures = [int(row[place].replace(",", "")) if row[place] != "–" else 0 for row in rows]
        assert sum(figures[:-1]) == figures[-1], place
    # 3 orders of 99.99, 2 of 100.00, one of 100.01, one of 77.77: 677.75
    assert total[2] == "678"
    assert unattributed[2:9] == ["78"] * 7
    people = table(page(client, model="first_touch"), "people")
    for place in range(1, 6):
        told = [float(re.sub(r"[^0-9.]", "", row[place])) for row in people]
        assert round(sum(told[:-1]), 1) == told[-1], place
    assert people[-1][1:6] == ["12", "6 visitors", "0.0", "7.0 orders", "7.0"]
    file_sums(client)
    paths_are_drawn(client, text, run)
    client.cookies["django_language"] = "zh-hans"
    assert all(words in page(client) for words in ("未归因", "各渠道收入"))


def file_sums(client: Client) -> None:
    """The CSV holds exact amounts that sum, and no formula."""
    Channel.objects.filter(code="way1").update(name='=HYPERLINK("https://evil.test")')
    answer = client.get("/marketing/report.csv", MARCH)
    assert answer["Content-Disposition"] == 'attachment; filename="channels-2026-03-01-2026-03-31-CNY.csv"'
    head, *rows, total = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert head[:5] == ["Channel", "Currency", "Touches", "Visitors", "Spend"]
    assert {row[0] for row in rows} == {"Way0", "Way2", '\'=HYPERLINK("https://evil.test")', "Unattributed"}
    for place in range(2, 15):
        assert sum(round(float(row[place]) * 10**6) for row in rows) == round(float(total[place]) * 10**6), head[place]
    assert total[5:12] == ["677.75"] * 7
    assert client.get("/marketing/report.csv", {**MARCH, "window": "7"}).status_code == 404


def paths_are_drawn(client: Client, text: str, run: ReportRun) -> None:
    """From first to last touch and outcome; nothing where there is nothing to draw."""
    assert 'id="paths"' in text
    for words in ("First touch", "Last touch", "Outcome", "Paid order", "The most frequent paths"):
        assert words in text
    assert "Way0 as last touch: 17% of journeys, 17% of paid orders" in text
    run.facts = {**run.facts, "paths": {"ends": [], "top": [], "touches": {}}}
    run.save()
    assert 'id="paths"' not in page(client)


def test_figures_say_how_sure_they_are_and_return_on_spend_is_drawn_with_its_interval(cast: Cast) -> None:
    business(channels=4)
    run = computed()
    client = cast.client_of(cast.marco)
    text = page(client)
    row = run.rows.get(model="linear", channel__code="way0")
    low, high = row.revenue_low_minor, row.revenue_high_minor
    assert low is not None
    assert high is not None
    assert 0 <= low < row.revenue_minor < high
    ends = "–".join(compact_text(Decimal(end) / 100) for end in (low, high))
    assert ends in re.sub(r"<[^>]+>", "", text)
    assert "Small figures: 95% interval" in text
    people = text.partition('id="people"')[2]
    way = run.rows.get(model="linear", channel__code="way1")
    for low, high in ((way.orders_low_ppm, way.orders_high_ppm), (way.buyers_low_ppm, way.buyers_high_ppm)):
        ends = "–".join(compact_text(Fraction(half_up(end or 0, 10**5), 10)) for end in (low, high))
        assert ends in re.sub(r"<[^>]+>", "", people)
    assert 'id="returns"' in text
    assert "Return on spend" in text
    run.rows.update(revenue_low_minor=None, revenue_high_minor=None)
    text = page(client)
    assert "Small figures" not in text, "a run from before tells none"
    assert 'id="returns"' not in text


def test_many_channels_flow_together_beside_the_largest(cast: Cast) -> None:
    business(channels=11, most=1)
    computed()
    text = page(cast.client_of(cast.marco))
    assert "Other channels" in text


def test_choosing_a_range_without_a_run_asks_for_one_once(
    cast: Cast, woken: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    client = cast.client_of(cast.marco)
    with django_capture_on_commit_callbacks(execute=True):
        text = page(client)
        page(client)
    run = ReportRun.objects.get()
    assert woken == [run.pk]
    assert (run.requested_by, run.state) == (cast.marco, "queued")
    assert f'hx-get="/marketing/runs/{run.pk}/"' in text
    assert "appear here as soon as the range is computed" in text
    assert "waits for a worker" in client.get(f"/marketing/runs/{run.pk}/").content.decode()
    report_run(run_id=run.pk)
    assert client.get(f"/marketing/runs/{run.pk}/")["HX-Refresh"] == "true"
    assert "Nothing counted" not in page(client)


def test_a_run_whose_worker_was_lost_is_handed_to_another(cast: Cast, woken: list[int]) -> None:
    lost = report_request(since=date(2026, 3, 1), until=date(2026, 3, 31), currency="CNY")
    ReportRun.objects.filter(pk=lost.pk).update(state="running", started_at=NOON)
    client = cast.client_of(cast.marco)
    assert client.get(f"/marketing/runs/{lost.pk}/")["HX-Refresh"] == "true"
    assert f"/marketing/runs/{lost.pk}/" in page(client)
    assert ReportRun.objects.count() == 1


def test_the_auditor_reads_and_asks_for_nothing(cast: Cast, woken: list[int]) -> None:
    client = cast.client_of(cast.ada)
    assert "Nobody has computed this range yet" in page(client)
    assert client.post("/marketing/runs/again/", MARCH).status_code == 403
    assert not ReportRun.objects.exists()


def test_a_missing_rate_is_one_sentence_with_what_to_do(cast: Cast, woken: list[int]) -> None:
    evidence.spend(evidence.channel("mail"), NOON, 10, "USD")
    run = report_request(since=date(2026, 3, 1), until=date(2026, 3, 31), currency="CNY")
    with pytest.raises(Exception, match="No rate"):
        report_run(run_id=run.pk)
    text = page(cast.client_of(cast.marco))
    assert "No rate between USD and CNY is known for 15 Mar 2026 or before." in text
    assert "Compute again" in text
    answer = cast.client_of(cast.marco).post("/marketing/runs/again/", MARCH)
    assert answer["Location"].startswith("/marketing/?since=2026-03-01")
    assert ReportRun.objects.count() == 2


def test_the_page_opens_on_the_newest_finished_month(cast: Cast, woken: list[int]) -> None:
    business()
    done = report_run(run_id=report_request(since=date(2026, 3, 2), until=date(2026, 3, 31), currency="CNY").pk)
    text = cast.client_of(cast.marco).get("/marketing/").content.decode()
    assert f"Run {done.pk}, data to" in text
    assert ReportRun.objects.count() == 1


def test_a_wrong_address_is_said_and_the_default_shown(cast: Cast, woken: list[int]) -> None:
    client = cast.client_of(cast.marco)
    for query in (
        {"since": "yesterday"},
        {"since": "2026-03-01", "until": "2026-02-01"},
        {"since": "2026-03-01", "until": "2999-01-01"},
        {"since": "2026-03-01"},
        {"currency": "XXX"},
        {"model": "magic"},
        {"window": "-1"},
        {"goal": "fame"},
        {"direct": "maybe"},
    ):
        answer = client.get("/marketing/", query)
        assert answer.status_code == 200
        assert "Shown instead is the newest finished range." in answer.content.decode(), query


def test_comparison_shows_changes_against_the_days_before(cast: Cast, woken: list[int]) -> None:
    business()
    earlier = evidence.order(course(), at=NOON - timedelta(days=30), minor=33_888)
    orders_settle(order_ids=[earlier.pk])
    computed()
    before = report_request(since=date(2026, 1, 29), until=date(2026, 2, 28), currency="CNY")
    report_run(run_id=before.pk)
    # 677.75 is 338.88 and a hair less than as much again.
    assert re.search(r"delta-good.*?<span>?.*?100\.0%", page(cast.client_of(cast.marco), compare="before"), re.DOTALL)
    assert ReportRun.objects.count() == 2


def test_campaigns_sum_by_currency(cast: Cast) -> None:
    mail = evidence.channel("mail")
    for currency, minor in (("USD", 100), ("USD", 250), ("CNY", 70)):
        evidence.spend(mail, NOON, minor, currency)
    evidence.spend(mail, NOON + timedelta(days=40), 999, "USD")
    client = cast.client_of(cast.marco)
    text = page(client, "/marketing/campaigns/")
    assert "Total, USD" in text
    assert "3.50" in text
    assert "9.99" not in text
    assert "/marketing/campaigns.csv?since=2026-03-01" in text
    answer = client.get("/marketing/campaigns.csv", MARCH)
    _head, *rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row[1:3] + row[-1:] for row in rows] == [
        ["Mail", "CNY", "0.70"], ["Mail", "USD", "2.50"], ["Mail", "USD", "1.00"],
    ]  # fmt: skip


def test_more_channels_cost_no_more_queries(cast: Cast) -> None:
    client = cast.client_of(cast.marco)
    counts: list[dict[str, int]] = []
    for number in (2, 6):
        business(number, most=1)
        computed()
        counts.append({})
        for path in PAGES:
            page(client, path)
            page(client, path)  # the browser is recognised once after a login
            with CaptureQueriesContext(connection) as queries:
                page(client, path)
            counts[-1][path] = len(queries)
    assert counts[0] == counts[1]
    assert max(counts[1].values()) <= 20
