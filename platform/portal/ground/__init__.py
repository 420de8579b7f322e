"""Ground: the embedded PostgreSQL and Valkey, started when first needed and stopped with the last process.

`postgres()` and `valkey()` see to it that a server answers and say where. Every process of ours that has asked holds a
shared lock; whoever leaves last stops the servers, and where the last one was killed the keeper does (DESIGN section 6,
docs/why/ground.md). Without Django, so that the keeper stays small.
"""

import atexit
import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

from portal.ground import folder as folders
from portal.ground import locks
from portal.ground.errors import GroundError
from portal.ground.folder import Folder

__all__ = ["GroundError", "admin", "here", "postgres", "preparing", "release", "reset_database", "stop", "valkey"]

Service = Literal["postgres", "valkey"]
_held: dict[Path, int] = {}
_found: dict[tuple[Path, Service], Folder] = {}


def here() -> Path:
    """The data folder that this process is configured for."""
    from portal import env

    return env.data_dir()


def postgres(root: Path | None = None, *, look_again: bool = False) -> str:
    """The folder of PostgreSQL's socket, usable as libpq's host; `look_again` after a connection has failed."""
    return str(_ensure(root or here(), "postgres", look_again=look_again).sockets)


def valkey(root: Path | None = None, *, look_again: bool = False) -> str:
    """The path of Valkey's socket."""
    return str(_ensure(root or here(), "valkey", look_again=look_again).valkey_socket)


def preparing(root: Path | None = None) -> contextlib.AbstractContextManager[None]:
    """Alone among the processes of one data folder while files and tables are made ready to serve."""
    return locks.preparing(folders.opened(root or here()).root)


def admin(root: Path | None = None, *, database: str = "postgres") -> Any:
    """A superuser's psycopg2 connection in autocommit, for test databases and resets."""
    from portal.ground import database as server

    return server.connect(_ensure(root or here(), "postgres", look_again=False), database=database)


def reset_database(root: Path | None = None) -> None:
    """Drop the embedded database with everything in it and make an empty one, roles and extensions included."""
    from portal import roles
    from portal.ground import database as server

    with contextlib.closing(admin(root)) as link, link.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {server.DATABASE} WITH (FORCE)")
        roles.create_database(cursor, server.DATABASE, owner=server.OWNER)
    with contextlib.closing(admin(root, database=server.DATABASE)) as link, link.cursor() as cursor:
        roles.prepare_database(cursor, server.DATABASE, owner=server.OWNER, app=server.APP)


def release() -> None:
    """This process needs the servers no longer; the last one to say so stops them. Called at exit by itself."""
    while _held:
        root, fd = _held.popitem()
        os.close(fd)
        for key in [key for key in _found if key[0] == root]:
            del _found[key]
        if root.exists():
            with locks.starting_or_stopping(root):
                if locks.unused(root):
                    stop(root)


def stop(root: Path) -> None:
    """Stop both servers of a data folder, used or not. Only under `locks.starting_or_stopping`."""
    from portal.ground import broker, database

    folder = folders.opened(root)
    database.stop(folder)
    broker.stop(folder)


def _ensure(root: Path, service: Service, *, look_again: bool) -> Folder:
    if not look_again and (known := _found.get((root, service))):
        return known
    from portal.ground import broker, database

    module = database if service == "postgres" else broker
    folder = folders.opened(root)
    with locks.starting_or_stopping(root):
        if root not in _held:
            if not _held:
                atexit.register(release)
            _held[root] = locks.use(root)
        folders.prepare(folder)
        _keep(folder)
        if service == "postgres" or module.state(folder) != "ready":
            module.start(folder)
    _found[root, service] = folder
    return folder


def _keep(folder: Folder) -> None:
    """Put a keeper on watch unless there is one; it is born holding the keeper's lock, so there are never two."""
    place = locks.keeper_place(folder.root)
    if place is None:
        return
    source = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH", "")]))
    command = [sys.executable, "-m", "portal.ground.keeper", str(folder.root), str(place)]
    try:
        # Through a shell that leaves it behind, so that it is nobody's child and never a zombie of ours.
        subprocess.run(
            ["/bin/sh", "-c", '"$0" "$@" &', *command],
            cwd="/",
            env={**os.environ, "PYTHONPATH": path},
            pass_fds=[place],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    finally:
        os.close(place)
