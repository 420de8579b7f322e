"""Several processes over one list of parts. Each takes the next part when it is done with one."""

import gc
import multiprocessing
import queue
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from django.db import connections

from partners.errors import PartnersError

Part = TypeVar("Part")
Piece = TypeVar("Piece")


def in_processes(work: Callable[[Part], Piece], parts: Sequence[Part], *, processes: int) -> Iterator[Piece]:
    """Yield what `work` makes of each part, in the order of completion; errors of ours are raised here.

    Connections are closed first, since two processes must not speak through one. Leaving the loop early ends them all.
    """
    connections.close_all()
    fork = multiprocessing.get_context("fork")
    taken, told = fork.Value("l", 0), fork.Queue()
    workers = [fork.Process(target=_work, args=(work, parts, taken, told), daemon=True) for _ in range(processes)]
    for worker in workers:
        worker.start()
    try:
        for _part in parts:
            yield _next(told, workers)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.join()


def _next(told: Any, workers: Sequence[Any]) -> Any:
    while True:
        try:
            piece, error = told.get(timeout=1)
        except queue.Empty:
            # What a worker told before it ended may still be on its way; one second without anything is not.
            if not any(worker.is_alive() for worker in workers):
                raise RuntimeError("The processes ended before their work was done.") from None
            continue
        if error is not None:
            raise error if isinstance(error, PartnersError) else RuntimeError(error)
        return piece


def _work(work: Callable[[Any], Any], parts: Sequence[Any], taken: Any, told: Any) -> None:
    gc.disable()  # rows make no cycles, and looking for some walks all that this process took over
    try:
        while True:
            with taken.get_lock():
                number = taken.value
                taken.value += 1
            if number >= len(parts):
                return
            told.put((work(parts[number]), None))
    except PartnersError as error:
        told.put((None, error))
    except BaseException:  # noqa: BLE001 - whatever ended this process, the one that waits must know
        told.put((None, traceback.format_exc()))
    finally:
        connections.close_all()
