"""A session and its person, read together: one statement, and never anybody else's rights."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.choices import Role
from accounts.models import User
from accounts.rules import person_read, roles_of, seats_of
from accounts.scope import all_rows
from accounts.services import role_grant, seat_give, seat_take
from partners.models import Membership
from portal.backend import sessions
from tests import databases
from tests.accounts.test_middleware import seen
from tests.cast import Cast

probed = pytest.mark.urls("tests.accounts.probe")


def key_of(client: Client) -> str:
    return str(client.cookies["sessionid"].value)


@pytest.fixture
def members(cast: Cast) -> Cast:
    """Alice and carol are members: each has a row that the other must never see."""
    cast.alice, cast.carol  # noqa: B018
    with all_rows():
        for party in (cast.alice_party, cast.carol_party):
            Membership.objects.create(party=party, headline=f"canary {party.code}")
    return cast


@probed
def test_whoever_was_guessed_a_session_is_its_own_persons(members: Cast) -> None:
    client = members.client_of(members.alice)
    for guess in (members.carol.pk, members.mei.pk, 10**9):
        sessions._guesses[key_of(client)] = guess
        assert seen(client) == ["canary alice"]
        assert sessions._guesses[key_of(client)] == members.alice.pk
    sessions._guesses["sessionthatisnone"] = members.carol.pk
    stranger = Client()
    stranger.cookies["sessionid"] = "sessionthatisnone"
    assert seen(stranger) == []


@probed
def test_a_known_session_costs_one_statement_with_its_person_roles_and_seats(members: Cast) -> None:
    client = members.client_of(members.alice)
    seen(client)
    with CaptureQueriesContext(connection) as asked:
        assert seen(client) == ["canary alice"]
    about = [row["sql"] for row in asked if "django_session" in row["sql"] or "accounts_" in row["sql"]]
    assert len(about) == 1


@probed
def test_every_change_of_rights_counts_at_the_next_request_of_an_open_session(members: Cast) -> None:
    client = members.client_of(members.alice)
    assert seen(client) == ["canary alice"]
    seat_give(user=members.alice, party=members.carol_party)
    assert seen(client) == ["canary alice", "canary carol"]
    seat_take(user=members.alice, party=members.alice_party)
    assert seen(client) == ["canary carol"]
    role_grant(user=members.alice, role=Role.AUDITOR)
    members.alice.refresh_from_db()
    client.force_login(members.alice)
    assert seen(client) == ["canary alice", "canary carol"]
    User.objects.filter(pk=members.alice.pk).update(is_active=False)
    assert seen(client) == []
    User.objects.filter(pk=members.alice.pk).update(is_active=True)
    assert seen(client) != []
    User.objects.filter(pk=members.alice.pk).update(password="another")
    assert seen(client) == [], "a new password ends the sessions that it did not open"


@probed
def test_a_session_that_ended_or_was_removed_is_nobodys(members: Cast) -> None:
    client = members.client_of(members.alice)
    assert seen(client) == ["canary alice"]
    Session.objects.filter(pk=key_of(client)).update(expire_date=timezone.now() - timedelta(seconds=1))
    assert seen(client) == []
    client = members.client_of(members.alice)
    assert seen(client) == ["canary alice"]
    Session.objects.all().delete()
    assert seen(client) == []


def test_the_person_is_read_as_django_reads_them_with_roles_and_seats(cast: Cast) -> None:
    for person in (cast.mei, cast.alice, cast.lee):
        read, plain = person_read(user_id=person.pk), User.objects.get(pk=person.pk)
        assert read is not None
        names = [field.attname for field in User._meta.concrete_fields]
        assert [getattr(read, name) for name in names] == [getattr(plain, name) for name in names]
        with CaptureQueriesContext(connection) as asked:
            told = roles_of(read), seats_of(read)
        assert (told, len(asked)) == ((roles_of(plain), seats_of(plain)), 0)
    assert person_read(user_id=10**9) is None


@probed
def test_the_memory_of_whose_sessions_were_begins_anew(members: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST", 1)
    monkeypatch.setattr(sessions, "_guesses", {"a": 1})
    client = members.client_of(members.alice)
    assert seen(client) == ["canary alice"]
    assert sessions._guesses == {key_of(client): members.alice.pk}


@probed
def test_a_connection_that_died_between_two_requests_is_replaced(committed_db: str) -> None:
    cast = Cast()
    cast.alice  # noqa: B018
    with all_rows():
        Membership.objects.create(party=cast.alice_party, headline="canary alice")
    client = cast.client_of(cast.alice)
    assert seen(client) == ["canary alice"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    link = databases.admin()
    with link.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    link.close()
    assert seen(client) == ["canary alice"]
