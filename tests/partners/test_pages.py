"""The creator's pages, as their readers meet them."""

import csv
import html
import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.choices import PartyKind
from ledger.selectors.files import csv_cell
from partners.models import AgreementVersion, EarningDecision, TrackingLink
from partners.selectors import correction_effect
from partners.services import (
    DraftTerms,
    NewLink,
    SaleFacts,
    correction_draft,
    earnings_settle,
    earnings_void,
    links_create,
    memberships_admit,
    version_draft,
    version_propose,
)
from tests.cast import Cast
from tests.partners.desk import THIRTY, agreement, channel, credit, line, percent, split

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("everything")]
World = Callable[[], None]


@pytest.fixture
def world(cast: Cast) -> Cast:
    """alice and bob share course 1; carol has course 2, whose title no page of theirs may show."""
    memberships_admit(party_ids=[cast.alice_party.pk, cast.bob_party.pk, cast.carol_party.pk])
    agreement(scope_id="1", parties=[cast.alice_party, cast.bob_party], hold_days=7)
    agreement(scope_id="2", steps=[split(("party:carol", 1))], parties=[cast.carol_party], hold_days=7)
    mail = channel("mail")
    now = timezone.now()
    sales = [("OLD-1", now - timedelta(days=20), "1", 10_001), ("NEW-1", now - timedelta(days=1), "1", 5_000)]
    sales += [("CANARY-ORDER", now - timedelta(days=2), "2", 77_713)]
    earnings_settle(
        sales=[
            SaleFacts(
                order_code=code,
                placed_at=at,
                currency="CNY",
                lines=[line(number, item, price)],
                credits={"last_touch": [credit(mail, 1_000_000)]},
            )
            for number, (code, at, item, price) in enumerate(sales, start=1)
        ]
    )
    _ = cast.alice, cast.bob, cast.carol
    return cast


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, response.status_code
    return re.sub(r"<[^>]+>", "", response.content.decode())


def test_a_creator_sees_available_and_pending_and_every_line(world: Cast) -> None:
    page = text(world.client_of(world.alice), "/creator/")
    assert "OLD-1" in page
    assert "NEW-1" in page
    assert "56.01" in page  # 80 % of 70 % of 100.01
    assert "28.00" in page  # 80 % of 70 % of 50.00, still held


def test_a_creator_never_sees_a_strangers_sales(world: Cast) -> None:
    assert "CANARY-ORDER" in text(world.client_of(world.carol), "/creator/")
    for reader in (world.alice, world.bob):
        for address in ("/creator/", "/creator/?party=carol", "/creator/agreements/?party=carol", "/creator/links/"):
            page = text(world.client_of(reader), address)
            assert "CANARY" not in page
            assert "Canary" not in page
            assert "777.13" not in page


def test_a_co_creator_sees_the_own_share_only(world: Cast) -> None:
    page = text(world.client_of(world.bob), "/creator/")
    assert "14.00" in page
    assert "56.01" not in page


def test_a_strangers_line_answers_as_one_that_does_not_exist(world: Cast) -> None:
    theirs = EarningDecision.objects.get(order_code="CANARY-ORDER", party=world.carol_party)
    client = world.client_of(world.alice)
    foreign, missing = client.get(f"/creator/lines/{theirs.pk}/"), client.get("/creator/lines/999999999/")
    assert (foreign.status_code, missing.status_code) == (404, 404)
    assert world.client_of(world.carol).get(f"/creator/lines/{theirs.pk}/").status_code == 200


def test_an_earning_is_computed_again_and_agrees(world: Cast) -> None:
    mine = EarningDecision.objects.get(order_code="OLD-1", party=world.alice_party)
    page = text(world.client_of(world.alice), f"/creator/lines/{mine.pk}/")
    assert "what was booked, to the last minor unit" in page
    assert "56.01" in page


def test_the_drawer_is_the_inside_alone(world: Cast) -> None:
    mine = EarningDecision.objects.get(order_code="OLD-1", party=world.alice_party)
    inside = world.client_of(world.alice).get(f"/creator/lines/{mine.pk}/", headers={"HX-Request": "true"})
    assert b"<html" not in inside.content
    assert b"drawer-frame" in inside.content


