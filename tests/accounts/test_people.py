"""People, roles, seats and consent by their verbs."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.db import Error, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.choices import Role
from accounts.errors import LastOperator, NotAllowed, OwnRole, PartyExists, PersonExists
from accounts.models import Consent, Party, RoleGrant, User
from accounts.rules import is_creator, roles_of
from accounts.selectors import consents_now, parties, party_ids, people, people_by_email, seats
from accounts.services import (
    NewParty,
    NewPerson,
    NewSeat,
    consent_record,
    parties_create,
    party_create,
    person_create,
    person_set_active,
    person_update,
    persons_create,
    role_grant,
    role_revoke,
    seat_give,
    seat_take,
    seats_give,
    sessions_clear,
)
from tests.cast import PASSWORD, Cast


def test_an_address_is_one_person_in_whatever_case(db: None) -> None:
    person_create(email=" Mei@Cast.Test ")
    with pytest.raises(PersonExists, match=r"mei@cast\.test"):
        person_create(email="MEI@cast.test")
    assert User.objects.get().email == "mei@cast.test"


def test_a_batch_with_the_same_address_twice_creates_nobody(db: None) -> None:
    with pytest.raises(PersonExists, match=r"b@cast\.test"):
        persons_create(persons=[NewPerson(email="b@cast.test"), NewPerson(email="B@cast.test")])
    assert not User.objects.exists()


def test_a_thousand_people_cost_as_many_queries_as_one(db: None) -> None:
    counts = []
    for start, size in ((0, 1), (1, 1000)):
        with CaptureQueriesContext(connection) as queries:
            made = persons_create(
                persons=[
                    NewPerson(email=f"p{number}@cast.test", verified=True) for number in range(start, start + size)
                ]
            )
        assert [user.email for user in made] == [f"p{n}@cast.test" for n in range(start, start + size)]
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert EmailAddress.objects.filter(verified=True, primary=True).count() == 1001


def test_without_a_password_nobody_logs_in(db: None) -> None:
    user = person_create(email="imported@cast.test")
    assert not user.has_usable_password()
    assert not EmailAddress.objects.exists()


def test_a_staff_role_opens_the_admin_and_its_revocation_closes_it(cast: Cast) -> None:
    user = cast.lee
    role_grant(user=user, role=Role.FINANCE, by=cast.olga)
    role_grant(user=user, role=Role.MARKETER, by=cast.olga)
    assert User.objects.get(pk=user.pk).is_staff
    assert roles_of(user) == {"finance", "marketer"}
    assert role_revoke(user=user, role=Role.FINANCE, by=cast.olga)
    assert User.objects.get(pk=user.pk).is_staff, "one role is left"
    assert role_revoke(user=user, role=Role.MARKETER, by=cast.olga)
    assert not User.objects.get(pk=user.pk).is_staff
    assert roles_of(user) == frozenset()
    assert not role_revoke(user=user, role=Role.MARKETER, by=cast.olga), "not held any more"


def test_granting_a_role_twice_keeps_one_grant(cast: Cast) -> None:
    first = role_grant(user=cast.lee, role=Role.AUDITOR, by=cast.olga)
    assert role_grant(user=cast.lee, role=Role.AUDITOR, by=cast.olga) == first
    role_revoke(user=cast.lee, role=Role.AUDITOR, by=cast.olga)
    assert role_grant(user=cast.lee, role=Role.AUDITOR, by=cast.olga) != first
    assert RoleGrant.objects.filter(user=cast.lee).count() == 2


def test_nobody_changes_their_own_roles(cast: Cast) -> None:
    with pytest.raises(OwnRole):
        role_grant(user=cast.olga, role=Role.FINANCE, by=cast.olga)
    with pytest.raises(OwnRole):
        role_revoke(user=cast.olga, role=Role.OPERATOR, by=cast.olga)


@pytest.mark.parametrize("who", ["mei", "finn", "ada", "marco", "alice", "lee"])
def test_only_an_operator_grants_and_revokes(cast: Cast, who: str) -> None:
    with pytest.raises(NotAllowed):
        role_grant(user=cast.bob, role=Role.FINANCE, by=getattr(cast, who))
    with pytest.raises(NotAllowed):
        role_revoke(user=cast.olga, role=Role.OPERATOR, by=getattr(cast, who))
    assert roles_of(cast.olga) == {"operator"}


def test_the_last_operator_stays(cast: Cast) -> None:
    with pytest.raises(LastOperator):
        role_revoke(user=cast.olga, role=Role.OPERATOR)
    role_grant(user=cast.lee, role=Role.OPERATOR, by=cast.olga)
    assert role_revoke(user=cast.olga, role=Role.OPERATOR, by=cast.lee)


def test_a_closed_account_may_do_nothing(cast: Cast) -> None:
    person_set_active(user=cast.mei, active=False, by=cast.olga)
    assert roles_of(User.objects.get(pk=cast.mei.pk)) == frozenset()
    with pytest.raises(NotAllowed):
        person_set_active(user=cast.olga, active=False, by=cast.olga)


def test_the_database_refuses_a_second_live_grant(cast: Cast) -> None:
    role_grant(user=cast.lee, role=Role.AUDITOR)
    with pytest.raises(Error):
        RoleGrant.objects.create(user=cast.lee, role=Role.AUDITOR)


def test_a_party_code_must_name_accounts(db: None) -> None:
    party_create(code="lin-yue", kind="creator", name="Lin Yue")
    with pytest.raises(PartyExists, match="lin-yue"):
        party_create(code="lin-yue", kind="creator", name="Another")
    for code in ("", "Lin", "a b", "a:reserve", "-a"):
        with pytest.raises(ValidationError):
            party_create(code=code, kind="creator", name="X")
    with pytest.raises(ValueError, match="sponsor"):
        party_create(code="x", kind="sponsor", name="X")


def test_many_parties_and_seats_cost_constant_queries(cast: Cast) -> None:
    counts = []
    for start, size in ((0, 1), (1, 200)):
        with CaptureQueriesContext(connection) as queries:
            made = parties_create(
                parties=[NewParty(code=f"p{n}", kind="creator", name=f"P {n}") for n in range(start, start + size)]
            )
            seats_give(seats=[NewSeat(user_id=cast.lee.pk, party_id=party.pk) for party in made])
        counts.append(len(queries))
    assert counts[1] <= counts[0]
    assert Party.objects.count() == 201
    assert len(party_ids(visible_to=cast.lee)) == 201


def test_people_see_the_parties_of_their_seats_and_staff_see_all(cast: Cast) -> None:
    cast.alice, cast.carol  # noqa: B018
    assert set(parties(visible_to=cast.alice)) == {cast.alice_party}
    assert set(parties(visible_to=cast.lee)) == set()
    assert set(parties(visible_to=cast.ada)) == {cast.alice_party, cast.carol_party}
    assert {seat.user for seat in seats(visible_to=cast.alice)} == {cast.alice}


def test_people_see_those_who_share_a_party_with_them(cast: Cast) -> None:
    seat_give(user=cast.bob, party=cast.alice_party)
    cast.carol  # noqa: B018
    assert set(people(visible_to=cast.alice)) == {cast.alice, cast.bob}
    assert set(people(visible_to=cast.lee)) == {cast.lee}
    assert cast.carol in people(visible_to=cast.mei)


def test_a_taken_seat_is_gone_at_once(cast: Cast) -> None:
    assert is_creator(cast.alice)
    assert seat_take(user=cast.alice, party=cast.alice_party, by=cast.mei)
    assert not is_creator(cast.alice)
    assert list(parties(visible_to=cast.alice)) == []
    assert not seat_take(user=cast.alice, party=cast.alice_party)


def test_a_seat_given_again_takes_the_new_role(cast: Cast) -> None:
    seat = seat_give(user=cast.alice, party=cast.alice_party, role="member")
    assert (seat.role, cast.alice.seats.count()) == ("member", 1)


def test_the_latest_word_on_consent_counts_and_earlier_words_stay(cast: Cast) -> None:
    assert consents_now(user=cast.lee) == {
        "mail": False,
        "analytics": False,
        "personalisation": True,
    }
    consent_record(user=cast.lee, purpose="mail", granted=True)
    consent_record(user=cast.lee, purpose="mail", granted=True)
    consent_record(user=cast.lee, purpose="mail", granted=False)
    consent_record(user=cast.lee, purpose="analytics", granted=True)
    assert consents_now(user=cast.lee) == {"mail": False, "analytics": True, "personalisation": True}
    assert Consent.objects.filter(user=cast.lee, purpose="mail").count() == 2
    assert consents_now(user=cast.bob)["mail"] is False


def test_what_was_said_on_consent_cannot_be_unsaid(cast: Cast) -> None:
    consent_record(user=cast.lee, purpose="mail", granted=True)
    with pytest.raises(Error, match="permission denied"):
        Consent.objects.update(granted=False)


def test_a_language_is_one_of_ours(cast: Cast) -> None:
    person_update(user=cast.lee, language="zh-hans")
    assert User.objects.get(pk=cast.lee.pk).language == "zh-hans"
    with pytest.raises(ValueError, match="klingon"):
        person_update(user=cast.lee, language="klingon")


def test_people_are_found_by_address_in_whatever_case(cast: Cast) -> None:
    assert cast.lee.check_password(PASSWORD)
    assert people_by_email(["LEE@cast.test", "nobody@cast.test"]) == {"lee@cast.test": cast.lee}


def test_sessions_that_have_expired_are_cleared_and_others_stay(cast: Cast) -> None:
    browsers = {name: cast.client_of(getattr(cast, name)) for name in ("lee", "alice")}
    gone = browsers["alice"].session.session_key
    Session.objects.filter(pk=gone).update(expire_date=timezone.now() - timedelta(seconds=1))
    sessions_clear()
    assert list(Session.objects.values_list("pk", flat=True)) == [browsers["lee"].session.session_key]
