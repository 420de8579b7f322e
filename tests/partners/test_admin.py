"""The partner manager's desk: what its pages show, and that it acts by the verbs."""

import json
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.scope import all_rows
from partners.models import Agreement, AgreementVersion, Channel, Coupon, EarningDecision, Membership, TrackingLink
from partners.services import (
    Change,
    agreement_create,
    coupon_create,
    earnings_settle,
    leave_ask,
    link_create,
    memberships_admit,
    party_apply,
    replay_request,
    version_accept,
)
from tests.cast import Cast
from tests.partners import desk


def content(client: Client, url: str) -> str:
    return client.get(url).content.decode()


@pytest.fixture
def house(cast: Cast) -> Cast:
    """Rows for every list: members, channels, links, coupons, agreements, settled orders."""
    cast.alice, cast.bob, cast.mei, cast.finn, cast.ada, cast.marco, cast.olga  # noqa: B018
    with all_rows():
        reef = desk.party("reef")
        memberships_admit(party_ids=[cast.alice_party.pk])
        party_apply(party=cast.bob_party)
        channel = desk.channel("reef", reef)
        link_create(channel=channel, code="reef-1", destination="/courses/")
        coupon_create(code="REEF10", percent_bp=1_000, owner=reef, channel=channel, starts_at=desk.START)
        desk.agreement(parties=[cast.alice_party, cast.bob_party])
        by = {"last_touch": [desk.credit(channel, 1_000_000)]}
        sales = [desk.sale(f"D-{i}", lines=[desk.line(i)], credits=by, processor_fee_minor=290) for i in range(3)]
        earnings_settle(sales=sales)
        whatif(5)
    return cast


def whatif(hold_days: int) -> None:
    """A question put to March."""
    day = desk.PLACED.date()
    replay_request(changes=[Change(hold_days=hold_days)], since=day, until=day, by=None)


def test_search_and_filters_answer(house: Cast) -> None:
    client = house.client_of(house.mei)
    for page, query, found, absent in (
        ("creator", "q=alice", "Alice Studio", "Bob Codes"),
        ("creator", "state__exact=applied", "Bob Codes", "Alice Studio"),
        ("agreement", "q=agreement-1", "Course 1", "nothing to see"),
        ("earningdecision", "q=D-1", "D-1", "D-2"),
        ("coupon", "q=reef", "REEF10", "nothing to see"),
    ):
        text = client.get(f"/admin/partners/{page}/?{query}").content.decode()
        table = text[text.index("<table") :]
        assert found in table
        assert absent not in table


def test_members_show_their_balance_and_are_decided_by_actions(house: Cast) -> None:
    client = house.client_of(house.mei)
    text = client.get("/admin/partners/creator/").content.decode()
    # Three times 80 % of what 70 % leave of 10,000 less a tenth and the fee of 290: 4,877.6, so 4,878.
    assert "146.34" in re.sub(r"<[^>]+>", "", text)
    with all_rows():
        bob = Membership.objects.get(party=house.bob_party)
    answer = client.post("/admin/partners/creator/", {"action": "approve", "_selected_action": [bob.pk]}, follow=True)
    assert "1 member is now “Approved”." in answer.content.decode()
    again = client.post("/admin/partners/creator/", {"action": "approve", "_selected_action": [bob.pk]}, follow=True)
    assert "cannot become “Approved”" in again.content.decode()
    with all_rows():
        bob.refresh_from_db()
        assert bob.state == "approved"


def post(client: Client, page: str, **data: Any) -> str:
    return client.post(page, data, follow=True).content.decode()


def test_channels_links_and_coupons_are_made_by_the_verbs(house: Cast) -> None:
    client = house.client_of(house.mei)
    post(client, "/admin/partners/channel/add/", name="Post", code="post", kind="email")
    with all_rows():
        channel = Channel.objects.get(code="post")
        assert channel.slot
    taken = post(client, "/admin/partners/channel/add/", name="Post", code="post", kind="email")
    assert "already exists" in taken or "already" in taken
    refused = post(client, "/admin/partners/trackinglink/add/", channel=channel.pk, destination="//evil.test")
    assert "leads to a page of this site" in refused
    tags = {
        "destination": "/courses/?utm_source=a&x=1&x=2",
        "campaign": "may",
        "utm_source": "b",
        "utm_medium": "email",
    }
    odd = post(client, "/admin/partners/trackinglink/add/", channel=channel.pk, **tags)
    assert "“x” stands in the address 2 times" in odd
    assert "The address has “utm_source” already" in odd
    tags["destination"] = "/courses/"
    post(client, "/admin/partners/trackinglink/add/", channel=channel.pk, **tags)
    with all_rows():
        link = TrackingLink.objects.get(channel=channel)
    page = client.get(f"/admin/partners/trackinglink/{link.pk}/change/").content.decode()
    assert "<svg" in page[page.index("QR code") :]
    assert f"/go/{link.code}" in page
    when = {"starts_at_0": "2026-01-01", "starts_at_1": "00:00:00", "borne_by": "platform"}
    post(client, "/admin/partners/coupon/add/", code="may20", amount="20.00", currency="CNY", **when)
    refused = post(
        client, "/admin/partners/coupon/add/", code="may30", percent="10", amount="5", currency="CNY", **when
    )
    assert "either a percentage or an amount" in refused
    with all_rows():
        coupon = Coupon.objects.get(code="MAY20")
        assert (coupon.amount_minor, coupon.percent_bp, coupon.borne_by) == (2_000, None, "platform")
        assert not Coupon.objects.filter(code="MAY30").exists()


