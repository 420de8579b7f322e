"""Pages of what-ifs: asked at the desk, answered there, and shown to the party that is to accept."""

import pytest
from django.test import Client

from accounts.scope import all_rows
from partners.models import AgreementVersion, Replay
from partners.services import earnings_settle, replay_run, version_propose
from tests.cast import Cast
from tests.partners import desk
from tests.partners.test_replays import drafted, nothing

ASKED = {"since": "2026-03-01", "until": "2026-03-31"}


class House:
    """Alice and bob's agreement with an order of March, and a draft that gives each half."""

    def __init__(self, cast: Cast) -> None:
        self.alice, self.bob = cast.alice_party, cast.bob_party
        self.version: AgreementVersion = desk.agreement(parties=[self.alice, self.bob])
        earnings_settle(sales=[desk.sale()])
        self.draft = drafted(self)  # type: ignore[arg-type]


@pytest.fixture
def house(cast: Cast) -> House:
    with all_rows():
        return House(cast)


def at(cast: Cast, who: str) -> Client:
    return cast.client_of(getattr(cast, who))


def answer() -> Replay:
    replay = Replay.objects.latest("pk")
    return replay_run(replay_id=replay.pk, journeys=nothing)


def test_a_manager_asks_about_a_draft_and_reads_the_answer(cast: Cast, house: House) -> None:
    mei = at(cast, "mei")
    page = mei.get(f"/admin/partners/agreementversion/{house.draft.pk}/change/").content.decode()
    assert f"/admin/partners/replay/add/?version={house.draft.pk}" in page
    address = f"/admin/partners/replay/add/?version={house.draft.pk}"
    assert mei.get(address).status_code == 200
    sent = mei.post(address, ASKED)
    assert sent.status_code == 302
    waiting = mei.get(sent["Location"]).content.decode()
    assert "Waits for a worker" in waiting
    with all_rows():
        replay = answer()
    assert mei.get(f"/admin/partners/replay/{replay.pk}/progress/").headers["HX-Refresh"] == "true"
    page = mei.get(sent["Location"]).content.decode()
    for words in ("−CN¥6.00", "Alice Studio", "Bob Codes", "exactly what is booked", "Course 1"):
        assert words in page
    assert "Bob Codes" not in mei.get(f"{sent['Location']}?side=less&by=month&page=0&currency=CNY").content.decode()
    file = b"".join(mei.get(f"/admin/partners/replay/{replay.pk}/csv/").streaming_content).decode()  # type: ignore[attr-defined]
    assert "bob,Bob Codes,course 1,Course 1,2026-03,CNY,14.00,50.00,36.00,3600" in file


def test_changed_figures_are_asked_and_bad_ones_stand_in_the_form(cast: Cast, house: House) -> None:
    finn = at(cast, "finn")
    address = "/admin/partners/replay/add/?agreement=agreement-1"
    assert "agreement-1" in finn.get(address).content.decode()
    for wrong, words in (
        ({}, "Nothing would be otherwise"),
        ({"agreements": "nowhere", "hold_days": "3"}, "There is no agreement “nowhere”"),
        ({"rule": "{"}, "This is no JSON"),
        ({"hold_days": "3", "until": "2020-01-01"}, "before it begins"),
    ):
        page = finn.post(address, {**ASKED, **wrong})
        assert page.status_code == 200
        assert words in page.content.decode()
    asked = {"platform_percent": "25", "hold_days": "14", "agreements": "agreement-1"}
    asked |= {"paying_model": "position_weights", "position_weights": "3, 1"}
    sent = finn.post(address, {**ASKED, **asked})
    with all_rows():
        change = Replay.objects.get().change["changes"]
        assert change == [
            {
                "agreements": ["agreement-1"],
                "percents": {"platform:revenue": 2_500},
                "clauses": {"hold_days": 14, "paying_model": "position_weights", "position_weights": [3, 1]},
            }
        ]
    told = finn.get(sent["Location"]).content.decode()
    assert "25%" in told
    assert "Weights by position" in told


def test_it_is_cancelled_and_computed_again_by_those_who_may_ask(cast: Cast, house: House) -> None:
    mei, ada = at(cast, "mei"), at(cast, "ada")
    mei.post(f"/admin/partners/replay/add/?version={house.draft.pk}", ASKED)
    with all_rows():
        pk = Replay.objects.get().pk
    assert ada.post(f"/admin/partners/replay/{pk}/act/cancel/").status_code == 403
    assert mei.post(f"/admin/partners/replay/{pk}/act/forget/").status_code == 403
    assert mei.get(f"/admin/partners/replay/{pk}/act/cancel/").status_code == 405
    mei.post(f"/admin/partners/replay/{pk}/act/cancel/")
    assert "cancelled before it was done" in ada.get(f"/admin/partners/replay/{pk}/change/").content.decode()
    mei.post(f"/admin/partners/replay/{pk}/act/again/")
    assert "Waits for a worker" in ada.get(f"/admin/partners/replay/{pk}/progress/").content.decode()
    assert ada.get("/admin/partners/replay/add/").status_code == 403


def test_a_failure_is_told_in_words(cast: Cast, house: House) -> None:
    mei = at(cast, "mei")
    mei.post(f"/admin/partners/replay/add/?version={house.draft.pk}", ASKED)
    with all_rows():
        replay = Replay.objects.get()
    for failure, words in (
        ({"code": "refused", "text": "There is no agreement “x”."}, "There is no agreement “x”."),
        ({"code": "fault", "text": "OSError"}, "The fault lies with us"),
    ):
        with all_rows():
            Replay.objects.filter(pk=replay.pk).update(state="failed", failure=failure)
        assert words in mei.get(f"/admin/partners/replay/{replay.pk}/change/").content.decode()


def test_the_party_that_is_to_accept_reads_its_own_effect(cast: Cast, house: House) -> None:
    at(cast, "mei").post(f"/admin/partners/replay/add/?version={house.draft.pk}", ASKED)
    bob = at(cast, "bob")
    with all_rows():
        answer()
    assert "What it would have meant for you" not in bob.get("/creator/agreements/").content.decode()
    with all_rows():
        version_propose(version=house.draft, by=None)
    page = bob.get("/creator/agreements/").content.decode()
    for words in ("What it would have meant for you", "CN¥14.00", "CN¥50.00", "+CN¥36.00"):
        assert words in page
    assert "CN¥56.00" not in page
