"""Doors of the programme for workers."""

from celery import shared_task

from accounts.scope import all_rows
from ledger.errors import BusyError
from partners import services


@shared_task(name="partners.release_reserves")
def release_reserves() -> None:
    """Release every reserve whose agreement's days are over; beat sends it at night."""
    with all_rows():
        services.reserves_release()


@shared_task(name="partners.statements_issue")
def statements_issue() -> None:
    """Issue the statements of every closed month that has none yet; beat sends it every hour."""
    services.statements_issue_due()


@shared_task(name="partners.claims_remind")
def claims_remind() -> None:
    """Call to mind which claims are soon due, mark those that are late; beat sends it every hour."""
    with all_rows():
        services.claims_remind()


@shared_task(name="partners.seal", throws=(BusyError,))
def seal() -> None:
    """Seal decisions, acceptances and exchange rates since their last seals; beat sends it every quarter of an hour."""
    services.papers_seal()
