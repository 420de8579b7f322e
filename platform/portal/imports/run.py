"""One import from beginning to end, and taking one back."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from accounts.choices import BatchState, Role
from accounts.errors import AccountsError
from accounts.models import ImportBatch, User
from accounts.scope import all_rows
from accounts.services import NewPerson, batch_close, batch_open, batch_reverse_mark, persons_create
from analytics.services import orders_void_book
from courses.choices import CourseState
from courses.errors import CoursesError, NotVoidableError
from courses.models import Course, Order
from courses.services import course_retire, orders_void
from ledger.errors import LedgerError
from partners.errors import PartnersError
from portal.imports import receipt
from portal.imports.errors import RefusedImportError
from portal.imports.mapping import Mapping
from portal.imports.plan import Plan
from portal.imports.write import Actors, write


def run(plan: Plan, mapping: Mapping, *, actors: Sequence[User] = (), dry_run: bool = False) -> dict[str, Any]:
    """Import a plan in one transaction, settled before the receipt is made; returns the receipt.

    A dry run does all of it and rolls back. `actors`: who prepared it and who approved its agreements.
    RefusedImportError: a row that changed since an earlier import, or what a floor or the database does not take.
    """
    try:
        with all_rows(), transaction.atomic():
            batch = batch_open(source=mapping.source, actor=actors[0] if actors else None)
            done = write(plan, mapping, batch=batch, actors=Actors(*actors) if actors else _custodians(mapping.source))
            made = receipt.make(plan, mapping, done)
            batch_close(batch=batch, receipt=made)
            # An import that found nothing new leaves no empty batch behind.
            transaction.set_rollback(dry_run or not done.written)
    except (AccountsError, LedgerError, PartnersError, CoursesError, DataError, IntegrityError) as error:
        raise RefusedImportError(f"the import was refused as a whole, nothing is kept: {error}") from error
    return made


def reverse(*, batch_id: int, at: datetime | None = None, actor: User | None = None, reason: str) -> dict[str, int]:
    """Take an import back: its orders are voided in the books, its people, touches and spend count as withdrawn.

    Its courses go off sale, so that the files may come again without standing in the catalogue twice.
    """
    moment = at or timezone.now()
    with all_rows(), transaction.atomic():
        batch = ImportBatch.objects.select_for_update().filter(pk=batch_id).first()
        if batch is None:
            raise RefusedImportError(f"there is no import {batch_id}.")
        if batch.state == BatchState.REVERSED:
            raise RefusedImportError(f"import {batch_id} was reversed on {batch.reversed_at:%Y-%m-%d %H:%M} already.")
        orders = dict(Order.objects.filter(import_batch=batch).order_by("pk").values_list("pk", "code"))
        codes = list(orders.values())
        try:
            orders_void(codes=codes, at=moment, actor_id=actor.pk if actor else None, reason=reason)
        except NotVoidableError as error:
            raise RefusedImportError(str(error)) from error
        voided = orders_void_book(order_ids=list(orders))
        batch_reverse_mark(batch=batch, actor=actor, at=moment)
        for course in Course.objects.filter(import_batch=batch, state=CourseState.PUBLISHED).values_list(
            "pk", flat=True
        ):
            course_retire(course_id=course, at=moment)
        people = User.objects.filter(import_batch=batch).update(is_active=False)
    return {"orders": len(codes), "entries": len(voided), "people": people}


def _custodians(source: str) -> Actors:
    """Two persons of the house who stand for agreements that were signed in the source.

    The first manager and the first member of finance; on a bare installation two accounts that nobody can log in to.
    """
    maker = _first(Role.MANAGER) or _custodian(f"import.prepared@{source}.invalid", "Import, prepared")
    checker = _first(Role.FINANCE, but=maker) or _custodian(f"import.approved@{source}.invalid", "Import, approved")
    return Actors(maker, checker)


def _first(role: Role, *, but: User | None = None) -> User | None:
    people = User.objects.filter(role_grants__role=role, role_grants__revoked_at=None, is_active=True)
    others = people.exclude(pk=but.pk) if but else people
    return others.order_by("pk").first()


def _custodian(email: str, name: str) -> User:
    return User.objects.filter(email=email).first() or persons_create(persons=[NewPerson(email=email, name=name)])[0]
