"""A party's payouts: where they go, and what became of each."""

from datetime import date

import pytest
from django.core import mail
from django.test import Client

from accounts.models import PayoutDetails
from accounts.services import seat_give
from events.models import Letter
from events.services import relay_all
from ledger.models import PayoutItem, Posting
from ledger.services import hold_lift, hold_place, item_failed, run_book
from tests.cast import PASSWORD, Cast
from tests.ledger.runs import approved, payee

pytestmark = pytest.mark.usefixtures("everything")


def fresh(client: Client) -> Client:
    """A browser in which the password was given again just now."""
    assert client.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302
    return client


def test_a_party_reads_its_payouts_with_stage_and_reason(cast: Cast) -> None:
    one = payee("one", 10_000, cast.alice)
    payee("two", 77_713, cast.bob)
    run = approved(cast.finn, cast.ada, withholding_bp=1_000)
    client = cast.client_of(cast.alice)
    page = client.get("/creator/payouts/?party=one").content.decode()
    assert "Approved, leaves soon" in page
    run_book(run_id=run.pk)
    page = client.get("/creator/payouts/?party=one").content.decode()
    assert "On its way" in page
    taken = Posting.objects.get(entry__kind="payout", party=one)
    assert f"/creator/postings/{taken.pk}/" in page
    told = client.get(f"/creator/postings/{taken.pk}/?party=one").content.decode()
    assert "What was available at the cut-off is paid" in told
    item_failed(item_id=PayoutItem.objects.get(party=one).pk, reason="The bank knows no such account", by=cast.finn)
    hold_place(party=one, reason="Two orders, one card")
    page = client.get("/creator/payouts/?party=one").content.decode()
    assert "777.13" not in client.get("/creator/payouts/?party=two").content.decode()
    for words in ("The bank knows no such account", "The money is yours again", "Two orders, one card", "ICBC ••4471"):
        assert words in page
    assert "777.13" not in page
    home = client.get("/creator/?party=one").content.decode()
    assert "The bank knows no such account" in home


def test_a_party_is_written_that_its_payouts_are_held_and_that_they_go_on(cast: Cast) -> None:
    alice = cast.alice
    seat_give(user=cast.bob, party=cast.alice_party)
    cast.bob.language = "zh-hans"
    cast.bob.save()
    hold = hold_place(party=cast.alice_party, reason="Two orders, one card", decide_by=date(2026, 4, 9), by=cast.finn)
    assert hold_place(party=cast.alice_party, reason="again") == hold
    assert relay_all().parked == 0
    told = {sent.to[0]: (sent.subject, str(sent.body)) for sent in mail.outbox}
    assert told[alice.email][0] == "Your payouts are on hold"
    assert "Two orders, one card. It is decided by" in told[alice.email][1]
    assert f"/creator/payouts/?party={cast.alice_party.code}" in told[alice.email][1]
    assert "打款暂扣：Two orders, one card。" in told[cast.bob.email][1]
    for _time in range(2):
        hold_lift(hold_id=hold.pk, by=cast.finn)
        assert relay_all().parked == 0
    assert [letter.subject for letter in Letter.objects.filter(user=alice).order_by("pk")] == [
        "Your payouts are on hold", "Your payouts go on",
    ]  # fmt: skip
    assert len(mail.outbox) == 4


def test_where_payouts_go_is_said_by_an_owner_after_the_password(cast: Cast) -> None:
    _ = cast.alice
    client = cast.client_of(cast.alice)
    said = {"method": "bank", "holder": "Alice", "institution": "ICBC", "reference": "6222 0000 4471"}
    asked = client.post("/creator/payouts/details/", said)
    assert asked.status_code == 302
    assert "/reauthenticate/" in asked["Location"]
    assert not PayoutDetails.objects.exists()
    fresh(client)
    short = client.post("/creator/payouts/details/", said | {"reference": "12"}).content.decode()
    assert "at least 5 characters" in short
    assert client.post("/creator/payouts/details/", said).status_code == 302
    assert PayoutDetails.objects.get().entered_by == cast.alice
    assert "••4471" in client.get("/creator/payouts/").content.decode()
    assert "622200004471" not in client.get("/creator/payouts/").content.decode()
    seat_give(user=cast.lee, party=cast.alice_party, role="member")
    member = fresh(cast.client_of(cast.lee))
    assert "Only an owner" in member.get("/creator/payouts/details/").content.decode()
    member.post("/creator/payouts/details/", said | {"holder": "Lee"})
    assert PayoutDetails.objects.count() == 1
