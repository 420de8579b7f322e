"""The life of a what-if: asked, computed by a task, cancelled, asked again."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from celery import current_app
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.scope import all_rows
from ledger.selectors import History
from partners.choices import ReplayState, VersionKind, VersionState
from partners.errors import ReplayRefusedError
from partners.models import AgreementVersion, Replay
from partners.services.settlement import SOURCE
from partners.services.whatif.changes import Change, change_of, changes_plain, changes_read
from partners.services.whatif.journeys import Journeys
from partners.services.whatif.keep import outcome_keep
from partners.services.whatif.plan import plan_of
from partners.services.whatif.run import StoppedError, compute
from partners.services.whatif.tally import Tally

TASK = "analytics.replay"
"""The task that computes a what-if: it stands on the floor that knows the journeys."""

LONGEST_DAYS = 1_100
"""Days that one what-if may cover: three years."""


@transaction.atomic
def replay_request(
    *,
    changes: Sequence[Change],
    since: date,
    until: date,
    by: User | None,
    title: str = "",
    version: AgreementVersion | None = None,
) -> Replay:
    """Ask what changed terms would have made of orders placed on [since, until], both inclusive; the task answers.

    ReplayRefusedError says what cannot be asked. Call it where all rows are visible.
    """
    history_of(since, until)
    plan = plan_of(changes)
    if not plan.covered:
        raise ReplayRefusedError(_("There is no agreement yet whose terms could be changed."))
    row = Replay.objects.create(
        title=title[:200],
        version=version,
        change=changes_plain(changes),
        since=since,
        until=until,
        requested_by=by,
    )
    _wake(row)
    return row


def replay_of_version(*, version: AgreementVersion, since: date, until: date, by: User | None) -> Replay:
    """Ask what it would have been, had this version held all along."""
    if version.kind == VersionKind.CORRECTION:
        raise ReplayRefusedError(
            _("A correction is about its own orders alone; its page says what it would change of them.")
        )
    if version.state in {VersionState.IN_FORCE, VersionState.SUPERSEDED}:
        raise ReplayRefusedError(_("Version %(number)d held or holds; ask about a draft.") % {"number": version.number})
    return replay_request(changes=[change_of(version)], since=since, until=until, by=by, version=version)


@transaction.atomic
def replay_cancel(*, replay: Replay) -> Replay:
    """Stop a what-if that waits or is being computed; its worker sees it at the next part."""
    row = Replay.objects.select_for_update(of=("self",)).get(pk=replay.pk)
    if row.state in {ReplayState.QUEUED, ReplayState.RUNNING}:
        row.state, row.finished_at = ReplayState.CANCELLED, timezone.now()
        row.save(update_fields=["state", "finished_at"])
    return row


@transaction.atomic
def replay_again(*, replay: Replay, by: User | None) -> Replay:
    """Compute a what-if once more, over history as it is now. One that is being computed goes on."""
    row = Replay.objects.select_for_update(of=("self",)).get(pk=replay.pk)
    if row.state != ReplayState.RUNNING or not row.is_alive:
        row.state, row.progress_bp, row.failure = ReplayState.QUEUED, 0, {}
        row.requested_by, row.requested_at = by, timezone.now()
        row.save(update_fields=["state", "progress_bp", "failure", "requested_by", "requested_at"])
        _wake(row)
    return row


def replay_run(*, replay_id: int, journeys: Journeys, processes: int = 1) -> Replay:
    """Compute a what-if that was asked. Safe to repeat and to start twice: who holds the lease computes it.

    A finished or cancelled one is returned as it is; its rows are replaced whole. Call it outside a transaction.
    """
    row = _take(replay_id)
    if row is None:
        return _read(replay_id)
    try:
        with all_rows():
            plan = plan_of(changes_read(row.change))
        history = history_of(row.since, row.until, about=plan.about)
        tally = compute(plan=plan, history=history, journeys=journeys, processes=processes, beat=_beat(row.pk))
        with all_rows():
            _finish(row.pk, tally)
    except StoppedError:
        pass
    except Exception as error:
        known = isinstance(error, ReplayRefusedError)
        failure = {"code": "refused" if known else "fault", "text": str(error) if known else type(error).__name__}
        with all_rows():
            Replay.objects.filter(pk=row.pk, state=ReplayState.RUNNING).update(
                state=ReplayState.FAILED, failure=failure, finished_at=timezone.now()
            )
        raise
    return _read(replay_id)


def history_of(since: date, until: date, *, about: list[dict[str, Any]] | None = None) -> History:
    """The history of orders placed on [since, until], days of the portal's time zone, both inclusive."""
    if until < since:
        raise ReplayRefusedError(
            _("The range would end on %(until)s, before it begins on %(since)s.") % {"until": until, "since": since}
        )
    if (until - since).days >= LONGEST_DAYS:
        raise ReplayRefusedError(_("A what-if covers at most %(days)d days.") % {"days": LONGEST_DAYS})
    return History(_start(since), _start(until + timedelta(days=1)), SOURCE, about)


def _start(day: date) -> datetime:
    return datetime.combine(day, time.min, timezone.get_default_timezone())


def _wake(row: Replay) -> None:
    def send() -> None:
        current_app.send_task(TASK, args=[row.pk], retry=False)

    transaction.on_commit(send, robust=True)


def _read(replay_id: int) -> Replay:
    with all_rows():
        return Replay.objects.get(pk=replay_id)


def _take(replay_id: int) -> Replay | None:
    """The what-if with its lease, or None when it is over or another worker is alive on it."""
    now = timezone.now()
    with all_rows(), transaction.atomic():
        row = Replay.objects.select_for_update(of=("self",)).get(pk=replay_id)
        waits = row.state == ReplayState.QUEUED or (row.state == ReplayState.RUNNING and not row.is_alive)
        if not waits:
            return None
        row.state, row.progress_bp, row.failure = ReplayState.RUNNING, 0, {}
        row.started_at = row.heartbeat_at = now
        row.finished_at = None
        row.save(update_fields=["state", "progress_bp", "failure", "started_at", "heartbeat_at", "finished_at"])
    return row


def _beat(pk: int) -> Any:
    """Tell how far it is and that somebody works on it; false where it was cancelled."""

    def beat(done: int, total: int) -> bool:
        with all_rows():
            running = Replay.objects.filter(pk=pk, state=ReplayState.RUNNING).update(
                progress_bp=min(9_900, 10_000 * done // max(total, 1)), heartbeat_at=timezone.now()
            )
        return bool(running)

    return beat


def _finish(pk: int, tally: Tally) -> None:
    row = Replay.objects.select_for_update(of=("self",)).get(pk=pk)
    if row.state != ReplayState.RUNNING:  # cancelled meanwhile, or finished by another worker
        return
    outcome_keep(replay=row, tally=tally)
    row.state, row.progress_bp, row.finished_at = ReplayState.DONE, 10_000, timezone.now()
    row.save(update_fields=["state", "progress_bp", "finished_at"])
