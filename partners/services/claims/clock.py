"""The clock of claims: who is soon due is called to mind, who is late is marked."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from partners.choices import CLAIMS_OPEN, ClaimStepKind
from partners.models import Claim, ClaimStep
from partners.selectors.claims import SOON


@transaction.atomic
def claims_remind(*, at: datetime | None = None) -> tuple[int, int]:
    """Note which open claims are soon due and mark those that are late, each once a round: (reminded, marked now).

    Safe to repeat. Call it where all rows are visible.
    """
    moment = at or timezone.now()
    due = Claim.objects.filter(state__in=CLAIMS_OPEN, due_at__lte=moment + SOON)
    rows = list(due.select_for_update(of=("self",), skip_locked=True).order_by("due_at"))
    late = [claim for claim in rows if claim.due_at <= moment and claim.overdue_at is None]
    known = set(ClaimStep.objects.filter(claim__in=rows, kind=ClaimStepKind.REMINDED).values_list("claim_id", "round"))
    fresh = [claim for claim in rows if claim.due_at > moment and (claim.pk, claim.round) not in known]
    for claim in late:
        claim.overdue_at = moment
        claim.save(update_fields=["overdue_at"])
    ClaimStep.objects.bulk_create(
        [
            ClaimStep(claim=claim, round=claim.round, kind=kind, shown=kind == ClaimStepKind.OVERDUE, at=moment)
            for kind, some in ((ClaimStepKind.REMINDED, fresh), (ClaimStepKind.OVERDUE, late))
            for claim in some
        ]
    )
    return len(fresh), len(late)
