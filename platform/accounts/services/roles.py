"""Staff roles: granted and revoked by a second person, in step with the flag that opens the admin."""

from django.db import transaction
from django.utils import timezone

from accounts.audit import acting
from accounts.choices import Role
from accounts.errors import LastOperator, NotAllowed, OwnRole
from accounts.models import RoleGrant, User
from accounts.rules import forget, may
from accounts.services.people import sessions_end


@transaction.atomic
def role_grant(*, user: User, role: str, by: User | None = None) -> RoleGrant:
    """Grant a staff role; granting one that the person holds returns that grant.

    `by` None is the system: a command on the machine, the demo. Raises OwnRole, NotAllowed, ValueError for no role.
    """
    kind = Role(role)
    _check(user, by, "add")
    person = User.objects.select_for_update().get(pk=user.pk)
    with acting(actor=by.pk if by else None):
        grant, _created = RoleGrant.objects.get_or_create(
            user=person, role=kind, revoked_at=None, defaults={"granted_by": by}
        )
        _keep_in_step(person)
    user.is_staff = True
    forget(user)
    return grant


@transaction.atomic
def role_revoke(*, user: User, role: str, by: User | None = None) -> bool:
    """Take a staff role back and end the person's open sessions at once; false when it was not held.

    Raises OwnRole, NotAllowed, and LastOperator when nobody could grant roles afterwards.
    """
    kind = Role(role)
    _check(user, by, "change")
    # All operators are locked in one order, so that two of them cannot revoke each other's role at the same instant.
    operators = set(
        RoleGrant.objects.select_for_update()
        .filter(role=Role.OPERATOR, revoked_at=None, user__is_active=True)
        .order_by("pk")
        .values_list("user_id", flat=True)
    )
    person = User.objects.select_for_update().get(pk=user.pk)
    if kind == Role.OPERATOR and operators == {person.pk} and not _has_superuser(person):
        raise LastOperator
    with acting(actor=by.pk if by else None):
        live = RoleGrant.objects.filter(user=person, role=kind, revoked_at=None)
        if not live.update(revoked_at=timezone.now()):
            return False
        _keep_in_step(person)
        sessions_end(user=person)
    user.is_staff, user.session_epoch = person.is_staff, person.session_epoch
    forget(user)
    return True


def _check(user: User, by: User | None, action: str) -> None:
    if by is None:
        return
    if by.pk == user.pk:
        raise OwnRole
    if not may(by, action, "accounts.rolegrant"):
        raise NotAllowed


def _has_superuser(leaving: User) -> bool:
    return User.objects.filter(is_superuser=True, is_active=True).exclude(pk=leaving.pk).exists()


def _keep_in_step(person: User) -> None:
    staff = person.is_superuser or RoleGrant.objects.filter(user=person, revoked_at=None).exists()
    if person.is_staff != staff:
        person.is_staff = staff
        person.save(update_fields=["is_staff"])