def test_a_voided_order_stands_under_reversed(world: Cast) -> None:
    earnings_void(order_codes=["OLD-1"], at=timezone.now(), actor_id=None, reason="trial")
    client = world.client_of(world.alice)
    assert "OLD-1" in text(client, "/creator/?tab=refunded")
    assert "Reversed: the order was voided" in text(client, "/creator/?tab=refunded")
    rows = csv.DictReader(io.StringIO(client.get("/creator/earnings.csv").content.decode("utf-8-sig")))
    told = {row["order"]: (row["your_share"], row["your_share_now"], row["status"], row["since"]) for row in rows}
    assert told["OLD-1"] == ("56.01", "0.00", "refunded", "voided")
    assert "OLD-1" not in text(client, "/creator/?tab=earned")


def test_the_file_holds_exact_amounts_and_no_formula(world: Cast) -> None:
    EarningDecision.objects.get(order_code="OLD-1", party=world.alice_party)
    response = world.client_of(world.alice).get("/creator/earnings.csv")
    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert {row["order"]: row["your_share"] for row in rows} == {"OLD-1": "56.01", "NEW-1": "28.00"}
    assert response["Content-Type"].startswith("text/csv")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "＝"])
def test_text_that_a_spreadsheet_would_run_is_disarmed(start: str) -> None:
    assert csv_cell(f"{start}1+1") == f"'{start}1+1"
    assert csv_cell("plain") == "plain"


def test_people_without_a_seat_stay_out(world: Cast) -> None:
    assert world.client_of(world.lee).get("/creator/").status_code == 403
    assert Client().get("/creator/").status_code == 302


def test_a_proposed_version_is_accepted_as_it_was_read(world: Cast) -> None:
    base = AgreementVersion.objects.get(agreement__code="agreement-1")
    draft = version_draft(
        agreement=base.agreement,
        rule={"steps": THIRTY},
        terms=DraftTerms(effective_from=timezone.now() + timedelta(days=9), hold_days=9),
        by=world.mei,
    )
    proposed = version_propose(version=draft, by=world.mei)
    client = world.client_of(world.bob)
    page = text(client, "/creator/agreements/")
    assert "Accept version 2" in page
    # What would change stands beside what holds now.
    assert "Clauses that differ from the version before" in page
    client.post(f"/creator/agreements/{proposed.pk}/accept/", {"text_hash": "another text"})
    assert not proposed.acceptances.exists()
    client.post(f"/creator/agreements/{proposed.pk}/accept/", {"text_hash": proposed.text_hash})
    assert [said.party for said in proposed.acceptances.all()] == [world.bob_party]
    said = text(client, "/creator/agreements/")
    assert "Accepted on" in said
    assert f"by {world.bob.local_name}." in said
    assert proposed.text_hash in said
    # Nothing waits for bob any more; an explained amount still leads to what the version changed, opened.
    assert "Clauses that differ" not in text(client, "/creator/agreements/")
    led = client.get(f"/creator/agreements/?version={proposed.pk}&changes=1").content.decode()
    assert f'id="version-{proposed.pk}" open' in led
    assert "Clauses that differ" in led
    stranger = world.client_of(world.carol).post(f"/creator/agreements/{proposed.pk}/accept/", {"text_hash": "x"})
    assert stranger.status_code == 404


def test_a_party_that_is_to_accept_a_correction_reads_what_it_would_win_or_lose(world: Cast) -> None:
    agreement = AgreementVersion.objects.get(agreement__code="agreement-1").agreement
    draft = correction_draft(
        agreement=agreement,
        rule={"steps": [percent("platform:revenue", 3000), split(("party:alice", 1))]},
        terms=DraftTerms(effective_from=timezone.now()),
        order_codes=["OLD-1"],
        by=world.mei,
    )
    version_propose(version=draft, by=world.mei)
    before = {row.party.code: row for row in correction_effect(version=draft).parties if row.party}
    for user, code in ((world.alice, "alice"), (world.bob, "bob")):
        client, row = world.client_of(user), before[code]
        page = text(client, "/creator/agreements/")
        assert "Of these orders you have" in page
        assert f"{abs(row.change_minor) / 100:.2f}" in page
        client.cookies["django_language"] = "zh-hans"
        assert "这些订单目前为你带来" in text(client, "/creator/agreements/")


def test_a_party_declines_with_a_reason_that_the_others_read(world: Cast) -> None:
    base = AgreementVersion.objects.get(agreement__code="agreement-1")
    terms = DraftTerms(effective_from=timezone.now() + timedelta(days=9), hold_days=9)
    draft = version_draft(agreement=base.agreement, rule={"steps": THIRTY}, terms=terms, by=world.mei)
    proposed = version_propose(version=draft, by=world.mei)
    bob, alice = world.client_of(world.bob), world.client_of(world.alice)
    assert "The same in the rule itself" in text(bob, "/creator/agreements/")
    url = f"/creator/agreements/{proposed.pk}/decline/"
    assert bob.post(url, {f"d{proposed.pk}-reason": ""}).status_code == 302
    assert "Say why" in text(bob, "/creator/agreements/")
    assert bob.post(url, {f"d{proposed.pk}-reason": "Too long a hold."}).status_code == 302
    assert "Bob Codes declined it on" in text(alice, "/creator/agreements/")
    assert "Too long a hold." in text(alice, "/creator/agreements/")
    assert world.client_of(world.carol).post(url, {f"d{proposed.pk}-reason": "x"}).status_code == 404


