"""Booking a correction: every order that it is bound to, computed again under its rule."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from ledger.errors import EventRejectedError, LedgerError
from ledger.selectors import OrderKey
from partners.choices import VersionKind, VersionState
from partners.errors import AgreementError
from partners.models import AgreementVersion
from partners.selectors.corrections import bound_lines, correction_event
from partners.services.aftermath import earnings_event
from partners.services.agreements import lock_version

SOURCE = "correction"


@transaction.atomic
def correction_apply(*, version: AgreementVersion, by: User) -> int:
    """Book the difference that a correction in force makes to each of its orders' lines; returns how many moved money.

    Once per version and line: again books nothing. Every party whose earning changes gets a decision `corrected`.
    AgreementError names an order that the books refuse to correct; all or nothing. Call it where all rows are visible.
    """
    row = lock_version(version)
    if row.kind != VersionKind.CORRECTION or row.state != VersionState.IN_FORCE:
        raise AgreementError(_("Only a correction that was put in force can be booked."))
    moved = 0
    for order_code, line in bound_lines(version=row):
        try:
            booked = earnings_event(
                order_code=order_code,
                event=correction_event(version=row, line=line),
                source=OrderKey(SOURCE, f"{row.pk}:{line}"),
                at=timezone.now(),
                note=row.note,
                actor_id=by.pk,
            )
        except LedgerError as error:
            why = error.worded(_) if isinstance(error, EventRejectedError) else str(error)
            raise AgreementError(
                _("Order %(order)s cannot be corrected: %(why)s") % {"order": order_code, "why": why}
            ) from error
        moved += booked.created and booked.entry_id is not None
    return moved
