"""The audit trail: what triggers keep, and that nobody can mend it afterwards."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import Error, connection, connections, transaction

from accounts.admin.audit import tracked_models
from accounts.audit import acting, current
from accounts.models import AuditEntry, User
from accounts.selectors import audit_changes, audit_entries
from accounts.services import consent_record, person_create, role_grant, role_revoke, seat_give, seat_take
from tests import databases
from tests.cast import Cast

EVENT_TABLES = [
    "accounts_userevent",
    "accounts_rolegrantevent",
    "accounts_partyevent",
    "accounts_seatevent",
    "accounts_consentevent",
]


@pytest.fixture(scope="module")
def full_trail(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Committed rows in each event table of a database of this module's own, so that the owner sees them too."""
    with django_db_blocker.unblock(), databases.clone():
        cast = Cast()
        consent_record(user=cast.alice, purpose="mail", granted=True)
        cast.olga  # noqa: B018
        yield


def entries(source: str) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(source=source).order_by("number"))


def test_a_change_is_kept_with_actor_and_request(cast: Cast) -> None:
    user = cast.lee
    with acting(actor=cast.olga.pk, url="/admin/accounts/user/1/change/"):
        User.objects.filter(pk=user.pk).update(name="Lee Two")
    entry = AuditEntry.objects.filter(source="accounts_userevent", object_id=user.pk).latest("number")
    assert (entry.label, entry.actor_id, entry.url) == ("update", cast.olga.pk, "/admin/accounts/user/1/change/")
    assert [(c.field, c.before, c.after) for c in audit_changes(entry)] == [("name", "Lee", "Lee Two")]


def test_raw_sql_and_bulk_statements_do_not_escape(cast: Cast) -> None:
    cast.lee  # noqa: B018
    before = len(entries("accounts_userevent"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET name = 'Raw' WHERE email = 'lee@cast.test'")
    User.objects.bulk_create([User(email="one@cast.test"), User(email="two@cast.test")])
    added = entries("accounts_userevent")[before:]
    assert [(entry.label, entry.data["email"]) for entry in added] == [
        ("update", "lee@cast.test"),
        ("insert", "one@cast.test"),
        ("insert", "two@cast.test"),
    ]


def test_secrets_and_noise_are_not_kept(cast: Cast) -> None:
    user = cast.lee
    before = len(entries("accounts_userevent"))
    user.set_password("another quiet river")
    user.save(update_fields=["password"])
    assert len(entries("accounts_userevent")) == before
    assert all(not {"password", "last_login"} & set(entry.data) for entry in entries("accounts_userevent"))


def test_a_removed_row_leaves_its_last_state(cast: Cast) -> None:
    user, party = cast.lee, cast.alice_party
    seat_give(user=user, party=party, by=cast.mei)
    seat_take(user=user, party=party, by=cast.olga)
    given, taken = entries("accounts_seatevent")
    assert [(e.label, e.actor_id, e.data["user_id"]) for e in (given, taken)] == [
        ("insert", cast.mei.pk, user.pk),
        ("delete", cast.olga.pk, user.pk),
    ]
    assert {c.field: (c.before, c.after) for c in audit_changes(taken)}["party_id"] == (party.pk, None)
    assert {c.field: (c.before, c.after) for c in audit_changes(given)}["party_id"] == (None, party.pk)


def test_roles_leave_a_story(cast: Cast) -> None:
    role_grant(user=cast.lee, role="marketer", by=cast.olga)
    role_revoke(user=cast.lee, role="marketer", by=cast.olga)
    story = [e for e in entries("accounts_rolegrantevent") if e.data["user_id"] == cast.lee.pk]
    assert [(e.label, e.actor_id) for e in story] == [("insert", cast.olga.pk), ("update", cast.olga.pk)]
    assert [c.field for c in audit_changes(story[1])] == ["revoked_at"]


@pytest.mark.parametrize("alias", ["default", "owner"])
@pytest.mark.parametrize("table", EVENT_TABLES)
@pytest.mark.parametrize(
    "statement",
    ["UPDATE {} SET pgh_label = 'x'", "DELETE FROM {}", "TRUNCATE {}"],
    ids=["update", "delete", "truncate"],
)
def test_nobody_mends_the_audit_trail(full_trail: None, alias: str, table: str, statement: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone()[0] > 0, "a table without rows would prove nothing"
        with pytest.raises(Error, match=r"permission denied|never changed or removed"):
            cursor.execute(statement.format(table))


def test_every_table_of_the_trail_only_grows_and_is_shown(db: None) -> None:
    tables = set(tracked_models())
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE tgname LIKE 'refuse%'")
        refusing = set(cursor.fetchall())
        cursor.execute("SELECT pg_get_viewdef('accounts_auditentry')")
        (shown,) = cursor.fetchone()
    assert not {(table, name) for table in tables for name in ("refuse_change", "refuse_truncate")} - refusing
    assert not [table for table in tables if f"'{table}'" not in shown]


def test_the_view_is_read_only(cast: Cast) -> None:
    cast.lee  # noqa: B018
    for statement in ("UPDATE accounts_auditentry SET label = 'x'", "DELETE FROM accounts_auditentry"):
        with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_only_staff_read_the_trail(cast: Cast) -> None:
    cast.lee  # noqa: B018
    assert audit_entries(visible_to=cast.ada).count() > 0
    assert audit_entries(visible_to=cast.alice).count() == 0


def test_the_newest_page_of_the_trail_needs_no_sort_of_everything(cast: Cast) -> None:
    plan = audit_entries(visible_to=cast.ada)[:50].explain()
    assert "Merge Append" in plan, plan


def test_inner_names_add_to_outer_ones_and_end_with_their_block(db: None) -> None:
    with acting(actor=1, url="/a/"):
        with acting(task="events.relay", actor=None):
            assert current() == {"actor": 1, "url": "/a/", "task": "events.relay"}
        assert current() == {"actor": 1, "url": "/a/"}
    assert current() == {}


def test_the_actor_does_not_outlive_the_transaction(committed_db: str) -> None:
    with acting(actor=42):
        person_create(email="a@cast.test")
    person_create(email="b@cast.test")
    assert [e.actor_id for e in entries("accounts_userevent")] == [42, None]
