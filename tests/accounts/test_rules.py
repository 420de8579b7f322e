"""The role matrix: complete, as documented, and what Django's permission questions are answered from."""

from pathlib import Path

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.choices import Role
from accounts.models import User
from accounts.rules import DOORS, MATRIX, allows, is_creator, is_staff, may, may_enter, roles_of, seats_of
from accounts.services import role_grant
from tests.cast import Cast

OURS = {"accounts", "events", "ledger", "partners", "courses", "analytics", "recommender"}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "roles.md"
ROLES = [Role.MANAGER, Role.FINANCE, Role.AUDITOR, Role.MARKETER, Role.OPERATOR]


def own_models() -> set[str]:
    """Every model of ours but the tables behind the audit trail, which are read through it."""
    models = {model._meta.label_lower for model in apps.get_models() if model._meta.app_label in OURS}
    return {label for label in models if not label.endswith("event") or label in MATRIX}


def test_every_model_of_ours_has_a_row() -> None:
    assert not own_models() - set(MATRIX)


def test_every_row_is_a_model() -> None:
    assert not set(MATRIX) - {model._meta.label_lower for model in apps.get_models()}


def test_every_page_of_the_admin_has_a_row() -> None:
    assert not {model._meta.label_lower for model in admin.site._registry} - set(MATRIX)


def table() -> list[str]:
    """The matrix as the lines of the page."""
    head = "| rows | " + " | ".join(str(role) for role in ROLES) + " |"
    lines = [head, "|---" * (len(ROLES) + 1) + "|"]
    for model, row in MATRIX.items():
        cells = [", ".join(("view",) if role == Role.AUDITOR else row.get(str(role), ())) or "–" for role in ROLES]
        lines.append(f"| `{model}` | " + " | ".join(cells) + " |")
    return lines


def test_the_page_says_what_the_matrix_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    written = [line for line in text.splitlines() if line.startswith(("| rows |", "| `"))]
    assert written == [line for line in table() if not line.startswith("|---")]


def test_the_page_names_every_door() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for door, roles in DOORS.items():
        line = next(line for line in text.splitlines() if line.startswith(f"- `/{door}/`"))
        named = {str(role) for role in Role if f"{role}" in line} if len(roles) < len(Role) else roles
        assert named == roles, line


@pytest.mark.parametrize("model", sorted(MATRIX))
def test_the_auditor_views_all_and_changes_nothing(model: str) -> None:
    assert allows(Role.AUDITOR, "view", model)
    actions = {
        "add",
        "change",
        "delete",
        *(action for row in MATRIX.values() for actions in row.values() for action in actions),
    }
    assert not [action for action in actions - {"view"} if allows(Role.AUDITOR, action, model)]


def test_whoever_may_act_on_rows_may_see_them() -> None:
    assert not [(m, r) for m, row in MATRIX.items() for r, actions in row.items() if "view" not in actions]


@pytest.mark.parametrize(
    "model", [label for label in MATRIX if label.startswith("ledger.") and label != "ledger.fxrate"]
)
def test_nobody_writes_books_by_hand(model: str) -> None:
    assert not [
        (role, action) for role in Role for action in ("add", "change", "delete") if allows(role, action, model)
    ]


def test_agreements_take_two_roles() -> None:
    drafts = {role for role in Role if allows(role, "propose", "partners.agreementversion")}
    approves = {role for role in Role if allows(role, "approve", "partners.agreementversion")}
    assert (drafts, approves) == ({Role.MANAGER}, {Role.FINANCE})


def test_only_operators_grant_roles_and_nobody_deletes_people() -> None:
    assert [role for role in Role if allows(role, "add", "accounts.rolegrant")] == [Role.OPERATOR]
    assert not [role for role in Role if allows(role, "delete", "accounts.user")]


def test_django_asks_the_matrix(cast: Cast) -> None:
    assert cast.mei.has_perm("partners.change_agreement")
    assert not cast.mei.has_perm("partners.approve_agreementversion")
    assert cast.finn.has_perm("partners.approve_agreementversion")
    assert cast.finn.has_module_perms("ledger")
    assert not cast.marco.has_module_perms("ledger") or MATRIX["ledger.fxrate"].get("marketer")
    assert not cast.alice.has_perm("partners.view_agreement")
    assert not cast.lee.has_module_perms("courses")
    assert not cast.mei.has_perm("no.such_thing")
    assert not cast.mei.has_perm("nonsense")


def test_roles_add_up(cast: Cast) -> None:
    role_grant(user=cast.marco, role="finance", by=cast.olga)
    assert roles_of(cast.marco) == {"marketer", "finance"}
    assert may(cast.marco, "add", "partners.coupon")
    assert may(cast.marco, "approve", "partners.agreementversion")


def test_a_superuser_may_do_everything_and_a_closed_account_nothing(cast: Cast) -> None:
    cast.lee.is_superuser = cast.lee.is_staff = True
    assert may(cast.lee, "delete", "accounts.seat")
    assert may_enter(cast.lee, "marketing")
    assert is_staff(cast.lee)
    cast.lee.is_active = False
    assert not may(cast.lee, "view", "accounts.user")
    assert not may_enter(cast.lee, "admin")
    assert not is_staff(cast.lee)


def test_strangers_may_do_nothing(db: None) -> None:
    stranger = AnonymousUser()
    assert (roles_of(stranger), seats_of(stranger), is_creator(stranger), is_staff(stranger)) == (
        frozenset(),
        frozenset(),
        False,
        False,
    )
    assert not may(stranger, "view", "courses.course")
    assert not may_enter(stranger, "creator")


def test_groups_and_single_permissions_grant_nothing(cast: Cast) -> None:
    group = Group.objects.create(name="all")
    group.permissions.set(Permission.objects.all())
    cast.lee.groups.add(group)
    cast.lee.user_permissions.set(Permission.objects.all())
    lee = User.objects.get(pk=cast.lee.pk)
    assert not lee.has_perm("accounts.view_user")
    assert lee.get_all_permissions() == set()
    assert not lee.has_module_perms("accounts")


def test_all_permissions_are_those_of_the_matrix(cast: Cast) -> None:
    granted = cast.finn.get_all_permissions()
    assert "partners.approve_agreementversion" in granted
    assert all(cast.finn.has_perm(perm) for perm in granted)
    assert "accounts.add_rolegrant" not in granted


def test_a_whole_page_of_questions_is_one_query(cast: Cast) -> None:
    mei = User.objects.get(pk=cast.mei.pk)
    with CaptureQueriesContext(connection) as queries:
        for model in MATRIX:
            may(mei, "view", model)
    assert len(queries) == 1
