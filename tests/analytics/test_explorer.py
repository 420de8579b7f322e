"""The explorer, journeys and cohorts: rows open in the address, what is shown sums, sheets are exact and harmless."""

import csv
import io
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

import pytest
from django.test import Client

from analytics.models import ReportRun
from analytics.services import NewTouch, SignUp, orders_settle, sign_ups_settle, touchpoints_record
from courses.models import OrderLine
from tests.analytics.test_pages import MARCH, computed, page, table
from tests.cast import Cast
from tests.factories import evidence
from tests.factories.courses import course, learner

pytestmark = pytest.mark.usefixtures("everything")
NOON = datetime(2026, 3, 15, 4, tzinfo=UTC)
EXPLORER = "/marketing/attribution/"
EVIL = '=HYPERLINK("https://x.example")'


def trade() -> int:
    """Orders through two sources of one channel, one of them named like a formula, and one order of nobody's."""
    ads, of, ids = evidence.channel("ads"), course(), []
    for place, source in enumerate(("news", "news", EVIL)):
        person = learner()
        key = evidence.visitor(NOON, person)
        at = NOON - timedelta(days=place)
        touchpoints_record(touches=[NewTouch(key, ads, at, utm={"utm_source": source, "utm_content": f"c{place}"})])
        ids.append(evidence.order(of, at=NOON, buyer=person, key=key, minor=9_950).pk)
        if place < 2:
            sign_ups_settle(sign_ups=[SignUp(person.pk, key, NOON)])
    ids.append(evidence.order(of, at=NOON, minor=5_000).pk)
    evidence.spend(ads, NOON, 3_333)
    orders_settle(order_ids=ids)
    return ads


def sheet(client: Client, path: str, **query: str) -> list[dict[str, str]]:
    """Rows of a CSV by their heads."""
    answer = client.get(f"{path}?{urlencode({**MARCH, **query})}")
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def whole(text: str) -> int:
    """A figure as it is shown, without its interval."""
    return int(text.split(maxsplit=1)[0].replace(",", "").replace("–", "0"))


def test_rows_open_sum_and_stand_in_the_sheets_as_they_are_shown(cast: Cast) -> None:
    """All over one trade: each page reads the same report."""
    ads = trade()
    computed()
    client = cast.client_of(cast.marco)
    channels_open_into_sources_and_they_into_contents(client, ads)
    rows_open_and_close_by_their_own_address(client, ads)
    for cut in ("courses", "creators"):
        cuts_sum_to_the_same_total_and_spend_belongs_to_none(client, cut)
    sheets_have_every_row_exactly_and_no_cell_is_a_formula(client)
    cohorts_tell_cost_value_and_payback_and_journeys_what_follows_what(client)
    within_a_channel_or_course_every_table_and_sheet_is_of_it_alone(client, ads)
    sign_ups_are_a_goal_of_ways_and_journeys(client, ads)


def channels_open_into_sources_and_they_into_contents(client: Client, ads: int) -> None:
    closed = table(page(client, EXPLORER), "channels")
    assert [row[0] for row in closed] == ["Ads", "Unattributed", "Total"]
    one, two = f"channel:{ads}", f"channel:{ads}/source:news"
    rows = table(page(client, EXPLORER, open=f"{one},{two}"), "channels")
    evil = EVIL.replace('"', "&quot;")
    assert [row[0] for row in rows] == ["Ads", "news", "c0", "c1", evil, "net", "Unattributed", "Total"]
    for column in range(2, 9):
        ads_row, news, first, second, *others = (whole(row[column]) for row in rows)
        assert news == first + second, column
        *rest, unattributed, total = others
        assert ads_row == news + sum(rest), column
        assert total == ads_row + unattributed, column


