"""Waking workers. The queue of record is the table, so a wake that is lost costs half a minute and nothing else."""

import logging
import time
from collections.abc import Callable
from functools import partial

from celery import current_app
from django.db import connection, transaction

from events.choices import Queue

log = logging.getLogger(__name__)
PAUSE = 10.0
"""Seconds without a further try after the broker did not answer, so that a dead broker does not slow every request."""

_silent_until = 0.0


def wake(queue: str) -> bool:
    """Tell a worker of `queue` that deliveries are due; false when the broker does not answer."""
    global _silent_until  # noqa: PLW0603 - one pause for the process
    if time.monotonic() < _silent_until:
        return False
    try:
        # A wake that nobody took within a minute is replaced by the sweep's; they must not pile up while workers rest.
        # By name: a web process has not loaded the tasks.
        current_app.send_task("events.relay", kwargs={"queue": queue}, queue=queue, retry=False, expires=60)
    except Exception as fault:  # noqa: BLE001 - whatever ails the broker, the sweep sends the wake again
        _silent_until = time.monotonic() + PAUSE
        log.warning("The broker does not answer (%s); the sweep will wake queue %s.", fault, queue)
        return False
    return True


_wakers: dict[str, Callable[[], object]] = {str(queue): partial(wake, str(queue)) for queue in Queue}


def wake_on_commit(queues: list[str]) -> None:
    """Wake each of these queues once when the transaction commits, however often it records."""
    for queue in queues:
        waker = _wakers[queue]
        if not any(entry[1] is waker for entry in connection.run_on_commit):
            transaction.on_commit(waker, robust=True)
