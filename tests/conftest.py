"""What every test stands on: a migrated database as role app, no network, a clean cache."""

import gc
import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.utils import translation
from hypothesis import HealthCheck, Phase, settings

from portal import diagnosis
from tests import databases, dealing, tracing
from tests.fixtures_scope import as_parties, cast, everything  # noqa: F401 - fixtures for every test

# The suite tries the same few examples on every run, so that it fails for what was changed and for nothing else;
# new ones are sought by `make faults`. Planted faults (tests/mutants) only have to be found, not made small.
QUIET = (HealthCheck.function_scoped_fixture, HealthCheck.too_slow)  # a database, and a machine at work, are expected
FIND = (Phase.explicit, Phase.generate)
PROFILES: dict[str, dict[str, Any]] = {
    "suite": {"max_examples": 25, "derandomize": True},
    "faults": {"max_examples": 1000, "print_blob": True},
    "mutants": {"derandomize": True, "phases": FIND},
}
for name, more in PROFILES.items():
    settings.register_profile(name, deadline=None, suppress_health_check=QUIET, **more)
settings.load_profile("suite")

HERE = Path(__file__).parent


@pytest.hookimpl(trylast=True)  # after pytest-cov's own, which starts to trace
def pytest_sessionstart(session: pytest.Session) -> None:
    """Trace the first lines of the pure rooms, and none of what they stand on."""
    tracing.load_rooms(session.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Trace the tests of the pure rooms and no others."""
    tracing.switch(item.config, on=tracing.is_pure(item.path))
    return (yield)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Deal tests out to workers by `tests.dealing`, whatever `--dist` says."""
    return dealing.Dealer(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what keeps one worker busy for long, so that none sits over it alone at the end."""
    items.sort(key=lambda item: dealing.turn(item.path.relative_to(HERE).as_posix()))


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the libraries from now on: looking through them again took half the time.

    And let it look seldom: a test leaves little behind that is not freed by itself.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """Give this process a clone of the migrated template; each test then runs in a transaction as role app."""
    with django_db_blocker.unblock(), databases.clone():
        yield


@pytest.fixture
def committed_db(django_db_blocker: Any) -> Iterator[str]:
    """A database of this test's own, in which commits are real: for races, several connections and browsers."""
    with django_db_blocker.unblock(), databases.clone() as name:
        yield name


@pytest.fixture
def live_portal(committed_db: str) -> Iterator[str]:
    """The portal served on a port of its own over `committed_db`; the base URL without a closing slash."""
    from django.test.testcases import LiveServerThread, _StaticFilesHandler

    thread = LiveServerThread("127.0.0.1", _StaticFilesHandler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    yield f"http://localhost:{thread.port}"
    thread.terminate()


@pytest.fixture(autouse=True)
def _clean_cache() -> Iterator[None]:
    """Leave nothing in the cache; a test that did not use it starts no server."""
    yield
    for cache in caches.all(initialized_only=True):
        if "_cache" in vars(cache):
            cache.clear()


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """Speak English again: a request leaves its reader's language behind in the thread."""
    yield
    translation.deactivate()


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Sockets reach this machine only; whoever wants out gets an error that says so."""
    patch = pytest.MonkeyPatch()
    for verb in ("connect", "connect_ex"):
        patch.setattr(socket.socket, verb, _guarded(getattr(socket.socket, verb)))
    yield
    patch.undo()


def _guarded(connect: Any) -> Any:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_loopback(address[0]):
            raise RuntimeError(f"tests do not use the network; {address} was to be reached")
        return connect(self, address)

    return guarded


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where this process's one Chromium listens; without one browser tests are skipped, but never in CI."""
    path = diagnosis.chromium()
    if path is None and os.environ.get("CI") == "true":
        pytest.fail("Chromium is not installed; set CHROMIUM or install Debian's package chromium")
    if path is None:
        pytest.skip("Chromium is not installed; set CHROMIUM to its path")
    from tests.e2e.browser import listening

    with listening(path, tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of reference data: PORTAL_SHARED_DATA set but missing fails, unset skips."""
    value = os.environ.get("PORTAL_SHARED_DATA")
    if not value:
        pytest.skip("PORTAL_SHARED_DATA is not set")
    path = (Path(__file__).resolve().parents[1] / value).resolve()
    if not path.is_dir():
        pytest.fail(f"PORTAL_SHARED_DATA={value} is not a folder")
    return path