def test_the_goal_and_direct_visits_are_chosen_in_the_address(cast: Cast) -> None:
    """Orders and new buyers sum like revenue; a direct visit counts only alone where the reader says so."""
    ads = trade()
    direct = evidence.channel("typed", kind="direct")
    key = evidence.visitor(NOON, learner())
    evidence.touches(key, (ads, NOON - timedelta(days=2)), (direct, NOON - timedelta(days=1)))
    orders_settle(order_ids=[evidence.order(course(), at=NOON, key=key, minor=1_000).pk])
    computed()
    computed(with_direct=False)
    client = cast.client_of(cast.marco)
    for goal, ends in (("orders", "5.0"), ("buyers", "5.0")):
        text = page(client, EXPLORER, goal=goal)
        rows = table(text, "channels")
        assert [row[0] for row in rows] == ["Ads", "Typed", "Unattributed", "Total"]
        for column in range(2, 9):
            *parts, total = (float(row[column]) for row in rows)
            assert total == pytest.approx(sum(parts)) == float(ends), (goal, column)
        assert "goal=revenue" in text
    rows = table(page(client, EXPLORER, goal="orders", direct="out"), "channels")
    assert [(row[0], float(row[2])) for row in rows] == [
        ("Ads", 4.0), ("Typed", 0.0), ("Unattributed", 1.0), ("Total", 5.0),
    ]  # fmt: skip
    assert ReportRun.objects.filter(with_direct=False).get().facts["orders"] == 5


def rows_open_and_close_by_their_own_address(client: Client, ads: int) -> None:
    key = quote(f"channel:{ads}", safe="")
    text = page(client, EXPLORER)
    assert f"open={key}#channels" in text
    assert 'aria-expanded="false"' in text
    opened = page(client, EXPLORER, open=f"channel:{ads}")
    assert 'aria-expanded="true"' in opened
    assert "open=#channels" in opened, "the same link closes it"
    assert page(client, EXPLORER, open="channel:999999999/nothing,,x")


def cuts_sum_to_the_same_total_and_spend_belongs_to_none(client: Client, cut: str) -> None:
    rows = table(page(client, EXPLORER, by=cut), "channels")
    assert whole(rows[-1][2]) == 349
    assert sum(whole(row[2]) for row in rows[:-1]) == 349
    assert rows[-2][0] == "Unattributed"
    assert whole(rows[-2][1]) == whole(rows[-1][1]) == 33


def sheets_have_every_row_exactly_and_no_cell_is_a_formula(client: Client) -> None:
    rows = sheet(client, "/marketing/attribution.csv")
    top = [row for row in rows if row["Step"] == "1"]
    assert sum(round(100 * float(row["Revenue"])) for row in top) == 3 * 9_950 + 5_000
    deep = [row for row in rows if row["Step"] == "3"]
    assert sum(float(row["New buyers"]) for row in deep) == pytest.approx(3)
    assert {row["Source"] for row in rows} >= {"news", f"'{EVIL}"}
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "@"))]
    assert [row["Hold-out tests"] for row in top] == ["not tested", ""]
    assert "table=models" in page(client, EXPLORER)
    goals = (("revenue", "Revenue", 348.5), ("orders", "Orders", 4), ("buyers", "New buyers", 4))
    for goal, words, whole_of_it in goals:
        side_by_side = sheet(client, "/marketing/attribution.csv", table="models", goal=goal)
        assert len(side_by_side) == len(rows)
        for model in ("First touch", "Markov", "Incremental"):
            told = [row for row in side_by_side if row["Step"] == "1"]
            assert sum(float(row[f"{words}, {model}"]) for row in told) == pytest.approx(whole_of_it), (goal, model)
            assert float(told[0][f"{words}, 95% from, {model}"]) <= float(told[0][f"{words}, {model}"])
        assert float(told[0]["Largest over smallest"]) >= 1
    journeys = sheet(client, "/marketing/journeys.csv")
    assert {row["Count"] for row in journeys if row["Table"] == "Touches before the order"} == {"3"}
    cohorts = sheet(client, "/marketing/cohorts.csv")
    assert [(row["First channel"], row["New buyers"], row["Revenue"]) for row in cohorts] == [
        ("Unattributed", "1", "50.00"), ("Ads", "3", "298.50"),
    ]  # fmt: skip
    assert "table=channels" in page(client, "/marketing/cohorts/")
    worth = [list(row.values()) for row in sheet(client, "/marketing/cohorts.csv", table="channels")]
    assert [row[:6] + row[-2:] for row in worth] == [
        ["Ads", "3", "CNY", "33.33", "11.11", "99.50", "99.50", "first month"],
        ["Unattributed", "1", "CNY", "0.00", "", "50.00", "50.00", ""],
        ["Total", "4", "CNY", "33.33", "8.33", "87.13", "87.13", "first month"],
    ]


