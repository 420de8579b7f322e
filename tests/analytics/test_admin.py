"""The desk for evidence: what its pages show, and that it writes by the verbs."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from accounts.services import batch_open
from analytics import tasks
from analytics.models import Campaign, Conversion, ReportRun, Spend, Touchpoint, Visitor
from analytics.services import orders_settle, report_request, report_run
from tests.cast import Cast
from tests.factories import evidence
from tests.factories.courses import course, learner

pytestmark = pytest.mark.usefixtures("everything")
NOON = datetime(2026, 3, 15, 4, tzinfo=UTC)
ROOT = "/admin/analytics"
SPEND = {"day": "2026-03-16", "amount": "1.00", "currency": "CNY", "impressions": 0, "clicks": 0}


def rows(number: int) -> None:
    """Evidence for every list."""
    of, mail, ids = course(), evidence.channel("mail"), []
    for _ in range(number):
        person = learner()
        key = evidence.visitor(NOON, person)
        evidence.touches(key, (mail, NOON))
        evidence.spend(mail, NOON, 1_250)
        ids.append(evidence.order(of, at=NOON, buyer=person, key=key).pk)
    orders_settle(order_ids=ids)
    report_run(run_id=report_request(since=date(2026, 3, 1), until=date(2026, 3, 31), currency="CNY").pk)


def test_every_row_has_a_page_is_found_by_the_whole_key_and_is_not_written_by_hand(cast: Cast) -> None:
    rows(2)
    client = cast.client_of(cast.marco)
    models: list[Any] = [Visitor, Touchpoint, Conversion, ReportRun, Campaign, Spend]
    for model in models:
        pk = model.objects.order_by("pk").values_list("pk", flat=True)[0]
        answer = client.get(f"{ROOT}/{model._meta.model_name}/{pk}/change/")
        assert answer.status_code == 200, model
        assert "(&#x27;" not in answer.content.decode(), "a label for lists is no text for a page"
        if model in (Conversion, ReportRun):
            assert "Mail" in answer.content.decode()
    visitor = Visitor.objects.order_by("pk")[0]
    for page in ("visitor", "touchpoint", "conversion"):
        text = client.get(f"{ROOT}/{page}/", {"q": str(visitor.key)}).content.decode()
        assert client.get(f"{ROOT}/{page}/", {"q": str(uuid4())}).content.decode().count("/change/") == 0
        assert f"/{page}/" in text
        assert text.count("/change/") >= 1
    touch = Touchpoint.objects.order_by("pk")[0]
    for name in ("marco", "mei", "ada"):
        client = cast.client_of(getattr(cast, name))
        assert client.post(f"{ROOT}/touchpoint/{touch.pk}/change/", {"landing": "/x"}).status_code == 403
        assert client.post(f"{ROOT}/touchpoint/{touch.pk}/delete/", {"post": "yes"}).status_code == 403
        assert client.get(f"{ROOT}/visitor/add/").status_code == 403


def test_spend_is_entered_in_the_currencys_own_decimals_and_can_be_corrected(cast: Cast) -> None:
    evidence.spend(evidence.channel("mail"), NOON, 1)
    campaign = Campaign.objects.get()
    client = cast.client_of(cast.marco)
    form = {
        "campaign": campaign.pk,
        "day": "2026-03-16",
        "amount": "1250.05",
        "currency": "usd",
        "impressions": 9,
        "clicks": 3,
    }
    assert client.post(f"{ROOT}/spend/add/", form).status_code == 302
    row = Spend.objects.get(day=date(2026, 3, 16))
    assert (row.amount_minor, row.currency, row.clicks) == (125_005, "USD", 3)
    assert client.post(f"{ROOT}/spend/{row.pk}/change/", {**form, "amount": "1000.00"}).status_code == 302
    row.refresh_from_db()
    assert row.amount_minor == 100_000
    assert "$1,000.00" in client.get(f"{ROOT}/spend/").content.decode()


def test_wrong_spend_is_refused_with_the_field_named(cast: Cast) -> None:
    evidence.spend(evidence.channel("mail"), NOON, 1)
    form = {**SPEND, "campaign": Campaign.objects.get().pk}
    client = cast.client_of(cast.marco)
    for change, words in (
        ({"amount": "12.345"}, "This is no amount"),
        ({"amount": "-1"}, "This is no amount"),
        ({"amount": "=1+1"}, "This is no amount"),
        ({"currency": "QQQ"}, "no currency"),
        ({"day": "2026-03-15"}, "entered already"),
    ):
        answer = client.post(f"{ROOT}/spend/add/", {**form, **change})
        assert answer.status_code == 200
        assert words in answer.content.decode(), change
    assert Spend.objects.count() == 1


def test_imported_spend_stays_as_its_file_says(cast: Cast) -> None:
    batch = batch_open(source="shop", actor=None)
    evidence.spend(evidence.channel("mail"), NOON, 777, batch_id=batch.pk)
    row, client = Spend.objects.get(), cast.client_of(cast.marco)
    address = f"{ROOT}/spend/{row.pk}/change/"
    assert "CN¥7.77" in client.get(address).content.decode()
    assert client.post(address, {"amount": "1.00", "impressions": 0, "clicks": 0}).status_code == 403
    assert client.post(f"{ROOT}/spend/{row.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_campaign_is_entered_and_moved_to_another_channel(cast: Cast) -> None:
    mail, ads = evidence.channel("mail"), evidence.channel("ads")
    client = cast.client_of(cast.marco)
    form = {"name": "Spring", "channel": mail, "source": "google", "external_id": "77"}
    assert client.post(f"{ROOT}/campaign/add/", form).status_code == 302
    campaign = Campaign.objects.get()
    changed = {**form, "name": "Spring again", "channel": ads, "source": "forged"}
    assert client.post(f"{ROOT}/campaign/{campaign.pk}/change/", changed).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.name, campaign.channel_id, campaign.source) == ("Spring again", ads, "google")


def test_reports_are_asked_for_and_asked_for_again(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(tasks.report, "apply_async", lambda args, **options: woken.append(args[0]))
    client = cast.client_of(cast.finn)
    form = {"since": "2026-03-01", "until": "2026-03-31", "currency": "cny", "window_days": 30}
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(f"{ROOT}/reportrun/add/", form).status_code == 302
    run = ReportRun.objects.get()
    assert (run.currency, run.requested_by, woken) == ("CNY", cast.finn, [run.pk])
    report_run(run_id=run.pk)
    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"{ROOT}/reportrun/", {"action": "compute_again", "_selected_action": [run.pk]})
    assert len(woken) == 2
    again = ReportRun.objects.order_by("-pk")[0]
    assert (again.since, again.until, again.state) == (run.since, run.until, "queued")
    refused = client.post(f"{ROOT}/reportrun/add/", {**form, "until": "2026-02-01"}).content.decode()
    assert "before it begins" in refused
    cast.client_of(cast.ada).post(f"{ROOT}/reportrun/", {"action": "compute_again", "_selected_action": [run.pk]})
    assert ReportRun.objects.count() == 2
