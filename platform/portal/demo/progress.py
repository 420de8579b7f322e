"""Progress of the demo's making: bars on a terminal, a line a stage elsewhere."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")


class Progress:
    """Says what is being made, how far it is, and how long each stage took (wall seconds)."""

    def __init__(self, out: Any) -> None:
        self.out = out
        self.live = out.isatty()
        self.started = time.monotonic()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """A stage without a count."""
        begun = time.monotonic()
        self._live(f"{name} ...")
        yield
        self._line(name, "", begun)

    def track(self, name: str, parts: Sequence[T], *, sum_of: Callable[[T], int]) -> Iterable[T]:
        """Walk the parts of a stage, each of so many things."""
        begun, done, total = time.monotonic(), 0, sum(sum_of(part) for part in parts)
        for part in parts:
            self._live(f"{name} {done:,} of {total:,}")
            yield part
            done += sum_of(part)
        self._line(name, f"{total:,}", begun)

    def track_counts(self, name: str, counts: Iterable[int], total: int) -> Iterable[int]:
        """Walk what is told to be done of a stage of so many things."""
        begun, done = time.monotonic(), 0
        self._live(f"{name} 0 of {total:,}")
        for count in counts:
            yield count
            done += count
            self._live(f"{name} {done:,} of {total:,}")
        self._line(name, f"{done:,}", begun)

    def _live(self, text: str) -> None:
        if self.live:
            self.out.write(f"\r\033[K  {text}")
            self.out.flush()

    def _line(self, name: str, count: str, begun: float) -> None:
        start = "\r\033[K" if self.live else ""
        self.out.write(f"{start}  {name:<22}{count:>10}  {time.monotonic() - begun:6.1f} s\n")
        self.out.flush()
