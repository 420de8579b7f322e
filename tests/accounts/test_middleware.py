"""The scope of a request: one transaction, the reader's rows, nothing left behind."""

import pytest
from django.db import connection
from django.test import Client

from accounts.models import AuditEntry, Party
from accounts.scope import all_rows
from accounts.services import seat_take
from partners.models import Membership
from tests.cast import Cast

pytestmark = pytest.mark.urls("tests.accounts.probe")


@pytest.fixture
def members(cast: Cast) -> Cast:
    """Alice and carol are members."""
    cast.alice, cast.carol  # noqa: B018
    with all_rows():
        for party in (cast.alice_party, cast.carol_party):
            Membership.objects.create(party=party, headline=f"canary {party.code}")
    return cast


def seen(client: Client) -> list[str]:
    return list(client.get("/probe/look").json()["seen"])


def test_each_reader_sees_what_is_theirs(members: Cast) -> None:
    assert seen(Client()) == []
    assert seen(members.client_of(members.lee)) == []
    assert seen(members.client_of(members.alice)) == ["canary alice"]
    assert seen(members.client_of(members.carol)) == ["canary carol"]
    for staff in (members.mei, members.finn, members.ada, members.marco, members.olga):
        assert seen(members.client_of(staff)) == ["canary alice", "canary carol"]


def test_a_closed_account_sees_nothing(members: Cast) -> None:
    client = members.client_of(members.alice)
    members.alice.is_active = False
    members.alice.save()
    assert seen(client) == []


def test_a_lost_seat_is_lost_from_the_next_request_on(members: Cast) -> None:
    client = members.client_of(members.alice)
    assert seen(client) == ["canary alice"]
    seat_take(user=members.alice, party=members.alice_party)
    assert seen(client) == []


def test_the_staff_flag_without_a_role_opens_nothing(members: Cast) -> None:
    members.lee.is_staff = True
    members.lee.save()
    assert seen(members.client_of(members.lee)) == []


def test_the_scope_ends_with_the_request(members: Cast) -> None:
    seen(members.client_of(members.mei))
    assert list(Membership.objects.all()) == []


def test_the_audit_trail_learns_actor_and_request(members: Cast) -> None:
    members.client_of(members.alice).post("/probe/write/200")
    entry = AuditEntry.objects.get(source="accounts_partyevent", data__code="written")
    assert (entry.actor, entry.url) == (members.alice, "/probe/write/200")
    assert entry.context["method"] == "POST"
    assert entry.context["request"]


def test_a_template_is_rendered_inside_the_scope(members: Cast) -> None:
    assert members.client_of(members.alice).get("/probe/rendered").content == b"canary alice;"


@pytest.mark.parametrize("end", ["200", "204", "302", "400", "410", "422"])
def test_what_a_view_replies_itself_is_kept(db: None, end: str) -> None:
    Client().post(f"/probe/write/{end}")
    assert Party.objects.filter(code="written").exists()


@pytest.mark.parametrize("end", ["raise", "404", "403", "500", "503"])
def test_a_failure_undoes_what_the_view_wrote(db: None, end: str) -> None:
    client = Client(raise_request_exception=False)
    response = client.post(f"/probe/write/{end}")
    assert response.status_code == {"raise": 500}.get(end) or int(end)
    assert not Party.objects.filter(code="written").exists()


def test_a_failure_while_rendering_undoes_what_the_view_wrote(db: None) -> None:
    response = Client(raise_request_exception=False).get("/probe/broken-template")
    assert response.status_code == 500
    assert not Party.objects.filter(code="written").exists()


def test_an_error_reply_of_the_api_undoes_what_was_written(cast: Cast) -> None:
    assert cast.client_of(cast.alice).post("/probe/api").status_code == 400
    assert not Party.objects.filter(code="written").exists()


def test_an_error_page_may_ask_the_database_and_sees_no_partys_rows(members: Cast) -> None:
    response = members.client_of(members.alice).post("/probe/write/404")
    assert response.content == b"2 parties, 0 members"


def test_a_view_that_needs_no_database_opens_no_transaction(committed_db: str) -> None:
    assert Client().get("/probe/still").json() == {"atomic": False}
    assert Client().get("/probe/look").json()["atomic"] is True
    assert not connection.in_atomic_block


def test_a_failed_commit_is_an_error_and_not_a_silent_loss(committed_db: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deferred check speaks at commit, after the view has replied."""
    from tests.accounts import probe

    def orphan(**_options: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO accounts_seat (user_id, party_id, role, created_at) VALUES (999, 999, 'owner', now())"
            )

    monkeypatch.setattr(probe, "party_create", orphan)
    assert Client(raise_request_exception=False).post("/probe/write/200").status_code == 500
    assert not connection.in_atomic_block


def test_a_streamed_body_keeps_the_readers_scope_only_when_told_to(committed_db: str) -> None:
    cast = Cast()
    cast.alice, cast.carol  # noqa: B018
    with all_rows():
        for party in (cast.alice_party, cast.carol_party):
            Membership.objects.create(party=party, headline=f"canary {party.code}")
    client = cast.client_of(cast.alice)
    scoped = client.get("/probe/stream/scoped")
    assert b"".join(scoped.streaming_content) == b"canary alice"  # type: ignore[attr-defined]
    naive = client.get("/probe/stream/naive")
    assert b"".join(naive.streaming_content) == b""  # type: ignore[attr-defined]


def test_doors_let_in_whom_they_should(cast: Cast) -> None:
    expected = {"mei": 200, "finn": 200, "ada": 200, "marco": 200, "olga": 403, "alice": 403, "lee": 403}
    assert {name: cast.client_of(getattr(cast, name)).get("/probe/desk").status_code for name in expected} == expected
    studio = {"mei": 403, "alice": 200, "lee": 403}
    assert {name: cast.client_of(getattr(cast, name)).get("/probe/studio").status_code for name in studio} == studio


def test_strangers_are_sent_to_the_login_and_back(db: None) -> None:
    response = Client().get("/probe/desk?x=1")
    assert response.status_code == 302
    assert response["Location"] == "/accounts/login/?next=/probe/desk%3Fx%3D1"
