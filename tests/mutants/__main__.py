"""Plant each fault in a copy of the tree, run the tests of its room there, and say which fault nobody noticed."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

from tests.mutants.books import BOOKS
from tests.mutants.engine import ENGINE
from tests.mutants.fault import Fault

ROOT = Path(__file__).resolve().parents[2]
CAUGHT, MISSED, BROKEN = "caught", "MISSED", "BROKEN"
PYTEST = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--no-header", "--hypothesis-profile=mutants"]


def main() -> int:
    """Return 0 if every planted fault was caught."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants",
        description="Plant faults one at a time and see the suite go red.",
        epilog="Example: python -m tests.mutants --only reserve --workers 1",
    )
    parser.add_argument("--only", default="", help="faults whose name or path contains this")
    parser.add_argument("--workers", type=int, default=2, help="how many copies of the tree work at once")
    parser.add_argument("--list", action="store_true", help="name the faults and stop")
    asked = parser.parse_args()
    faults = [fault for fault in (*ENGINE, *BOOKS) if asked.only in f"{fault.path} {fault.name}"]
    if asked.list or not faults:
        print("\n".join(f"{fault.path}: {fault.name}" for fault in faults) or f"no fault contains {asked.only!r}")
        return 0 if faults else 1
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies: Queue[Path] = Queue()
        for i in range(asked.workers):
            copies.put(_copy(Path(folder) / str(i)))
        return _judge(faults, copies, asked.workers)


def _judge(faults: list[Fault], copies: "Queue[Path]", workers: int) -> int:
    start = time.monotonic()
    sound = _sound(faults, copies)
    if sound:
        print(f"without any fault these tests fail already:\n{sound}")
        return 1
    with ThreadPoolExecutor(workers) as pool:
        verdicts = list(pool.map(lambda fault: _plant(fault, copies), faults))
    missed = [fault for fault, verdict in zip(faults, verdicts, strict=True) if verdict != CAUGHT]
    minutes = (time.monotonic() - start) / 60
    print(f"{len(faults) - len(missed)} of {len(faults)} planted faults were caught in {minutes:.1f} minutes")
    for fault in missed:
        print(f"not caught: {fault.path}: {fault.name}")
    return 1 if missed else 0


def _sound(faults: list[Fault], copies: "Queue[Path]") -> str:
    """Run every test named once on the tree as it is; returns what fails."""
    copy = copies.get()
    done = _run(copy, sorted({test for fault in faults for test in fault.tests}))
    copies.put(copy)
    return "" if done.returncode == 0 else done.stdout[-3000:]


def _plant(fault: Fault, copies: "Queue[Path]") -> str:
    start = time.monotonic()
    copy = copies.get()
    path = copy / fault.path
    before = path.read_text(encoding="utf-8")
    try:
        if before.count(fault.old) != 1:
            verdict = f"{BROKEN} (its place is found {before.count(fault.old)} times)"
        else:
            path.write_text(before.replace(fault.old, fault.new), encoding="utf-8")
            code = _run(copy, list(fault.tests)).returncode
            verdict = {0: MISSED, 1: CAUGHT}.get(code, f"{BROKEN} (pytest ended with {code})")
    finally:
        path.write_text(before, encoding="utf-8")
        copies.put(copy)
    print(f"{verdict:<8} {fault.path}: {fault.name} ({time.monotonic() - start:.0f} s)", flush=True)
    return verdict


def _run(copy: Path, tests: list[str]) -> "subprocess.CompletedProcess[str]":
    env = os.environ | {"PYTHONPATH": f"{copy}{os.pathsep}{copy / 'platform'}", "PYTHONDONTWRITEBYTECODE": "1"}
    env.pop("PORTAL_DATA_DIR", None)
    return subprocess.run(
        [sys.executable, *PYTEST, *tests], cwd=copy, env=env, capture_output=True, text=True, check=False
    )


def _copy(target: Path) -> Path:
    """Copy what git tracks, as it stands in the working tree."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        source = ROOT / name
        if source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name)
    return target


if __name__ == "__main__":
    sys.exit(main())
