"""Row-level security, as the role of the web meets it, on a real table of parties."""

import pytest
from django.db import IntegrityError, ProgrammingError, connection, connections, transaction

from accounts.models import Party
from accounts.operations import PARTIES, RowSecurity
from accounts.scope import all_rows, party_rows, streamed
from partners.models import Membership
from tests.cast import Cast


@pytest.fixture
def members(cast: Cast) -> tuple[Party, Party]:
    """Alice and carol are members; two rows that could leak."""
    parties = (cast.alice_party, cast.carol_party)
    with all_rows():
        for party in parties:
            Membership.objects.create(party=party, headline=f"canary {party.code}")
    return parties


def headlines() -> list[str]:
    return list(Membership.objects.order_by("headline").values_list("headline", flat=True))


def test_the_web_role_is_bound_by_row_security(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolbypassrls, rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)
        cursor.execute("SELECT tableowner = current_user FROM pg_tables WHERE tablename = 'partners_membership'")
        assert cursor.fetchone() == (False,)


def test_every_table_with_row_security_forces_it_also_on_its_owner(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, relforcerowsecurity FROM pg_class"
            " WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
        )
        rows = dict(cursor.fetchall())
    assert "partners_membership" in rows
    assert all(rows.values())


def test_without_a_scope_no_row_is_seen(members: tuple[Party, Party]) -> None:
    assert headlines() == []


def test_staff_see_every_row(members: tuple[Party, Party]) -> None:
    with all_rows():
        assert headlines() == ["canary alice", "canary carol"]


def test_a_party_sees_its_own_rows_only(members: tuple[Party, Party]) -> None:
    alice, carol = members
    with party_rows([alice.pk]):
        assert headlines() == ["canary alice"]
    with party_rows([carol.pk]):
        assert headlines() == ["canary carol"]
    with party_rows([alice.pk, carol.pk]):
        assert headlines() == ["canary alice", "canary carol"]
    with party_rows([]):
        assert headlines() == []


def test_an_inner_scope_ends_with_its_block(members: tuple[Party, Party]) -> None:
    alice, _carol = members
    with party_rows([alice.pk]):
        with all_rows():
            assert len(headlines()) == 2
        assert headlines() == ["canary alice"]
    assert headlines() == []


def test_a_scope_is_taken_back_when_its_block_fails(members: tuple[Party, Party]) -> None:
    with pytest.raises(ZeroDivisionError), all_rows():
        assert len(headlines()) == 2
        raise ZeroDivisionError
    assert headlines() == []


def test_a_scope_survives_a_statement_that_fails_in_a_savepoint(members: tuple[Party, Party]) -> None:
    alice, _carol = members
    with party_rows([alice.pk]):
        with pytest.raises(IntegrityError), transaction.atomic():
            Membership.objects.create(party=alice)
        assert headlines() == ["canary alice"]


def test_a_foreign_row_cannot_be_inserted(cast: Cast) -> None:
    alice, carol = cast.alice_party, cast.carol_party
    with party_rows([alice.pk]):
        Membership.objects.create(party=alice)
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Membership.objects.create(party=carol)


def test_a_foreign_row_can_neither_be_changed_nor_removed_nor_given_away(members: tuple[Party, Party]) -> None:
    alice, carol = members
    with party_rows([alice.pk]):
        assert Membership.objects.filter(party=carol).update(headline="taken") == 0
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM partners_membership WHERE party_id = %s", [carol.pk])
            assert cursor.rowcount == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Membership.objects.filter(party=alice).update(party=carol)
    with all_rows():
        assert headlines() == ["canary alice", "canary carol"]


def test_party_ids_that_are_no_numbers_are_refused(db: None) -> None:
    with pytest.raises(ValueError, match="invalid literal"), party_rows(["1) OR (true"]):  # type: ignore[list-item]
        pass


def test_the_scope_ends_with_the_transaction(committed_db: str) -> None:
    cast = Cast()
    with all_rows():
        Membership.objects.create(party=cast.alice_party, headline="canary alice")
        assert headlines() == ["canary alice"]
    assert headlines() == [], "the same connection, after the commit"
    connections["default"].close()
    assert headlines() == [], "a new connection"


def test_a_streamed_body_is_read_in_the_scope_that_held_when_it_was_made(committed_db: str) -> None:
    cast = Cast()
    with all_rows():
        for party in (cast.alice_party, cast.carol_party):
            Membership.objects.create(party=party, headline=f"canary {party.code}")
    with party_rows([cast.alice_party.pk]):
        naive = (headline for headline in [headlines])
        body = streamed(lambda: iter(headlines()))
    assert next(naive)() == [], "outside the transaction there is no scope, hence `streamed`"
    assert list(body) == ["canary alice"]
    assert headlines() == []


def test_reversing_the_migration_lifts_row_security() -> None:
    operation = RowSecurity("probe", f"party_id = {PARTIES}")
    assert len(operation.forward_sql()) == len(operation.backward_sql()) == 4
    assert operation.describe() == "Force row-level security on probe"
