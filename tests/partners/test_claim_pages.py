"""Claims on pages: filed and appealed in the portal, decided at the desk, adjusted by two."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts.choices import Role
from accounts.services import person_create, role_grant
from events.services import relay_all
from partners.choices import ClaimState
from partners.models import Adjustment, Claim
from partners.services import (
    ClaimEvidence,
    adjustment_approve,
    adjustment_letter,
    adjustment_request,
    claim_gathered,
)
from tests.cast import PASSWORD, Cast
from tests.partners.stage import books

pytestmark = pytest.mark.usefixtures("everything")
FORM = {"order_code": "O-1", "order_day": "2026-03-01", "note": "Three clicks."}


def filed(cast: Cast, browser: Client | None = None) -> Claim:
    """Alice files a claim by her page; its evidence is that there is no such order."""
    alice = browser or cast.client_of(cast.alice)
    assert alice.post(reverse("partners:claims"), FORM).status_code == 302
    claim = Claim.objects.get(party=cast.alice_party)
    claim_gathered(claim_id=claim.pk, round_number=claim.round, evidence=ClaimEvidence())
    return claim


def step(browser: Client, claim: Claim, name: str, **data: Any) -> Any:
    return browser.post(reverse("admin:partners_claim_step", args=[claim.pk, name]), data)


def text(response: Any) -> str:
    return str(response.content.decode())


def test_an_empty_list_teaches_and_a_wrong_form_says_what_is_wrong(cast: Cast) -> None:
    alice = cast.client_of(cast.alice)
    page = text(alice.get(reverse("partners:claims")))
    assert "No claim yet" in page
    assert "File the claim" in page
    wrong = alice.post(reverse("partners:claims"), {**FORM, "order_day": "2999-01-01"})
    assert "That day lies ahead." in text(wrong)
    assert not Claim.objects.exists()


def test_a_claim_is_filed_refused_and_appealed_on_pages(cast: Cast) -> None:
    alice, mei = cast.client_of(cast.alice), cast.client_of(cast.mei)
    claim = filed(cast, alice)
    address = reverse("partners:claim", args=[claim.pk])
    page = text(alice.get(address))
    assert "There is no order with this code." in page
    assert "In review, answer by" in page
    assert "File the appeal" not in page
    desk = text(mei.get(reverse("admin:partners_claim_change", args=[claim.pk])))
    assert "No such order" in desk
    assert "Accept and credit" not in desk  # nothing could be credited
    assert step(mei, claim, "refuse", reason="no_such_order").status_code == 200  # without words
    assert step(mei, claim, "refuse", reason="no_such_order", answer="We know no such order.").status_code == 302
    page = text(alice.get(address))
    assert "We know no such order." in page
    assert "Refused, appeal until" in page
    assert alice.post(reverse("partners:claim_appeal", args=[claim.pk]), {"note": ""}).status_code == 200
    assert alice.post(reverse("partners:claim_appeal", args=[claim.pk]), {"note": "Ask again."}).status_code == 302
    claim_gathered(claim_id=claim.pk, round_number=2, evidence=ClaimEvidence())
    desk = text(mei.get(reverse("admin:partners_claim_change", args=[claim.pk])))
    assert "another person decides the appeal" in desk
    assert "Refuse for good" not in desk
    other = person_create(email="max@cast.test", name="Max", password=PASSWORD, verified=True)
    role_grant(user=other, role=Role.MANAGER)
    step(cast.client_of(other), claim, "refuse", reason="no_such_order", answer="Still none.")
    claim.refresh_from_db()
    assert claim.state == ClaimState.UPHELD
    assert "Refused for good." in text(alice.get(address))


def test_what_is_not_ones_own_is_nothing(cast: Cast) -> None:
    claim = filed(cast)
    carol = cast.client_of(cast.carol)
    assert carol.get(reverse("partners:claim", args=[claim.pk])).status_code == 404
    assert carol.post(reverse("partners:claim_withdraw", args=[claim.pk])).status_code == 404
    assert "O-1" not in text(carol.get(reverse("partners:claims")))


def test_it_can_be_withdrawn(cast: Cast) -> None:
    alice = cast.client_of(cast.alice)
    claim = filed(cast, alice)
    alice.post(reverse("partners:claim_withdraw", args=[claim.pk]))
    claim.refresh_from_db()
    assert claim.state == ClaimState.WITHDRAWN
    assert "Withdrawn" in text(alice.get(reverse("partners:claim", args=[claim.pk])))


def test_who_may_not_decide_is_refused(cast: Cast) -> None:
    claim = filed(cast)
    for who, act in ((cast.ada, "accept"), (cast.marco, "refuse"), (cast.olga, "confirm"), (cast.mei, "nothing")):
        assert step(cast.client_of(who), claim, act, reason="no_touch", answer="x").status_code == 403


def test_two_persons_adjust_a_balance(cast: Cast) -> None:
    mei, finn = cast.client_of(cast.mei), cast.client_of(cast.finn)
    add = reverse("admin:partners_adjustment_add")
    form = {"key": "k-1", "party": cast.alice_party.code, "amount": "-12.50", "currency": "CNY", "reason": "A fee"}
    assert "no party of this code" in text(mei.post(add, {**form, "party": "nobody", "step": "preview"}))
    shown = mei.post(add, {**form, "step": "preview"})
    assert (shown.context["effect"].available_after, shown.context["two"]) == (-1_250, True)
    assert "below zero" in text(shown)
    for _twice in range(2):
        assert mei.post(add, {**form, "step": "confirm"}).status_code == 302
    row = Adjustment.objects.get()
    page = reverse("admin:partners_adjustment_change", args=[row.pk])
    approve = reverse("admin:partners_adjustment_step", args=[row.pk, "approve"])
    assert "second person approves" in text(mei.get(page))
    assert mei.post(approve).status_code == 403
    assert "Approve and book" in text(finn.get(page))
    assert finn.post(approve).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.reason, books()["party:alice"]) == ("booked", "A fee", -1_250)


def test_who_asked_at_the_desk_of_finance_cannot_approve_either(cast: Cast) -> None:
    finn = cast.client_of(cast.finn)
    form = {
        "key": "k",
        "party": cast.alice_party.code,
        "amount": "5",
        "currency": "CNY",
        "reason": "x",
        "step": "confirm",
    }
    finn.post(reverse("admin:partners_adjustment_add"), {**form, "step": "confirm"})
    row = Adjustment.objects.get()
    finn.post(reverse("admin:partners_adjustment_step", args=[row.pk, "approve"]))
    row.refresh_from_db()
    assert row.state == "requested"
    finn.post(reverse("admin:partners_adjustment_step", args=[row.pk, "decline"]))
    row.refresh_from_db()
    assert row.state == "declined"


def test_the_party_is_written_how_its_claim_was_decided_and_what_was_adjusted(cast: Cast) -> None:
    cast.alice.language = "zh-hans"
    cast.alice.save()
    claim = filed(cast)
    step(cast.client_of(cast.mei), claim, "refuse", reason="no_such_order", answer="We know no such order.")
    assert relay_all().parked == 0
    refused = mail.outbox.pop()
    assert (refused.to, refused.subject) == ([cast.alice.email], f"关于订单 O-1 的申诉 {claim.pk} 未获接受")
    assert "We know no such order." in refused.body
    assert f"/creator/claims/{claim.pk}/" in refused.body
    asked = adjustment_request(
        key="k", party=cast.alice_party, currency="CNY", amount_minor=-1_250, reason="Fee", by=cast.mei
    )
    assert relay_all().parked == 0
    assert mail.outbox == []
    adjustment_approve(adjustment_id=asked.pk, by=cast.finn)
    for _time in range(2):
        relay_all()
        adjustment_letter(adjustment_id=asked.pk)
    (charged,) = mail.outbox
    assert "12.50 CNY" in charged.subject
    shown = text(cast.client_of(cast.alice).get(reverse("partners:messages")))
    assert str(charged.subject) in shown
    assert str(refused.subject) in shown
