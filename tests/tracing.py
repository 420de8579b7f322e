"""Coverage is asked of the pure rooms alone (pyproject.toml), and tracing nearly doubles the time of whatever runs.

So under `--cov` nothing is traced but the tests of those rooms; they must reach every branch by themselves.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

HERE = Path(__file__).parent
TESTS = ("ledger/splits/", "ledger/test_money.py", "analytics/attribution/", "recommender/engine/")
ROOMS = ("ledger.splits", "analytics.attribution", "recommender.engine")
HEAVY = ("numba", "pyarrow.parquet", "torch")


def is_pure(path: Path) -> bool:
    """Whether a file holds tests of a pure room."""
    return path.relative_to(HERE).as_posix().startswith(TESTS)


def switch(config: pytest.Config, *, on: bool) -> bool:
    """Trace from now on, or do not; says whether it did so before. Nothing happens without `--cov`."""
    plugin = config.pluginmanager.get_plugin("_cov")
    control = plugin and plugin.cov_controller
    before = bool(control and control.started)
    if control and before != on:
        (control.resume if on else control.pause)()
        if not on:
            sys.settrace(None)  # coverage's tracer stays installed after it was stopped, and is called for every line
    return before


@contextmanager
def untraced(config: pytest.Config) -> Iterator[None]:
    """Run a block untraced."""
    before = switch(config, on=False)
    try:
        yield
    finally:
        switch(config, on=before)


def load_rooms(config: pytest.Config) -> None:
    """Import the pure rooms traced, where this process runs tests, and what they stand on untraced."""
    if switch(config, on=False) and not config.getoption("numprocesses"):
        for name in HEAVY:
            import_module(name)
        switch(config, on=True)
        for room in ROOMS:
            for found in walk_packages(import_module(room).__path__, f"{room}."):
                import_module(found.name)
        switch(config, on=False)
