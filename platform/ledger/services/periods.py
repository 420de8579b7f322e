"""Closing months: prepared by one person, closed by another, and nothing is booked into them afterwards."""

from collections.abc import Callable, Sequence
from datetime import date

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from events.choices import EventName
from events.services import event_record
from ledger.errors import PeriodRefusedError
from ledger.models import ClosedPeriod, PreparedPeriod
from ledger.selectors.periods import is_closed, month_totals, period_findings
from ledger.services.stillness import bookings_stop

ClosingStep = Callable[[date, User], Sequence[str]]

_STEPS: list[ClosingStep] = []


@transaction.atomic
def period_prepare(*, month: date, by: User) -> PreparedPeriod:
    """Say that a month (its first day) is ready to be closed by somebody else; again: by this person now.

    PeriodRefusedError says what is not in order. Call it where all rows are visible.
    """
    _refuse(month)
    row, _created = PreparedPeriod.objects.update_or_create(
        month=month, defaults={"prepared_by": by, "prepared_at": timezone.now()}
    )
    return row


def closing_step(step: ClosingStep) -> ClosingStep:
    """Register what an upper floor books into a month when it is closed; decorates the function that does it."""
    if step not in _STEPS:
        _STEPS.append(step)
    return step


@transaction.atomic
def period_close(*, month: date, by: User, wait_seconds: float = 10.0) -> list[str]:
    """Close a month (its first day) that another person prepared; returns what the closing steps did, in sentences.

    Nobody else books meanwhile: who would waits, and what then belongs to the month stands on the day it is booked.
    PeriodRefusedError: not prepared, prepared by the same person, or something is not in order. BusyError: somebody was
    booking for longer than `wait_seconds`. All or nothing. Call it where all rows are visible.
    """
    bookings_stop(wait_seconds=wait_seconds)
    prepared = PreparedPeriod.objects.select_for_update().filter(month=month).first()
    if prepared is None:
        raise PeriodRefusedError(_("%(month)s was not prepared yet.") % {"month": _name(month)})
    if prepared.prepared_by_id == by.pk:
        raise PeriodRefusedError(_("You prepared this month, so a second person closes it."))
    _refuse(month)
    told = [sentence for step in _STEPS for sentence in step(month, by)]
    ClosedPeriod.objects.create(
        month=month,
        prepared_by_id=prepared.prepared_by_id,
        closed_by=by,
        closed_at=timezone.now(),
        totals=month_totals(month=month),
    )
    prepared.delete()
    event_record(name=EventName.PERIOD_CLOSED, key=_name(month), payload={"month": _name(month), "closed_by": by.pk})
    return told


def _refuse(month: date) -> None:
    if month.day != 1:
        raise PeriodRefusedError(_("A month is named by its first day."))
    if is_closed(month=month):
        raise PeriodRefusedError(_("%(month)s is closed already.") % {"month": _name(month)})
    wrong = [finding.words for finding in period_findings(month=month) if not finding.ok]
    if wrong:
        raise PeriodRefusedError(f"{wrong[0]}.")


def _name(month: date) -> str:
    return f"{month:%Y-%m}"
