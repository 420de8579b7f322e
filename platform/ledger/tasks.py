"""Doors of the ledger for workers."""

from celery import shared_task

from ledger import services


@shared_task(name="ledger.payout_run")
def payout_run(run_id: int) -> None:
    """Book an approved payout run."""
    services.run_book(run_id=run_id)


@shared_task(name="ledger.payout_runs")
def payout_runs() -> None:
    """Book what approved runs have left over; beat sends it every minute."""
    services.runs_book()