def test_a_co_creator_asks_to_leave_and_the_owner_cannot(world: Cast) -> None:
    base = AgreementVersion.objects.get(agreement__code="agreement-1")
    bob, alice = world.client_of(world.bob), world.client_of(world.alice)
    assert "Ask to leave" in text(bob, "/creator/agreements/")
    assert f"leave-form-{base.agreement_id}" not in text(alice, "/creator/agreements/")
    url, day = f"/creator/agreements/{base.agreement_id}/leave/", timezone.localdate() + timedelta(days=20)
    for value in ("", "soon"):
        bob.post(url, {f"l{base.agreement_id}-leaves_on": value})
        assert "Choose the day from which you leave." in text(bob, "/creator/agreements/")
    bob.post(url, {f"l{base.agreement_id}-leaves_on": day.isoformat()})
    assert "lies before the others" in text(bob, "/creator/agreements/")
    made = AgreementVersion.objects.get(agreement=base.agreement, number=2)
    assert (made.state, timezone.localtime(made.effective.lower).date()) == ("proposed", day)
    assert "Bob Codes asks to leave from" in text(alice, "/creator/agreements/")
    assert world.client_of(world.carol).post(url, {}).status_code == 404


def test_a_link_is_made_in_an_own_channel_and_leads_to_this_site(world: Cast) -> None:
    own = channel("alice-letter", world.alice_party)
    foreign = channel("carol-letter", world.carol_party)
    client = world.client_of(world.alice)
    client.post("/creator/links/", {"channel": foreign.pk, "destination": "/courses/"})
    client.post("/creator/links/", {"channel": own.pk, "destination": "//elsewhere.example/"})
    assert not TrackingLink.objects.exists()
    wanted = {"channel": own.pk, "destination": "/courses/", "campaign": "June sale", "utm_medium": "letter"}
    told = html.unescape(client.post("/creator/links/", wanted).content.decode())
    assert "“June sale” has capitals" in told
    assert "“June sale” has a space; write “June-sale”" in told
    assert "No report knows the medium “letter”" in told
    assert "The source is missing" in told
    assert not TrackingLink.objects.exists()
    client.post("/creator/links/", {**wanted, "anyway": "on", "utm_source": "blog", "utm_term": "go"})
    link = TrackingLink.objects.get()
    assert (link.owner, link.campaign, link.utm_source) == (world.alice_party, "June sale", "blog")
    assert (link.utm["utm_term"], link.utm["utm_medium"]) == ("go", "letter")
    assert "?sub1=…" in text(client, "/creator/links/")
    assert "blog / letter / June sale / go" in text(client, "/creator/links/")
    assert f"/go/{link.code}" in text(client, "/creator/links/")


def test_a_qr_code_is_an_svg_of_an_own_link(world: Cast) -> None:
    own, foreign = channel("al", world.alice_party), channel("ca", world.carol_party)
    links_create(links=[NewLink(channel_id=own.pk, owner_id=world.alice_party.pk, code="mine")])
    links_create(links=[NewLink(channel_id=foreign.pk, owner_id=world.carol_party.pk, code="canary")])
    client = world.client_of(world.alice)
    picture = client.get("/creator/links/mine.svg")
    assert picture["Content-Type"] == "image/svg+xml"
    assert picture.content.count(b"<path") == 2, "dark on a light ground, which stays light in the dark theme"
    assert b"style=" not in picture.content
    assert client.get("/creator/links/canary.svg").status_code == 404


def test_the_pages_speak_chinese(world: Cast) -> None:
    client = world.client_of(world.alice)
    client.cookies["django_language"] = "zh-hans"
    world.alice.language = "zh-hans"
    world.alice.save(update_fields=["language"])
    page = text(client, "/creator/")
    assert "可结算" in page
    assert "待释放" in page


def test_all_kinds_of_parties_have_a_home(cast: Cast) -> None:
    assert cast.alice_party.kind == PartyKind.CREATOR
    assert "No lines in these days" in text(cast.client_of(cast.alice), "/creator/")
