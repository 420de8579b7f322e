"""The life of a version: proposed, accepted by every party, put in force by a second person."""

from datetime import datetime

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import Party, Seat, User
from accounts.scope import all_rows
from events.services import event_record
from partners.choices import VersionKind, VersionState
from partners.errors import AgreementError
from partners.models import Acceptance, Agreement, AgreementVersion, Decline, Leave
from partners.selectors.terms import VALID, party_names, rule_party_codes, signatories, wording_terms
from partners.selectors.wording import worded
from partners.services.agreements import lock_version, moment, refuse_overlap, refuse_settled
from partners.services.meters import meters_recount


@transaction.atomic
def version_propose(*, version: AgreementVersion, by: User | None) -> AgreementVersion:
    """Write the text from the rule, in both languages, and lay it before the parties. From then on it never changes."""
    row = lock_version(version)
    if row.state != VersionState.DRAFT:
        raise AgreementError(
            _("Only a draft can be proposed; this is “%(state)s”.") % {"state": row.get_state_display()}
        )
    wording = worded(row.rule, wording_terms(row), party_names(rule_party_codes(row.rule)))
    row.text, row.text_zh, row.text_hash = wording.text, wording.text_zh, wording.hash
    row.state = VersionState.PROPOSED
    with acting(actor=by.pk if by else None):
        row.save(update_fields=["text", "text_zh", "text_hash", "state"])
    return row


@transaction.atomic
def version_accept(
    *,
    version: AgreementVersion,
    party: Party,
    user: User,
    text_hash: str,
    on_behalf: bool = False,
    at: datetime | None = None,
) -> Acceptance:
    """Say yes to exactly this text, for a party in which the user has a seat; again is the same yes.

    `on_behalf`: staff records a consent that the party gave outside the portal. When the last party has accepted, the
    version is accepted.
    """
    row = lock_version(version)
    wanted = signatories(row)
    if party.code not in wanted:
        raise AgreementError(_("%(party)s is no party of this version.") % {"party": party})
    said = Acceptance.objects.filter(version=row, party=party).first()
    if said is not None:
        return said
    if row.state != VersionState.PROPOSED:
        raise AgreementError(
            _("Only a proposed version can be accepted; this is “%(state)s”.") % {"state": row.get_state_display()}
        )
    if text_hash != row.text_hash:
        raise AgreementError(_("The text that was read is not the text of this version; read it again."))
    if on_behalf and not user.is_staff:
        raise AgreementError(_("Only staff records a consent on a party's behalf."))
    if not on_behalf:
        refuse_without_seat(user=user, party=party)
    # A party sees its own consent alone, yet the last one's yes completes the version; and the audit trail is staff's.
    with acting(actor=user.pk), all_rows():
        said = Acceptance.objects.create(
            version=row,
            party=party,
            user=user,
            on_behalf=on_behalf,
            text_hash=text_hash,
            accepted_at=at or timezone.now(),
        )
        if set(row.acceptances.values_list("party__code", flat=True)).issuperset(wanted):
            row.state = VersionState.ACCEPTED
            row.save(update_fields=["state"])
    return said


@transaction.atomic
def version_decline(*, version: AgreementVersion, party: Party, user: User, reason: str) -> Decline:
    """Say no to a proposed version, for a party in which the user has a seat. It ends; the others read who and why."""
    row = lock_version(version)
    if party.code not in signatories(row):
        raise AgreementError(_("%(party)s is no party of this version.") % {"party": party})
    if row.state != VersionState.PROPOSED:
        raise AgreementError(
            _("Only a proposed version can be declined; this is “%(state)s”.") % {"state": row.get_state_display()}
        )
    if Acceptance.objects.filter(version=row, party=party).exists():
        raise AgreementError(
            _("%(party)s has accepted this version; ask the programme to withdraw it.") % {"party": party}
        )
    if not reason.strip():
        raise AgreementError(_("Say why, so that the others know what to propose next."))
    refuse_without_seat(user=user, party=party)
    with acting(actor=user.pk), all_rows():
        said = Decline.objects.create(version=row, party=party, user=user, reason=reason.strip()[:300])
        row.state = VersionState.DECLINED
        row.save(update_fields=["state"])
    return said


def refuse_without_seat(*, user: User, party: Party) -> None:
    """Raise AgreementError unless the user has a seat in the party."""
    if not Seat.objects.filter(user=user, party=party).exists():
        raise AgreementError(_("Only who has a seat in %(party)s can speak for it.") % {"party": party})


@transaction.atomic
def version_put_in_force(*, version: AgreementVersion, by: User, at: datetime | None = None) -> AgreementVersion:
    """Let an accepted version hold from its start on, and end the one before it there; `at`: known since then, not now.

    By a second person. AgreementError where another version holds from then or later, where orders from then on were
    settled already (those keep their version for good), or where it pays a party that has left since it accepted.
    """
    agreement = Agreement.objects.select_for_update().get(pk=version.agreement_id)
    row = lock_version(version)
    if row.state != VersionState.ACCEPTED:
        raise AgreementError(
            _("Only a version that every party accepted can come in force; this is “%(state)s”.")
            % {"state": row.get_state_display()}
        )
    if row.created_by_id is None or row.created_by_id == by.pk:
        raise AgreementError(_("Who prepared a version does not put it in force; a second person does."))
    if row.kind == VersionKind.STANDARD:
        refuse_settled(agreement=agreement, start=row.starts)
        _refuse_bringing_back(row)
        _end_the_one_before(agreement, row)
    row.state, row.approved_by, row.in_force_at = VersionState.IN_FORCE, by, at or timezone.now()
    with acting(actor=by.pk):
        row.save(update_fields=["state", "approved_by", "in_force_at"])
    meters_recount(agreement=agreement)
    event_record(
        name="agreement.in_force",
        key=str(row.pk),
        payload={"version_id": row.pk, "scope_kind": agreement.scope_kind, "scope_id": agreement.scope_id},
    )
    return row


def _refuse_bringing_back(row: AgreementVersion) -> None:
    """Raise AgreementError where a party of a version left from its start or before, and asked so after accepting."""
    said = dict(row.acceptances.values_list("party_id", "accepted_at"))
    left = Leave.objects.filter(agreement=row.agreement_id, leaves_at__lte=row.starts, version__state__in=VALID)
    for leave in left.filter(party__in=said).select_related("party").order_by("pk"):
        if said[leave.party_id] < leave.asked_at:
            raise AgreementError(
                _(
                    "%(party)s has left from %(start)s on, and accepted version %(number)d before it asked to; draft "
                    "another version."
                )
                % {"party": leave.party, "start": moment(leave.leaves_at), "number": row.number}
            )


def _end_the_one_before(agreement: Agreement, row: AgreementVersion) -> None:
    start = row.starts
    refuse_overlap(agreement=agreement, start=start)
    others = AgreementVersion.objects.filter(agreement=agreement, kind=VersionKind.STANDARD, state__in=VALID)
    before = others.filter(effective__contains=start).first()
    if before is not None:
        before.effective = DateTimeTZRange(before.starts, start)
        before.state = VersionState.SUPERSEDED
        before.save(update_fields=["effective", "state"])
