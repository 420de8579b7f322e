"""The desk of payout runs, as maker and checker meet it."""

import csv
import io
import re

import pytest
from django.test import Client
from django.utils import timezone

from accounts.choices import Role
from accounts.models import Party
from ledger.models import PayoutHold, PayoutItem, PayoutRun
from ledger.services import run_book
from tests.cast import Cast
from tests.ledger.runs import approved, details, earn, payee, standing, waiting

pytestmark = pytest.mark.usefixtures("everything")


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, response.status_code
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def step(client: Client, run: PayoutRun, name: str, **data: object) -> str:
    """Take a step; returns what was said."""
    response = client.post(f"/admin/ledger/payoutrun/{run.pk}/step/{name}/", data, follow=True)
    return " ".join(str(message) for message in response.context["messages"])


@pytest.fixture
def second_finance(cast: Cast) -> Client:
    """Another person of finance."""
    return cast.client_of(cast._staff("fay", Role.FINANCE))


def test_two_persons_prepare_approve_send_and_close_a_run(cast: Cast, second_finance: Client) -> None:
    one = payee("one", 10_000, cast.alice)
    payee("two", 7_000, cast.alice)
    payee("bare", 3_000)
    maker = cast.client_of(cast.finn)
    form = {"currency": "CNY", "cut_off": "2026-11-01T00:00", "minimum": "10.00", "increment": "1.00", "withholding": 5}
    answer = maker.post("/admin/ledger/payoutrun/prepare/", form | {"cut_off": "2199-01-01T00:00"})
    assert "lies ahead" in answer.content.decode()
    form["cut_off"] = f"{timezone.localtime():%Y-%m-%dT%H:%M}"
    assert maker.post("/admin/ledger/payoutrun/prepare/", form).status_code == 302
    run = PayoutRun.objects.get()
    address = f"/admin/ledger/payoutrun/{run.pk}/change/"
    page = text(maker, address)
    for words in ("2 candidates", "of 3 with a balance", "No payout details", "ICBC ••4471", "Ask for approval"):
        assert words in page
    two = PayoutItem.objects.get(party__code="two")
    assert "Say why" in step(maker, run, "exclude", item=two.pk)
    assert "1 party taken out" in step(maker, run, "exclude", item=two.pk, note="invoice under discussion")
    assert "invoice under discussion" in text(maker, address)
    assert "1 party put back" in step(maker, run, "include", item=two.pk)
    step(maker, run, "submit")
    assert "You prepared this run" in text(maker, address)
    assert maker.post(f"/admin/ledger/payoutrun/{run.pk}/step/approve/", {"total": "161.50"}).status_code == 302
    assert standing(run)["one"][0] == "proposed"
    assert "Approve and send" in text(second_finance, address)
    assert "not the total" in step(second_finance, run, "approve", total="161.51")
    earn(one, -1_000, days=0)
    assert "computed again" in step(second_finance, run, "approve", total="161.50")
    assert "was CN¥100.00" in text(second_finance, address)
    assert "Approved" in step(second_finance, run, "approve", total="152.00")
    assert "0 of 2 payouts are booked" in text(second_finance, address)
    run_book(run_id=run.pk)
    assert second_finance.get(f"/admin/ledger/payoutrun/{run.pk}/progress/")["HX-Refresh"] == "true"
    assert "owed to the party again" in step(maker, run, "failed", item=two.pk, note="No such account")
    assert "1 payout marked as arrived" in step(maker, run, "arrived")
    assert {code: row[0] for code, row in standing(run).items()} == {
        "one": "arrived",
        "two": "failed",
        "bare": "ineligible",
    }


def test_the_banks_file_holds_whole_numbers_and_no_formula(cast: Cast) -> None:
    payee("one", 10_000, cast.alice)
    details(Party.objects.get(code="one"), cast.alice, "=HYPERLINK(1)")
    run = approved(cast.finn, cast.ada)
    run_book(run_id=run.pk)
    response = cast.client_of(cast.finn).post(f"/admin/ledger/payoutrun/{run.pk}/bank.csv")
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [(row["party"], row["amount"], row["minor_units"], row["account"]) for row in rows] == [
        ("one", "100.00", "10000", "'=HYPERLINK(1)")
    ]
    assert run.events.filter(step="exported").exists()
    assert cast.client_of(cast.ada).post(f"/admin/ledger/payoutrun/{run.pk}/bank.csv").status_code == 403


def test_who_may_not_take_a_step_is_refused(cast: Cast) -> None:
    payee("one", 10_000, cast.alice)
    run = waiting(cast.finn)
    for reader in (cast.mei, cast.ada):
        client = cast.client_of(reader)
        assert "one" in text(client, f"/admin/ledger/payoutrun/{run.pk}/change/").lower()
        for name in ("approve", "back", "cancel", "submit", "arrived"):
            assert client.post(f"/admin/ledger/payoutrun/{run.pk}/step/{name}/").status_code == 403, name
    assert cast.client_of(cast.finn).post(f"/admin/ledger/payoutrun/{run.pk}/step/nonsense/").status_code == 403


def test_a_hold_is_placed_and_lifted_at_the_desk(cast: Cast) -> None:
    one, client = payee("one", 10_000, cast.alice), cast.client_of(cast.mei)
    client.post("/admin/ledger/payouthold/place/", {"party": one.pk, "reason": "Two orders, one card"})
    hold = PayoutHold.objects.get()
    assert (hold.placed_by, hold.lifted_at) == (cast.mei, None)
    client.post("/admin/ledger/payouthold/", {"action": "lift", "_selected_action": hold.pk})
    assert PayoutHold.objects.get().lifted_by == cast.mei
