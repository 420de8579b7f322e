"""Payout runs until they are approved: prepared, changed, submitted by one person, approved by another."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import F, Max, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from ledger.choices import ItemState, LeftOut, RunState, RunStep
from ledger.errors import RunRefusedError
from ledger.models import PayoutItem, PayoutRun, PayoutRunEvent
from ledger.money import ACTIVE, BP
from ledger.selectors.payable import Payable, RunTerms, payables, unsettled_lines

OPEN = (RunState.DRAFT, RunState.WAITING)


@dataclass(frozen=True, slots=True)
class Approval:
    """What came of an approval: approved, or (`changed`) the items that had to be computed again first."""

    approved: bool
    changed: tuple[PayoutItem, ...] = ()


@transaction.atomic
def run_prepare(*, terms: RunTerms, by: User) -> PayoutRun:
    """Prepare a run: an item for every party with something available at the cut-off, or with a reason why not.

    RunRefusedError: a cut-off that lies ahead, figures that cannot be, or nothing to pay. Call it where all rows are
    visible.
    """
    _check(terms)
    with connection.cursor() as cursor:
        # Two who prepare at once must not take the same number, nor both list the same party as payable.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ledger.payout_run'))")
    found = payables(terms=terms)
    if not any(row.state == ItemState.PROPOSED for row in found):
        raise RunRefusedError(_("Nobody can be paid at that cut-off; see the parties' balances and payout details."))
    last = PayoutRun.objects.aggregate(last=Max("number"))["last"] or 0
    run = PayoutRun.objects.create(
        number=last + 1,
        currency=terms.currency,
        cut_off=terms.cut_off,
        minimum_minor=terms.minimum,
        increment_minor=terms.increment,
        withholding_bp=terms.withholding_bp,
        prepared_by=by,
    )
    lines = unsettled_lines(
        currency=terms.currency, cut_off=terms.cut_off, parties=[row.party_id for row in found if row.available > 0]
    )
    PayoutItem.objects.bulk_create(
        [_fill(PayoutItem(run=run, party_id=row.party_id, currency=run.currency), row, lines) for row in found]
    )
    _tell(run, RunStep.PREPARED, by)
    return run


@transaction.atomic
def items_exclude(*, run_id: int, items: Collection[int], note: str, by: User) -> int:
    """Take parties out of a run, with a reason that stays with it; whoever does so counts as its preparer."""
    note = note.strip()
    if not note:
        raise RunRefusedError(_("Say why, so that the next run's preparer knows."))
    run = _taken_over(run_id, by)
    rows = list(run.items.filter(pk__in=items, state=ItemState.PROPOSED).select_related("party").order_by("pk"))
    for item in rows:
        item.state, item.reason, item.note = ItemState.EXCLUDED, LeftOut.BY_HAND, note
        item.changed_at = timezone.now()
    PayoutItem.objects.bulk_update(rows, ["state", "reason", "note", "changed_at"])
    _tell_all(run, RunStep.EXCLUDED, by, rows, note)
    return len(rows)


@transaction.atomic
def items_include(*, run_id: int, items: Collection[int], by: User) -> int:
    """Put parties back that were taken out by hand, computed anew. Call it where all rows are visible."""
    run = _taken_over(run_id, by)
    rows = list(run.items.filter(pk__in=items, state=ItemState.EXCLUDED).select_related("party").order_by("pk"))
    now = {row.party_id: row for row in payables(terms=terms_of(run), parties=_ids(rows), but_run=run.pk)}
    for item in rows:
        _fill(item, now.get(item.party_id) or _nothing(item), {item.party_id: item.lines})
        item.note = ""
    PayoutItem.objects.bulk_update(rows, _COMPUTED)
    _tell_all(run, RunStep.INCLUDED, by, rows)
    return len(rows)


@transaction.atomic
def run_submit(*, run_id: int, by: User) -> PayoutRun:
    """Ask for approval; whoever asks is the preparer and cannot approve."""
    run = _taken_over(run_id, by)
    if run.state == RunState.DRAFT and not run.items.filter(state=ItemState.PROPOSED).exists():
        raise RunRefusedError(_("Nobody is left to be paid; cancel the run instead."))
    run.state = RunState.WAITING
    run.save(update_fields=["state"])
    _tell(run, RunStep.SUBMITTED, by)
    return run


@transaction.atomic
def run_send_back(*, run_id: int, note: str, by: User) -> PayoutRun:
    """Give a waiting run back to its preparer, with a note."""
    run = _locked(run_id, (RunState.WAITING,))
    if not note.strip():
        raise RunRefusedError(_("Say what is to be changed."))
    run.state = RunState.DRAFT
    run.save(update_fields=["state"])
    _tell(run, RunStep.SENT_BACK, by, note.strip())
    return run


@transaction.atomic
def run_cancel(*, run_id: int, note: str, by: User) -> PayoutRun:
    """Give a run up before it is approved; its parties stand free for the next one."""
    run = _locked(run_id, OPEN)
    run.items.filter(state=ItemState.PROPOSED).update(
        state=ItemState.EXCLUDED, reason=LeftOut.BY_HAND, note=note.strip()[:300], changed_at=timezone.now()
    )
    run.state = RunState.CANCELLED
    run.save(update_fields=["state"])
    _tell(run, RunStep.CANCELLED, by, note.strip())
    return run


@transaction.atomic
def run_approve(*, run_id: int, total_minor: int, by: User) -> Approval:
    """Approve a waiting run by typing what leaves the bank, in minor units of the run's currency.

    Every item is computed again first. Where less is available by now, or a party cannot be paid any more, the items
    are changed and nothing is approved: the second person looks again. RunRefusedError: the same person, another state,
    another total. Booking is for `run_book`. Call it where all rows are visible.
    """
    run = _locked(run_id, (RunState.WAITING,))
    if run.prepared_by_id == by.pk:
        raise RunRefusedError(_("You prepared this run, so a second person approves it."))
    changed = _refresh(run, by)
    if changed:
        return Approval(approved=False, changed=changed)
    total = leaves(run)
    if total != total_minor or not total:
        raise RunRefusedError(_("The total that you typed is not the total of this run. Nothing was approved."))
    run.items.filter(state=ItemState.PROPOSED).update(state=ItemState.APPROVED, changed_at=timezone.now())
    run.state, run.approved_by, run.approved_at, run.approved_minor = RunState.APPROVED, by, timezone.now(), total
    run.save(update_fields=["state", "approved_by", "approved_at", "approved_minor"])
    _tell(run, RunStep.APPROVED, by)
    return Approval(approved=True)


@transaction.atomic
def run_refresh(*, run_id: int, by: User) -> tuple[PayoutItem, ...]:
    """Compute an open run's items again; returns those that changed. Call it where all rows are visible."""
    return _refresh(_locked(run_id, OPEN), by)