def cohorts_tell_cost_value_and_payback_and_journeys_what_follows_what(client: Client) -> None:
    ads, unattributed, total = table(page(client, "/marketing/cohorts/"), "value")
    assert ads[:4] == ["Ads", "3 new buyers", "CN¥33.33", "CN¥11.11"]
    assert ads[-1] == "Payback first month"
    assert (unattributed[0], total[1]) == ("Unattributed", "4 new buyers")
    text = page(client, "/marketing/journeys/")
    for words in ("Touches before the order", "Days to the order", "Which channel follows which", "Paid order"):
        assert words in text


def within_a_channel_or_course_every_table_and_sheet_is_of_it_alone(client: Client, ads: int) -> None:
    only = f"course:{OrderLine.objects.values_list('course_id', flat=True)[:1].get()}"
    assert f"only={quote(only, safe='')}" in page(client, EXPLORER, by="courses")
    text = page(client, EXPLORER, only=only, by="creators")
    for name in ("channels", "economics"):
        assert [row[0] for row in table(text, name)] == ["Ads", "Unattributed", "Total"]
    assert [whole(row[2]) for row in table(text, "channels")] == [299, 50, 349]
    assert "chip-remove" in text
    assert "goal=sign_ups" not in text
    rows = sheet(client, "/marketing/attribution.csv", only=only)
    assert [(row["Channel"], row["Revenue"], row["Spend"]) for row in rows] == [
        ("Ads", "298.50", "0.00"), ("Unattributed", "50.00", "0.00"),
    ]  # fmt: skip
    channel = f"channel:{ads}"
    told = [row[0] for row in table(page(client, EXPLORER, only=channel, open=f"{channel}/source:news"), "channels")]
    assert told == ["news", "c0", "c1", EVIL.replace('"', "&quot;"), "net", "Total"]
    sold = table(page(client, EXPLORER, only=channel, by="courses"), "channels")
    assert [whole(row[2]) for row in sold] == [299, 299]
    rows = sheet(client, "/marketing/attribution.csv", only=channel)
    assert {(row["Source"], row["Content"]) for row in rows if row["Step"] == "2"} >= {("news", "c0"), ("news", "c1")}
    assert "Enter a valid value" in page(client, EXPLORER, only="x")


def sign_ups_are_a_goal_of_ways_and_journeys(client: Client, ads: int) -> None:
    rows = table(page(client, EXPLORER, goal="sign_ups", open=f"channel:{ads}"), "channels")
    for column in range(2, 9):
        assert [float(row[column]) for row in rows if row[0] in {"Ads", "news", "Total"}] == [2, 2, 2], column
    top = [row for row in sheet(client, "/marketing/attribution.csv") if row["Step"] == "1"]
    assert [(row["Channel"], float(row["Sign-ups"])) for row in top] == [("Ads", 2), ("Unattributed", 0)]
    ads_row = sheet(client, "/marketing/report.csv", model="linear")[0]
    low, high = (float(ads_row[f"Sign-ups, 95% {end}, Linear"]) for end in ("from", "to"))
    assert low <= float(ads_row["Sign-ups, Linear"]) == 2 < high
    text = page(client, "/marketing/journeys/", goal="sign_ups")
    for words in ("Touches before the sign-up", "Days to the sign-up", "Signed up"):
        assert words in text, words
    assert "Paid order" not in text
    told = sheet(client, "/marketing/journeys.csv", goal="sign_ups")
    assert [row["Count"] for row in told if row["Table"] == "Touches before the sign-up"] == ["2"]
    assert "goal=sign_ups" in page(client, "/marketing/journeys/")


def test_nothing_yet_is_said_with_what_will_be_here(cast: Cast) -> None:
    client = cast.client_of(cast.marco)
    for path, words in (
        (EXPLORER, "From channels down to links"),
        ("/marketing/journeys/", "How people came to their order"),
        ("/marketing/cohorts/", "What new buyers are worth"),
    ):
        assert words in page(client, path)
    computed()
    assert "No new buyer in this range" in page(client, "/marketing/cohorts/")
    assert "No journey in this range" in page(client, "/marketing/journeys/")
    assert page(client, EXPLORER)