FIGURES = {
    "effective_from": "2026-06-01T00:00",
    "channel_percent": "10",
    "fee_from_pool": "on",
    "platform_percent": "30",
    "platform_of": "remaining",
    "shares": "alice 80\nbob 20",
    "rule": "",
    "paying_model": "position_weights",
    "position_weights": "40 20 40",
    "window_days": "30",
    "hold_days": "7",
    "precedence": "coupon",
    "self_purchase": "refuse",
    "reserve_percent": "0",
    "reserve_days": "90",
    "caps": "",
    "meter": "ever",
    "note": "",
}


def test_a_version_goes_from_figures_to_in_force_by_two_persons(house: Cast) -> None:
    mei, finn = house.client_of(house.mei), house.client_of(house.finn)
    with all_rows():
        shared = agreement_create(
            code="shared", title="Shared", owner=house.alice_party, scope_id="77", parties=[house.bob_party]
        )
    add = "/admin/partners/agreementversion/add/"
    wrong = post(mei, add, agreement=shared.pk, **(FIGURES | {"shares": "carol 1"}))
    assert "pays party:carol, but there is no such party" in wrong
    assert "is not a code and a weight" in post(mei, add, agreement=shared.pk, **(FIGURES | {"shares": "alice"}))
    assert "“4x” is not a whole number." in post(
        mei, add, agreement=shared.pk, **(FIGURES | {"position_weights": "4x"})
    )
    assert "must be at least 1" in post(mei, add, agreement=shared.pk, **(FIGURES | {"position_weights": "0"}))
    page = post(mei, add, agreement=shared.pk, **FIGURES)
    assert "weights by position (40 for the first touch, 20 for all between together, 40 for the last)" in page
    assert "What remains is shared: 80% to Alice Studio, 20% to Bob Codes." in page
    with all_rows():
        version = AgreementVersion.objects.get(agreement=shared)
        channel, fee, *rest = desk.THIRTY
        assert version.rule["steps"] == [fee, channel, *rest]
        assert version.effective.lower.isoformat() == "2026-05-31T16:00:00+00:00"
    own = f"/admin/partners/agreementversion/{version.pk}"
    assert 'value="10.00"' in mei.get(f"{own}/change/?edit=1").content.decode().replace('value="10"', 'value="10.00"')
    assert mei.get(f"{own}/step/propose/").status_code == 405
    assert finn.post(f"{own}/step/propose/").status_code == 403
    assert "lies before its parties" in post(mei, f"{own}/step/propose/")
    assert mei.post(f"{own}/step/force/").status_code == 403
    with all_rows():
        version.refresh_from_db()
    for party in (house.alice_party, house.bob_party):
        said = post(mei, f"{own}/step/accept/", party=party.pk, text_hash=version.text_hash)
        assert "is recorded" in said
    assert mei.post(f"{own}/step/force/").status_code == 403
    assert "a second person puts it in force" in mei.get(f"{own}/change/").content.decode()
    assert "is in force" in post(finn, f"{own}/step/force/")
    nxt = mei.get(f"{add}?agreement={shared.pk}").content.decode()
    assert "alice 80\nbob 20" in nxt
    page = post(
        mei, add, agreement=shared.pk, **(FIGURES | {"effective_from": "2026-07-01T00:00", "platform_percent": "25"})
    )
    assert "30% of what remains goes to the platform." in page
    assert "25% of what remains goes to the platform." in page