def leaves(run: PayoutRun) -> int:
    """What leaves the bank by a run, in minor units of its currency: amounts less tax withheld."""
    live = run.items.filter(state__in=[ItemState.PROPOSED, ItemState.APPROVED])
    return live.aggregate(total=Sum(F("amount_minor") - F("withheld_minor")))["total"] or 0


def terms_of(run: PayoutRun) -> RunTerms:
    """What a run pays by."""
    return RunTerms(run.currency, run.cut_off, run.minimum_minor, run.increment_minor, run.withholding_bp)


def run_note(*, run: PayoutRun, step: str, by: User | None, note: str = "", party_id: int | None = None) -> None:
    """Keep that something was done with a run."""
    PayoutRunEvent.objects.create(run=run, step=step, actor=by, note=note[:300], party_id=party_id)


_COMPUTED = [
    "state", "reason", "available_minor", "amount_minor", "withheld_minor", "sent_currency", "sent_minor", "rate",
    "rate_day", "rate_source", "details", "note", "was_minor", "changed_at",
]  # fmt: skip


def _check(terms: RunTerms) -> None:
    if terms.currency not in ACTIVE:
        raise RunRefusedError(_("%(code)s is no currency.") % {"code": terms.currency})
    if terms.cut_off > timezone.now():
        raise RunRefusedError(_("The cut-off lies ahead; what matures until then is not known yet."))
    if terms.minimum < 0 or terms.increment < 1 or not 0 <= terms.withholding_bp <= BP:
        raise RunRefusedError(_("The minimum is at least 0, the step at least one minor unit, the tax 0 to 100%."))


def _locked(run_id: int, states: Sequence[RunState]) -> PayoutRun:
    run = PayoutRun.objects.select_for_update().get(pk=run_id)
    if run.state not in states:
        raise RunRefusedError(
            _("Payout run %(number)d is “%(state)s”; that step is over.")
            % {"number": run.number, "state": run.get_state_display()}
        )
    return run


def _taken_over(run_id: int, by: User) -> PayoutRun:
    """Lock a draft for somebody who changes it and so becomes its preparer."""
    run = _locked(run_id, (RunState.DRAFT,))
    if run.prepared_by_id != by.pk:
        run.prepared_by, run.prepared_at = by, timezone.now()
        run.save(update_fields=["prepared_by", "prepared_at"])
    return run


def _refresh(run: PayoutRun, by: User) -> tuple[PayoutItem, ...]:
    """Compute proposed items again; an item keeps what was prepared as long as that much is still there."""
    items = list(run.items.select_for_update().filter(state=ItemState.PROPOSED).select_related("party").order_by("pk"))
    now = {row.party_id: row for row in payables(terms=terms_of(run), parties=_ids(items), but_run=run.pk)}
    changed = []
    for item in items:
        found = now.get(item.party_id) or _nothing(item)
        if found.reason or found.available < item.amount_minor or found.details_id != item.details_id:
            before = item.amount_minor
            _fill(item, found, {item.party_id: item.lines})
            item.was_minor = before
            changed.append(item)
    PayoutItem.objects.bulk_update(changed, _COMPUTED)
    _tell_all(run, RunStep.REFRESHED, by, changed)
    return tuple(changed)


def _nothing(item: PayoutItem) -> Payable:
    return Payable(item.party_id, 0, str(LeftOut.MINIMUM), sent_currency=item.currency)


def _fill(item: PayoutItem, row: Payable, lines: dict[int, int]) -> PayoutItem:
    item.state, item.reason, item.available_minor = row.state, row.reason, row.available
    item.amount_minor, item.withheld_minor = row.amount, row.withheld
    item.sent_currency, item.sent_minor = row.sent_currency, row.sent
    item.rate, item.rate_day, item.rate_source = row.rate, row.rate_day, row.rate_source
    item.details_id = row.details_id
    item.lines, item.changed_at = lines.get(row.party_id, 0), timezone.now()
    return item


def _ids(items: Sequence[PayoutItem]) -> list[int]:
    return [item.party_id for item in items]


def _tell(run: PayoutRun, step: RunStep, by: User | None, note: str = "") -> None:
    run_note(run=run, step=step, by=by, note=note)


def _tell_all(run: PayoutRun, step: RunStep, by: User, items: Sequence[PayoutItem], note: str = "") -> None:
    PayoutRunEvent.objects.bulk_create(
        [PayoutRunEvent(run=run, step=step, actor=by, note=note[:300], party_id=item.party_id) for item in items]
    )
