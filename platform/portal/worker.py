"""Gunicorn's threaded worker, whose threads stay a moment with who asks again at once."""

import select
import threading
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]  # it has no types

LINGER_MS = 5


class StayingWorker(ThreadWorker):  # type: ignore[misc]  # as above
    """A thread that answered waits `LINGER_MS` for that client's next request before it hands the connection back.

    Gunicorn gives a kept connection back to its main thread after each answer, which watches it, and passes it on to a
    thread when the next request comes: a tenth of a short answer's CPU where a client or a proxy asks one thing after
    another. One thread at a time stays, and only while no request waits for a thread.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._staying = threading.Lock()

    def handle(self, conn: TConn) -> Any:
        """Answer what this connection asks; see `ThreadWorker.handle`."""
        told = super().handle(conn)
        while told is True and self._asks_again(conn):
            told = super().handle(conn)
        return told

    def _asks_again(self, conn: TConn) -> bool:
        """Whether the next request begins within the time; what is already read of it goes gunicorn's own way."""
        if not self.alive or conn.parser.unreader.buf.getvalue() or not self._staying.acquire(blocking=False):
            return False
        try:
            watch = select.poll()
            watch.register(conn.sock, select.POLLIN)
            return not self.tpool._work_queue.qsize() and bool(watch.poll(LINGER_MS))
        finally:
            self._staying.release()
