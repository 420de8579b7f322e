"""A process of the product, and listening to what it says."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread

ROOT = Path(__file__).resolve().parents[2]


class Talker:
    """A process of the product at the near end, and what it says, with the time at which it said so."""

    def __init__(self, command: list[str], *, at: Path = ROOT, **environment: str) -> None:
        paths = f"{at}{os.pathsep}{at / 'platform'}"
        env = {**os.environ, "PYTHONPATH": paths, "DJANGO_SETTINGS_MODULE": "portal.settings", **environment}
        self.process = subprocess.Popen(command, cwd=at, env=env, stdout=subprocess.PIPE, text=True)
        self.lines: Queue[tuple[float, str]] = Queue()
        self.listener = Thread(target=self._listen, daemon=True)
        self.listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put((time.monotonic(), line.strip()))

    def hear(self, seconds: float) -> list[str]:
        """What was said until now and in the next so many seconds."""
        said, until = [], time.monotonic() + seconds
        while time.monotonic() < until or not self.lines.empty():
            if self.lines.empty():
                time.sleep(0.02)
            else:
                said.append(self.lines.get()[1])
        return said

    def hear_after(self, instant: float, seconds: float, start: str = "") -> tuple[float, list[str]]:
        """Listen until something that begins so is said after an instant; how long that took, and all that was said."""
        said = []
        while True:
            at, line = self.lines.get(timeout=seconds)
            said.append(line)
            if at > instant and line.startswith(start):
                return at - instant, said


@contextmanager
def talking(*command: str, at: Path = ROOT, **environment: str) -> Iterator[Talker]:
    """A Python process of the product as it stands at `at`, for as long as the block lasts."""
    talker = Talker([sys.executable, *command], at=at, **environment)
    try:
        yield talker
    finally:
        talker.process.kill()
        talker.process.wait()
        talker.listener.join()
        assert talker.process.stdout is not None
        talker.process.stdout.close()
