"""The desk for money: read by its roles, written by nobody, except rates, which are entered by the verb."""

import re

import pytest

from accounts.scope import all_rows
from ledger.models import FxRate, Verification
from ledger.services import entries_post, rate_set, seal_take, snapshot_take
from tests.cast import Cast
from tests.ledger.desk import AT, draft


@pytest.fixture
def house(cast: Cast) -> Cast:
    cast.mei, cast.finn, cast.ada, cast.marco, cast.olga, cast.alice_party  # noqa: B018
    with all_rows():
        entries_post(drafts=[draft("O-1"), draft("O-2")])
        snapshot_take()
        entries_post(drafts=[draft("O-3", ("processor:clearing", -50), ("party:alice", 50))])
        rate_set(day=AT.date(), base="USD", quote="CNY", rate="7.1", source="bank")
        seal_take()
        verified(2)
    return cast


def verified(failed: int) -> None:
    """A night in which some proofs failed."""
    failures = [
        {"code": f"I{n}", "title": "All is well", "rows": [["entry 7", "is <b>off</b>"]]} for n in range(failed)
    ]
    Verification.objects.create(started_at=AT, finished_at=AT, proofs=9, failed=failed, failures=failures)


def test_balances_are_snapshot_and_what_came_since(house: Cast) -> None:
    text = house.client_of(house.finn).get("/admin/ledger/account/?q=party:alice").content.decode()
    assert "2.50" in re.sub(r"<[^>]+>", "", text)


def test_an_entry_shows_its_postings_inputs_and_steps(house: Cast) -> None:
    client = house.client_of(house.ada)
    text = client.get("/admin/ledger/journalentry/?q=O-3").content.decode()
    found = re.search(r'href="(/admin/ledger/journalentry/[^"?]+/change/)', text)
    assert found
    page = client.get(found[1]).content.decode()
    assert "party:alice" in page
    assert "&quot;price&quot;: 100" in page
    assert not re.search(r'name="_save"', page)


def test_a_rate_is_entered_by_finance_and_a_correction_is_a_new_row(house: Cast) -> None:
    client = house.client_of(house.finn)
    data = {"day": "2026-03-01", "base": "USD", "quote": "CNY", "rate": "7.25", "source": "bank, corrected"}
    client.post("/admin/ledger/fxrate/add/", data, follow=True)
    rows = list(FxRate.objects.order_by("pk"))
    assert [f"{row.rate.normalize():f}" for row in rows] == ["7.1", "7.25"]
    assert rows[1].actor == house.finn
    for wrong, says in (
        ({"quote": "USD"}, "between two currencies"),
        ({"rate": "0"}, "above 0"),
        ({"rate": "x"}, "Enter a number"),
    ):
        answer = client.post("/admin/ledger/fxrate/add/", data | wrong).content.decode()
        assert says in answer
    assert FxRate.objects.count() == 2
