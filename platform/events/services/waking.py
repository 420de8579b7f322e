"""Waking workers. The queue of record is the table, so a wake that is lost costs half a minute and nothing else."""

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from celery import current_app
from django.db import connection, transaction

from events.choices import Queue

log = logging.getLogger(__name__)
PAUSE = 10.0
"""Seconds without a further try after the broker did not answer, so that a dead broker does not slow every request."""

PATIENCE = 1.0
"""Seconds to wait for the broker's connection, and for its answer."""

_ONE_TRY = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0, "socket_timeout": PATIENCE}

_silent_until = 0.0
_local = threading.local()


def wake(queue: str) -> bool:
    """Tell a worker of `queue` that deliveries are due; false when the broker does not answer."""
    global _silent_until  # noqa: PLW0603 - one pause for the process
    if time.monotonic() < _silent_until:
        return False
    try:
        _send(queue)
    except Exception as fault:  # noqa: BLE001 - whatever ails the broker, the sweep sends the wake again
        _silent_until = time.monotonic() + PAUSE
        log.warning("The broker does not answer (%s); the sweep will wake queue %s.", fault, queue)
        return False
    return True


def _send(queue: str) -> None:
    """Send by this thread's own connection; one that had grown stale is replaced once."""
    link, fresh = _link()
    try:
        _send_by(link, queue)
    except Exception:
        _local.link = None
        link.release()
        if fresh:
            raise
        _send_by(_link()[0], queue)


def _send_by(link: Any, queue: str) -> None:
    # By name, since a web process has not loaded the tasks. A wake that nobody took within a minute is replaced by the
    # sweep's; they must not pile up while workers rest.
    options = {"kwargs": {"queue": queue}, "queue": queue, "connection": link, "retry": False, "expires": 60}
    current_app.send_task("events.relay", **options)


def _link() -> tuple[Any, bool]:
    """This thread's connection to the broker, and whether it was opened just now."""
    held = getattr(_local, "link", None)
    if held is not None and _local.pid == os.getpid():
        return held, False
    link = current_app.connection_for_write(connect_timeout=PATIENCE)
    # One try: kombu would go on for six seconds, within which somebody waits for a page.
    link.transport_options = {**(link.transport_options or {}), **_ONE_TRY}
    _local.link, _local.pid = link, os.getpid()
    return link, True


_wakers: dict[str, Callable[[], object]] = {str(queue): partial(wake, str(queue)) for queue in Queue}


def wake_on_commit(queues: list[str]) -> None:
    """Wake each of these queues once when the transaction commits, however often it records."""
    for queue in queues:
        waker = _wakers[queue]
        if not any(entry[1] is waker for entry in connection.run_on_commit):
            transaction.on_commit(waker, robust=True)
