"""Who wants to know what: handlers by event name. Filled while Django starts, read ever after."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from events.choices import EventName, Queue


class EventData(NamedTuple):
    """One event as a handler sees it."""

    id: int
    name: str
    key: str
    payload: dict[str, Any]
    occurred_at: datetime


HandlerFunction = Callable[[list[EventData]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """A function and the events it wants. `label` (app.function) is what a delivery row stores: renaming orphans it."""

    label: str
    names: frozenset[str]
    queue: str
    batch: int
    function: HandlerFunction


_handlers: dict[str, Handler] = {}


def handles(*names: str, queue: str = Queue.DEFAULT, batch: int = 50) -> Callable[[HandlerFunction], HandlerFunction]:
    """Register the decorated function for events of these names.

    It is called with up to `batch` events, oldest first, inside one transaction that sees every party's rows and that
    also marks the deliveries done, so its writes happen once. An event may still come again (a retry after a failure,
    `delivery_retry`): writes go under unique keys. Raising anything rolls it back and tries each event singly.
    """
    for name in names:
        EventName(name)
    Queue(queue)

    def register(function: HandlerFunction) -> HandlerFunction:
        label = f"{function.__module__.split('.')[0]}.{function.__name__}"
        known = _handlers.get(label)
        if known and known.function.__qualname__ != function.__qualname__:
            raise ValueError(f"two handlers are called {label}")
        _handlers[label] = Handler(
            label=label, names=frozenset(names), queue=str(queue), batch=batch, function=function
        )
        return function

    return register


def handlers(*, queue: str | None = None, name: str | None = None) -> list[Handler]:
    """Registered handlers in the order of their labels, of one queue or for one event name where given."""
    return [
        handler
        for _, handler in sorted(_handlers.items())
        if (queue is None or handler.queue == queue) and (name is None or name in handler.names)
    ]


@contextmanager
def only(*chosen: Handler) -> Iterator[None]:
    """Replace the registry until the block ends (tests, repairs by hand)."""
    before = dict(_handlers)
    _handlers.clear()
    _handlers.update({handler.label: handler for handler in chosen})
    try:
        yield
    finally:
        _handlers.clear()
        _handlers.update(before)
