"""What `manage.py doctor` looks at: one finding per thing, each in one plain sentence."""

import contextlib
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from django.conf import settings
from django.db import DatabaseError, connections

from portal import catalogues, env, ground, schema

State = Literal["well", "note", "broken"]
NEEDED_DISK_BYTES = 2 * 2**30
OLDEST_SERVER = 160000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    about: str
    state: State
    text: str


def findings() -> Iterator[Finding]:
    """Everything, in the order in which one thing needs the other; a look that fails is itself a finding."""
    looks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("Python", _python),
        ("packages", _packages),
        ("disk", _disk),
        ("port", _port),
        ("database", _database),
        ("database roles", _roles),
        ("migrations", _migrations),
        ("broker", _broker),
        ("cache", _cache),
        ("translations", _translations),
        ("device", _device),
        ("Chromium", _chromium),
    )
    for about, look in looks:
        try:
            yield look()
        except (OSError, DatabaseError, ground.GroundError, env.VariableError) as fault:
            yield Finding(about, "broken", str(fault).strip().replace("\n", " "))


def _python() -> Finding:
    said = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro} at {sys.executable}"
    return Finding("Python", "well" if sys.version_info >= (3, 11) else "broken", said)


def _packages() -> Finding:
    wrong = []
    rows = (settings.BASE_DIR / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [row.split("==") for row in rows if "==" in row and not row.startswith("#")]
    for name, wanted in pins:
        try:
            found = version(name.partition("[")[0]).partition("+")[0]
        except PackageNotFoundError:
            found = "absent"
        if found != wanted.strip():
            wrong.append(f"{name} is {found}, wanted {wanted}")
    if wrong:
        return Finding("packages", "broken", "; ".join(wrong) + ". Run `make install`.")
    return Finding("packages", "well", f"{len(pins)} installed as pinned")


def _disk() -> Finding:
    folder = settings.DATA_DIR
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    said = f"{free / 2**30:.1f} GB free for {settings.DATA_DIR}"
    if not os.access(folder, os.W_OK):
        return Finding("disk", "broken", f"{folder} cannot be written to")
    return Finding("disk", "well" if free > NEEDED_DISK_BYTES else "broken", said)


def _port() -> Finding:
    port = env.integer("PORTAL_PORT")
    with socket.socket() as probe:
        taken = probe.connect_ex(("127.0.0.1", port)) == 0
    if not taken:
        return Finding("port", "well", f"{port} is free")
    return Finding("port", "note", f"something already answers on {port}; if it is not the portal, set PORTAL_PORT")


def _database() -> Finding:
    began = time.monotonic()
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
        number, name = cursor.fetchone()
    where = f"embedded under {settings.DATA_DIR}" if settings.EMBEDDED_DATABASE else "at DATABASE_URL"
    said = f"PostgreSQL {name} {where}, answers in {(time.monotonic() - began) * 1000:.0f} ms"
    return Finding("database", "well" if number >= OLDEST_SERVER else "broken", said)


def _roles() -> Finding:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        name, above = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole AND relkind = 'r'")
        owned = cursor.fetchone()[0]
    if above or owned:
        return Finding("database roles", "broken", f"{name} passes by row-level security; run `manage.py create_roles`")
    return Finding("database roles", "well", f"the portal connects as {name}, which owns nothing")


def _migrations() -> Finding:
    if absent := schema.missing():
        return Finding("migrations", "note", f"{len(absent)} not applied; run `manage.py migrate`")
    return Finding("migrations", "well", "all applied")


def _broker() -> Finding:
    from portal.celery import app

    where = f"embedded under {settings.DATA_DIR}" if settings.EMBEDDED_BROKER else "at BROKER_URL"
    try:
        with contextlib.closing(app.connection_for_write()) as link:
            link.ensure_connection(max_retries=1, timeout=5)
    except Exception as fault:  # noqa: BLE001 - kombu raises what its transport raises
        return Finding("broker", "broken", f"{where}: {fault}")
    return Finding("broker", "well", f"answers, {where}")


def _cache() -> Finding:
    from django.core.cache import cache

    try:
        cache.set("doctor", 1, 5)
        kept = cache.get("doctor") == 1
    except Exception as fault:  # noqa: BLE001 - the client raises errors of its own library
        return Finding("cache", "broken", str(fault))
    return Finding(
        "cache", "well" if kept else "broken", "keeps what it is given" if kept else "loses what it is given"
    )


def _translations() -> Finding:
    stale = [path for path in catalogues.sources(settings.BASE_DIR) if not catalogues.is_compiled(path)]
    if stale:
        return Finding("translations", "note", f"{len(stale)} not compiled; run `manage.py compile_catalogues`")
    return Finding("translations", "well", "compiled")


def _device() -> Finding:
    from recommender.engine.device import choose_device, describe_device
    from recommender.engine.errors import ConfigError

    try:
        device = choose_device(settings.DEVICE)
    except ConfigError as fault:
        return Finding("device", "broken", f"PORTAL_DEVICE={settings.DEVICE}: {fault}")
    return Finding("device", "well", f"models are trained on {describe_device(device)}")


def _chromium() -> Finding:
    path = chromium()
    if path is None:
        return Finding("Chromium", "note", "not found; browser tests and screenshots are left out (set CHROMIUM)")
    return Finding("Chromium", "well", path)


def chromium() -> str | None:
    """The Chromium that browser tests and screenshots drive: CHROMIUM, else from PATH."""
    named = env.text("CHROMIUM")
    if named:
        return shutil.which(named)
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
