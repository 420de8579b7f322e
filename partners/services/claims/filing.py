"""What a party does with a claim: file it, appeal, withdraw."""

from datetime import date, datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import Party, User
from events.choices import EventName
from events.services import event_record
from partners.choices import CLAIMS_OPEN, ClaimState, ClaimStepKind
from partners.errors import ClaimError
from partners.models import Claim, ClaimStep, TrackingLink

MOST_OPEN = 50
"""Claims of one party that may be open, or filed within a day, so that nobody tries out order codes."""


@transaction.atomic
def claim_file(
    *,
    party: Party,
    order_code: str,
    order_day: date,
    by: User,
    link: TrackingLink | None = None,
    note: str = "",
    at: datetime | None = None,
) -> Claim:
    """File that a sale is missing; evidence is gathered at once and the house answers within CLAIM_DAYS.

    ClaimError: claimed before, a day that lies ahead, another party's link, too many open ones.
    """
    moment = at or timezone.now()
    code = order_code.strip()
    _check(party, code, order_day, link, moment)
    claim = Claim(
        party=party,
        order_code=code,
        order_day=order_day,
        link=link,
        note=note.strip()[:1_000],
        filed_by=by,
        filed_at=moment,
        due_at=due_from(moment),
    )
    try:
        with transaction.atomic(), acting(actor=by.pk):
            claim.save(force_insert=True)
    except IntegrityError as fault:
        raise _known(code) from fault
    ClaimStep.objects.create(claim=claim, round=1, kind=ClaimStepKind.FILED, actor=by, note=claim.note, at=moment)
    _tell(claim, moment)
    return claim


@transaction.atomic
def claim_appeal(*, claim_id: int, by: User, note: str, at: datetime | None = None) -> Claim:
    """Ask for a second look at a refusal, by another person; evidence is gathered anew, the clock starts again.

    Within CLAIM_APPEAL_DAYS of the refusal, once. ClaimError says why not.
    """
    moment = at or timezone.now()
    claim = claim_locked(claim_id)
    if claim.state == ClaimState.APPEALED:
        return claim
    if claim.state != ClaimState.REFUSED:
        raise ClaimError(_("Only a refused claim can be appealed, once."))
    if appeal_until(claim) < moment:
        raise ClaimError(_("The time for an appeal is over."))
    if not note.strip():
        raise ClaimError(_("Say what the first decision overlooked."))
    claim.state, claim.round, claim.due_at, claim.overdue_at = ClaimState.APPEALED, 2, due_from(moment), None
    claim_save(claim, by, "state", "round", "due_at", "overdue_at")
    ClaimStep.objects.create(
        claim=claim, round=2, kind=ClaimStepKind.APPEALED, actor=by, note=note.strip()[:1_000], at=moment
    )
    _tell(claim, moment)
    return claim


@transaction.atomic
def claim_withdraw(*, claim_id: int, by: User, at: datetime | None = None) -> Claim:
    """Take a claim back that was not decided yet; the order may be claimed again."""
    claim = claim_locked(claim_id)
    if claim.state == ClaimState.WITHDRAWN:
        return claim
    if claim.state not in CLAIMS_OPEN or claim.state == ClaimState.CONFIRMING:
        raise ClaimError(_("This claim is decided; it can no longer be withdrawn."))
    claim.state = ClaimState.WITHDRAWN
    claim_save(claim, by, "state")
    ClaimStep.objects.create(
        claim=claim, round=claim.round, kind=ClaimStepKind.WITHDRAWN, actor=by, at=at or timezone.now()
    )
    return claim


def appeal_until(claim: Claim) -> datetime:
    """The last instant for an appeal against the refusal of a claim."""
    assert claim.decided_at is not None  # a check of the table
    return claim.decided_at + timedelta(days=settings.CLAIM_APPEAL_DAYS)


def due_from(at: datetime) -> datetime:
    """When the house owes an answer to what was filed then."""
    return at + timedelta(days=settings.CLAIM_DAYS)


def claim_locked(claim_id: int) -> Claim:
    """Read a claim for changing it."""
    return Claim.objects.select_for_update(of=("self",)).select_related("party").get(pk=claim_id)


def claim_save(claim: Claim, by: User, *fields: str) -> None:
    """Keep what changed, with who did it."""
    with acting(actor=by.pk):
        claim.save(update_fields=fields)


def _tell(claim: Claim, at: datetime) -> None:
    event_record(
        name=EventName.CLAIM_FILED,
        key=f"{claim.pk}/{claim.round}",
        payload={"claim_id": claim.pk, "round": claim.round},
        occurred_at=at,
    )


def _check(party: Party, code: str, day: date, link: TrackingLink | None, at: datetime) -> None:
    if not code:
        raise ClaimError(_("Name the order."))
    if day > timezone.localdate(at):
        raise ClaimError(_("That day lies ahead."))
    if link is not None and link.owner_id != party.pk:
        raise ClaimError(_("That link is not yours."))
    if Claim.objects.filter(party=party, order_code__iexact=code).exclude(state=ClaimState.WITHDRAWN).exists():
        raise _known(code)
    recent = Q(state__in=CLAIMS_OPEN) | Q(filed_at__gt=at - timedelta(days=1))
    if Claim.objects.filter(recent, party=party).count() >= MOST_OPEN:
        raise ClaimError(
            _("%(most)d of your claims are open or of today; file more when some are decided, or tomorrow.")
            % {"most": MOST_OPEN}
        )


def _known(code: str) -> ClaimError:
    return ClaimError(_("You have claimed order %(code)s already; open that claim instead.") % {"code": code})
