"""Booking an approved run, party by party, and what becomes of each payout afterwards."""

from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import User
from accounts.scope import all_rows
from events.choices import EventName
from events.services import event_record
from ledger.choices import ItemState, LeftOut, RunState, RunStep
from ledger.errors import RunRefusedError
from ledger.models import PayoutItem, PayoutRun
from ledger.selectors.orders import OrderKey
from ledger.services.payouts import PayoutTerms, payout_arrived, payout_book, payout_failed
from ledger.services.runs import run_note

SOURCE = "payout_item"


def run_book(*, run_id: int) -> int:
    """Book every approved item of a run, each in a transaction of its own; returns how many this call booked.

    Killed anywhere it can be called again, and several may work at once: an item is booked once by its own number, and
    its state changes with the booking. Call it outside a transaction.
    """
    booked = 0
    while _book_next(run_id):
        booked += 1
    _finish(run_id)
    return booked


def runs_book() -> int:
    """Book whatever approved runs have left over, because their worker was lost; returns how many items."""
    with all_rows():
        left = list(PayoutRun.objects.filter(state=RunState.APPROVED).order_by("pk").values_list("pk", flat=True))
    return sum(run_book(run_id=pk) for pk in left)


@transaction.atomic
def item_arrived(*, item_id: int, by: User, at: datetime | None = None) -> PayoutItem:
    """Say that a payout reached its party. Call it where all rows are visible."""
    item = _sent(item_id)
    payout_arrived(payout_id=_payout(item), at=at or timezone.now(), actor_id=by.pk)
    return _conclude(item, ItemState.ARRIVED, EventName.PAYOUT_ARRIVED, RunStep.ARRIVED, by)


@transaction.atomic
def item_failed(*, item_id: int, reason: str, by: User, at: datetime | None = None) -> PayoutItem:
    """Say that a payout came back, and why, which the party reads; tax and money return to its payable."""
    item = _sent(item_id)
    if not reason.strip():
        raise RunRefusedError(_("Say why it came back; the party reads it and can mend it."))
    item.note = reason.strip()[:300]
    payout_failed(payout_id=_payout(item), at=at or timezone.now(), reason=item.note, actor_id=by.pk)
    return _conclude(item, ItemState.FAILED, EventName.PAYOUT_FAILED, RunStep.FAILED, by)


def run_arrived(*, run_id: int, by: User, at: datetime | None = None) -> int:
    """Say that all payouts of a run that are on their way have arrived; returns how many."""
    rows = PayoutItem.objects.filter(run=run_id, state=ItemState.SENT).order_by("pk").values_list("pk", flat=True)
    for pk in list(rows):
        item_arrived(item_id=pk, by=by, at=at)
    return len(rows)


def _book_next(run_id: int) -> bool:
    with transaction.atomic(), all_rows():
        item = (
            PayoutItem.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(run=run_id, state=ItemState.APPROVED)
            .select_related("run", "party")
            .order_by("pk")
            .first()
        )
        if item is None:
            return False
        with acting(actor=item.run.approved_by_id, task="ledger.payout_run"):
            _book(item)
    return True


def _book(item: PayoutItem) -> None:
    """Pay exactly what was approved, or nothing where less is left by now: the next run pays what there is."""
    run = item.run
    fx = None if item.sent_currency == item.currency else (item.sent_currency, item.sent_minor)
    quote = (item.rate, item.rate_day, item.rate_source) if fx and item.rate_day else None
    terms = PayoutTerms(
        minimum=item.amount_minor, most=item.amount_minor, withholding_bp=run.withholding_bp, fx=fx, quote=quote
    )
    done = payout_book(
        party=item.party.code,
        currency=item.currency,
        cut_off=run.cut_off,
        terms=terms,
        source=OrderKey(SOURCE, str(item.pk)),
        at=timezone.now(),
        actor_id=run.approved_by_id,
    )
    item.changed_at = timezone.now()
    if done.payout_id is None:
        item.state, item.reason = ItemState.FELL, LeftOut.FELL
        item.save(update_fields=["state", "reason", "changed_at"])
        return
    item.state, item.payout_id = ItemState.SENT, done.payout_id
    item.save(update_fields=["state", "payout", "changed_at"])
    _news(item, EventName.PAYOUT_SENT)


def _finish(run_id: int) -> None:
    with transaction.atomic(), all_rows():
        run = PayoutRun.objects.select_for_update().get(pk=run_id)
        if run.state != RunState.APPROVED or run.items.filter(state=ItemState.APPROVED).exists():
            return
        run.state, run.finished_at = RunState.DONE, timezone.now()
        run.save(update_fields=["state", "finished_at"])
        run_note(run=run, step=RunStep.BOOKED, by=None)


def _sent(item_id: int) -> PayoutItem:
    item = PayoutItem.objects.select_for_update(of=("self",)).select_related("run", "party").get(pk=item_id)
    if item.state != ItemState.SENT:
        raise RunRefusedError(
            _("The payout to %(party)s is “%(state)s”; only one that is on its way arrives or comes back.")
            % {"party": item.party, "state": item.get_state_display()}
        )
    return item


def _payout(item: PayoutItem) -> int:
    assert item.payout_id is not None
    return item.payout_id


def _conclude(item: PayoutItem, state: ItemState, news: EventName, step: RunStep, by: User) -> PayoutItem:
    item.state, item.changed_at = state, timezone.now()
    item.save(update_fields=["state", "note", "changed_at"])
    run_note(run=item.run, step=step, by=by, note=item.note, party_id=item.party_id)
    _news(item, news)
    return item


def _news(item: PayoutItem, name: EventName) -> None:
    event_record(
        name=name,
        key=str(item.payout_id),
        payload={"payout_id": item.payout_id, "party_id": item.party_id, "run_id": item.run_id},
    )
