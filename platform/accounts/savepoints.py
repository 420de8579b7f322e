"""Savepoints, left out where somebody above holds one: each costs two round trips, nested verbs have several."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import transaction

Given = ParamSpec("Given")
Told = TypeVar("Told")

_held: ContextVar[bool] = ContextVar("savepoint_held", default=False)


@contextmanager
def one_savepoint() -> Iterator[None]:
    """Run the block in a savepoint of its own, and the `atomic_within` verbs inside it without further ones.

    So what one of them raises undoes the whole block: code inside that means to go on after an error of theirs opens
    `transaction.atomic()` around them, or Django refuses its next query.
    """
    before = _held.set(True)
    try:
        with transaction.atomic():
            yield
    finally:
        _held.reset(before)


def atomic_within(verb: Callable[Given, Told]) -> Callable[Given, Told]:
    """`transaction.atomic` for verbs that call one another: no savepoint inside `one_savepoint()`."""

    @wraps(verb)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> Told:
        with transaction.atomic(savepoint=not _held.get()):
            return verb(*args, **kwargs)

    return run
