"""Reads of the ground floor. `visible_to` is the reader; staff read all, others what is theirs."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models import Count, Min, Q, QuerySet
from django.db.models.functions import Lower

from accounts.choices import ConsentPurpose
from accounts.models import AuditEntry, Consent, ImportBatch, ImportedRow, Party, PayoutDetails, RoleGrant, Seat, User


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedBefore:
    """A row that a live import brought: the hash of its cells and what it became."""

    digest: str
    target_kind: str
    target_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field of an audit entry before and after; None where the row did not exist."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """How many things of one kind wait for a person, the oldest since when; `own`: begun by the reader, not theirs."""

    count: int
    since: datetime | None = None
    own: int = 0


def waiting(rows: QuerySet[Any], *, since: str, begun_by: str = "", reader: User | None = None) -> Waiting:
    """Count what waits by the field of its instant, and what the reader began by the field of who did; one query."""
    own = Count("pk", filter=Q(**{begun_by: reader})) if begun_by else Count("pk", filter=Q(pk=None))
    found = rows.order_by().aggregate(n=Count("pk"), first=Min(since), own=own)
    return Waiting(count=found["n"], since=found["first"], own=found["own"])


def parties(*, visible_to: User) -> QuerySet[Party]:
    """Parties of which the reader may see what lies behind their names: all for staff, else those of their seats."""
    if _sees_all(visible_to):
        return Party.objects.all()
    return Party.objects.filter(pk__in=Seat.objects.filter(user=visible_to, user__is_active=True).values("party_id"))


def party_ids(*, visible_to: User) -> list[int]:
    """Primary keys of `parties`, in order."""
    return sorted(parties(visible_to=visible_to).values_list("pk", flat=True))


def seats(*, visible_to: User) -> QuerySet[Seat]:
    """Seats in the parties that the reader may see."""
    return Seat.objects.filter(party__in=parties(visible_to=visible_to)).select_related("user", "party")


def people(*, visible_to: User) -> QuerySet[User]:
    """People whom the reader may see: all for staff, else those who share a party, and oneself."""
    if _sees_all(visible_to):
        return User.objects.all()
    shared = seats(visible_to=visible_to).values("user_id")
    return User.objects.filter(pk__in=shared) | User.objects.filter(pk=visible_to.pk)


def people_by_email(emails: Iterable[str]) -> dict[str, User]:
    """People by address in lower case, for imports and commands; one query."""
    wanted = [email.strip().lower() for email in emails]
    found = User.objects.annotate(low=Lower("email")).filter(low__in=wanted)
    return {user.email.lower(): user for user in found}


def parties_by_code(codes: Iterable[str]) -> dict[str, Party]:
    """Parties by code, for imports and commands; one query."""
    return {party.code: party for party in Party.objects.filter(code__in=list(codes))}


def payout_details_now(*, party_ids: Collection[int]) -> dict[int, PayoutDetails]:
    """Where each of these parties is paid now, as far as the reader may see it; those that have not said are left out.

    One query.
    """
    rows = PayoutDetails.objects.filter(party__in=party_ids).select_related("party")
    return {row.party_id: row for row in rows.order_by("party", "-pk").distinct("party")}


def roles_granted(*, user: User) -> QuerySet[RoleGrant]:
    """Every grant a person ever had, live ones first."""
    return RoleGrant.objects.filter(user=user).select_related("granted_by").order_by("-revoked_at", "role")


def counts_until_said(*, purpose: str, observed: bool = True) -> bool:
    """What counts of a purpose where a person said nothing: no, but for personal suggestions, which belong to the shop.

    Those too only where no yes is wanted first (`CONSENT_FIRST`), and in a browser that lets itself be `observed`.
    """
    return purpose == ConsentPurpose.PERSONALISATION and observed and not settings.CONSENT_FIRST


def consents_now(*, user: User, observed: bool = True) -> dict[str, bool]:
    """What counts now, by purpose; what was said, else `counts_until_said`."""
    latest = Consent.objects.filter(user=user).order_by("purpose", "-given_at", "-pk").distinct("purpose")
    said = dict(latest.values_list("purpose", "granted"))
    return {
        str(purpose): said.get(purpose, counts_until_said(purpose=purpose, observed=observed))
        for purpose in ConsentPurpose
    }


def refusing(*, purpose: str) -> list[int]:
    """People for whom a purpose does not count, by primary key: their last word was no, or they owe a yes."""
    last = Consent.objects.filter(purpose=purpose).order_by("user", "-given_at", "-pk").distinct("user")
    said = dict(last.values_list("user", "granted"))
    if counts_until_said(purpose=purpose):
        return [user_id for user_id, granted in said.items() if not granted]
    everybody = User.objects.order_by("pk").values_list("pk", flat=True)
    return [user_id for user_id in everybody if not said.get(user_id)]


def imported_before(*, source: str, kind: str, external_ids: Iterable[str]) -> dict[str, ImportedBefore]:
    """Which of these ids live imports of the source brought already; one query."""
    rows = ImportedRow.objects.filter(
        source=source, kind=kind, external_id__in=list(external_ids), withdrawn=False
    ).values_list("external_id", "digest", "target_kind", "target_id")
    return {
        external: ImportedBefore(digest=digest, target_kind=target_kind, target_id=target_id)
        for external, digest, target_kind, target_id in rows
    }


def imported_rows(*, batch: ImportBatch, kind: str = "") -> QuerySet[ImportedRow]:
    """Rows of one import, of one kind where given."""
    rows = ImportedRow.objects.filter(batch=batch)
    return rows.filter(kind=kind) if kind else rows


def audit_entries(*, visible_to: User) -> QuerySet[AuditEntry]:
    """The audit trail, newest first, for staff; nothing for others."""
    entries = AuditEntry.objects.select_related("actor").order_by("-at", "-number")
    return entries if _sees_all(visible_to) else entries.none()


def audit_changes(entry: AuditEntry) -> list[FieldChange]:
    """What an entry changed, field by field, against the state before it; one query for a change, none else."""
    data: dict[str, Any] = entry.data
    if entry.label == "insert":
        return [FieldChange(field=field, before=None, after=value) for field, value in data.items()]
    if entry.label == "delete":
        return [FieldChange(field=field, before=value, after=None) for field, value in data.items()]
    earlier = AuditEntry.objects.filter(source=entry.source, object_id=entry.object_id, number__lt=entry.number)
    before = earlier.order_by("-number").values_list("data", flat=True).first() or {}
    return [
        FieldChange(field=field, before=before.get(field), after=value)
        for field, value in data.items()
        if before.get(field) != value
    ]


def _sees_all(reader: User) -> bool:
    return reader.is_active and reader.is_staff


def second_factors(*, user_id: int | None) -> dict[int, str]:
    """Primary key and kind of each second factor of a person; recovery codes alone are none."""
    found = dict(Authenticator.objects.filter(user_id=user_id).values_list("pk", "type"))
    return found if set(found.values()) - {Authenticator.Type.RECOVERY_CODES} else {}