def test_a_rule_of_another_shape_is_kept_as_json(house: Cast) -> None:
    client = house.client_of(house.mei)
    with all_rows():
        agreement = Agreement.objects.get(code="agreement-1")
    fixed = {"take": "fixed", "account": "platform:revenue", "amount": 50}
    rule = json.dumps({"steps": [fixed, desk.split(("party:alice", 1))], "reserve_bp": 500})
    page = post(client, "/admin/partners/agreementversion/add/", agreement=agreement.pk, **(FIGURES | {"rule": rule}))
    assert "A fixed amount of 50 of the smallest units" in page
    with all_rows():
        draft = agreement.versions.latest("number")
    edit = client.get(f"/admin/partners/agreementversion/{draft.pk}/change/?edit=1").content.decode()
    assert "reserve_bp" in edit


def test_an_earning_shows_its_steps(house: Cast) -> None:
    with all_rows():
        decision = EarningDecision.objects.filter(party=house.alice_party).first()
    assert decision is not None
    page = house.client_of(house.ada).get(f"/admin/partners/earningdecision/{decision.pk}/change/").content.decode()
    assert "Computed again just now" in page
    assert "80% × 60.97 = 48.776" in page


def test_parties_are_named_and_titles_changed_on_the_agreements_page(house: Cast) -> None:
    client = house.client_of(house.mei)
    with all_rows():
        agreement = Agreement.objects.get(code="agreement-1")
    page = f"/admin/partners/agreement/{agreement.pk}/change/"
    data = {
        "title": "Renamed",
        "title_zh": "改名",
        "parties-TOTAL_FORMS": "1",
        "parties-INITIAL_FORMS": "0",
        "parties-0-party": str(house.carol_party.pk),
        "parties-0-agreement": str(agreement.pk),
        "versions-TOTAL_FORMS": "0",
        "versions-INITIAL_FORMS": "0",
    }
    client.post(page, data, follow=True)
    with all_rows():
        agreement.refresh_from_db()
        assert agreement.title == "Renamed"
        assert agreement.parties.filter(party=house.carol_party).exists()


def test_settled_orders_are_corrected_from_the_desk_after_a_look_at_the_effect(house: Cast) -> None:
    mei, finn = house.client_of(house.mei), house.client_of(house.finn)
    with all_rows():
        version = desk.agreement(scope_id="88", parties=[house.alice_party, house.bob_party])
        earnings_settle(sales=[desk.sale("FIX-1", lines=[desk.line(880, "88")])])
    add = f"/admin/partners/agreementversion/add/?corrects={version.agreement_id}"
    assert "Correct settled orders" in content(mei, add)
    figures = {key: value for key, value in FIGURES.items() if key != "effective_from"}
    figures |= {"agreement": str(version.agreement_id), "shares": "alice 1"}
    assert "not settled under this agreement: NOPE" in post(mei, add, orders="NOPE", **figures)
    post(mei, add, orders="FIX-1", **figures)
    with all_rows():
        draft = AgreementVersion.objects.get(kind="correction")
    url = f"/admin/partners/agreementversion/{draft.pk}/"
    shown = content(mei, f"{url}change/")
    assert "FIX-1" in shown
    assert "What each side has of these orders" in shown
    assert "What if this had held?" not in shown
    assert "−" in shown
    # Who brought the learner is not computed again, so the desk does not ask for it.
    assert "Look-back in days" not in content(mei, f"{url}change/?edit=1")
    mei.post(f"{url}step/propose/")
    with all_rows():
        draft.refresh_from_db()
        accepted = draft.text.splitlines()
        type(house.alice_party).objects.filter(pk=house.alice_party.pk).update(name="Renamed since")
        for party in (house.alice_party, house.bob_party):
            version_accept(version=draft, party=party, user=house.mei, text_hash=draft.text_hash, on_behalf=True)
    # The page shows the text behind the hash, not what it would be by today's names.
    shown = unescape(content(mei, f"{url}change/"))
    assert all(line.partition(" ")[2] in shown for line in accepted)
    finn.post(f"{url}step/force/")
    with all_rows():
        draft.refresh_from_db()
        assert draft.state == "in_force"
        assert set(EarningDecision.objects.filter(reason="corrected").values_list("party__code", flat=True)) == {
            "alice",
            "bob",
        }


def test_the_agreements_page_says_what_held_when_and_the_list_who_wants_to_leave(house: Cast) -> None:
    mei = house.client_of(house.mei)
    with all_rows():
        version = desk.agreement(scope_id="89", parties=[house.alice_party, house.bob_party])
        leave_ask(
            agreement=version.agreement,
            party=house.bob_party,
            user=house.bob,
            leaves_at=timezone.now() + timedelta(days=9),
        )
    url = f"/admin/partners/agreement/{version.agreement_id}/change/"
    assert "held, from" in content(mei, url)
    assert "No version was known to hold then." in content(mei, f"{url}?at=2026-02-01T00:00&known_on=2020-01-01T00:00")
    assert "Bob Codes asks to leave" in content(mei, "/admin/partners/agreement/")
