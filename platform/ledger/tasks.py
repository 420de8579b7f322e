"""Doors of the ledger for workers."""

from celery import shared_task

from ledger import services
from ledger.errors import BusyError


@shared_task(name="ledger.seal", throws=(BusyError,))
def seal() -> None:
    """Seal what was booked since the last seal."""
    services.seal_take()


@shared_task(name="ledger.snapshot", throws=(BusyError,))
def snapshot() -> None:
    """Keep balances up to now, so that reading them stays short."""
    services.snapshot_take()


@shared_task(name="ledger.verify")
def verify() -> None:
    """Verify the books and keep what became of it; does nothing where that was done within the hour."""
    services.books_verified(unless_within_minutes=60)


@shared_task(name="ledger.payout_run")
def payout_run(run_id: int) -> None:
    """Book an approved payout run."""
    services.run_book(run_id=run_id)


@shared_task(name="ledger.payout_runs")
def payout_runs() -> None:
    """Book what approved runs have left over; beat sends it every minute."""
    services.runs_book()
