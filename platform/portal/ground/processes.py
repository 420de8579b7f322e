"""Which processes work in a folder: a server's current folder is its data, whatever number a pid file remembers."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

PROC = Path("/proc")
DELETED = " (deleted)"


def working_in(path: Path) -> list[int]:
    """Processes whose current folder is `path`, as Linux tells; elsewhere none."""
    return _with_cwd(str(path.resolve()))


def works_in(pid: int, path: Path) -> bool:
    """Whether process `pid` works in `path`; where there is no /proc, whether its command line names it."""
    if PROC.joinpath("self").exists():
        return pid in working_in(path)
    tool = shutil.which("ps")
    if tool is None:
        return False
    said = subprocess.run([tool, "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return str(path) in said


def end_orphans(*paths: Path) -> None:
    """Kill servers whose data folder was deleted under them (rm -rf).

    With SIGKILL: one that ends in good order would remove the socket of that path, which may be its successor's.
    """
    for path in paths:
        for pid in _with_cwd(f"{path}{DELETED}"):
            _signal(pid, signal.SIGKILL)


def end(pids: list[int], seconds: float) -> None:
    """Ask processes to end, and kill those that have not by then."""
    for pid in pids:
        _signal(pid, signal.SIGTERM)
    deadline = time.monotonic() + seconds
    while any(PROC.joinpath(str(pid), "cwd").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in pids:
        _signal(pid, signal.SIGKILL)


def _with_cwd(wanted: str) -> list[int]:
    found = []
    for entry in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str((entry / "cwd").readlink()) == wanted:
                found.append(int(entry.name))
    return found


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)
