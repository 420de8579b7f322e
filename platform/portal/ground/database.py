"""The embedded PostgreSQL: made, started, asked and stopped. All but `state` only under the ground lock."""

import contextlib
import os
import shlex
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Literal

import psycopg2

from portal import roles
from portal.ground import folder as folders
from portal.ground import processes, programs
from portal.ground.errors import GroundError
from portal.ground.folder import Folder

ADMIN = "postgres"
DATABASE, OWNER, APP = "tributary", "tributary_owner", "tributary_app"
START_SECONDS, STOP_SECONDS = 120, 60
LOG_BYTES = 16 * 2**20
State = Literal["ready", "busy", "absent"]


def connect(folder: Folder, *, database: str = "postgres", user: str = ADMIN) -> Any:
    """A psycopg2 connection in autocommit; `user` defaults to the superuser, who exists only behind the socket."""
    link = psycopg2.connect(host=str(folder.sockets), port=5432, user=user, dbname=database, connect_timeout=10)
    link.autocommit = True
    return link


def state(folder: Folder) -> State:
    """Found by really connecting: ready, busy (starting, recovering, shutting down) or absent."""
    if not folder.postgres_socket.exists():
        return "absent"
    try:
        with contextlib.closing(connect(folder)) as link, link.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.OperationalError as fault:
        said = str(fault)
        slow = ("the database system is", "too many clients", "timeout expired")
        return "busy" if any(words in said for words in slow) else "absent"
    return "ready"


def start(folder: Folder) -> None:
    """Bring the server up, whatever the last one left behind, with roles, database and extensions."""
    if folder.account is not None:
        folders.let_through(folder.account, programs.postgres("postgres").parent)
    processes.end_orphans(folder.postgres)
    if not (folder.postgres / "PG_VERSION").exists():
        _initdb(folder)
    deadline = time.monotonic() + START_SECONDS
    if _wait(folder, deadline) != "ready":
        _start_server(folder, deadline)
    _provide(folder)


def stop(folder: Folder) -> None:
    """Stop the server if one answers; nothing is signalled by a number that a file merely remembers."""
    if state(folder) == "absent":
        return
    for mode in ("fast", "immediate"):
        if _pg_ctl(folder, "stop", "-m", mode, "-w", "-t", str(STOP_SECONDS)).returncode == 0:
            return
    raise GroundError(f"PostgreSQL under {folder.postgres} does not stop; see {folder.log / 'postgres.log'}")


def _wait(folder: Folder, deadline: float) -> State:
    """The server's state once it is no longer busy, or at the deadline."""
    while (now := state(folder)) == "busy" and time.monotonic() < deadline:
        time.sleep(0.05)
    return now


def _initdb(folder: Folder) -> None:
    """Make the data folder under another name and rename it: killed half-way it leaves nothing that looks finished."""
    draft = folder.root / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    folders.private(folder, draft)
    command = [
        programs.postgres("initdb"), "-D", draft, "-U", ADMIN, "--auth=trust", "--encoding=UTF8",
        "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-instructions",
    ]  # fmt: skip
    done = _run(folder, command)
    if done.returncode:
        raise GroundError(f"initdb failed in {draft}:\n{done.stderr.strip() or done.stdout.strip()}")
    # Trust is safe here: no TCP at all, and the socket's folder lets in none but the servers' own user (and root).
    (draft / "pg_hba.conf").write_text("local all all trust\n", encoding="ascii")
    draft.rename(folder.postgres)


def _configuration(folder: Folder) -> str:
    shared = Path("/dev/shm")  # noqa: S108 - only its size is asked
    roomy = not shared.exists() or shutil.disk_usage(shared).free > 256 * 2**20
    rows = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder.sockets),
        "unix_socket_permissions": "0700",
        "max_connections": 200,
        "shared_buffers": "256MB",
        "effective_cache_size": "1GB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "random_page_cost": 1.1,
        "jit": "off",
        "synchronous_commit": "on",
        "fsync": "on",
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "max_wal_size": "2GB",
        "wal_compression": "on",
        "checkpoint_timeout": "15min",
        "dynamic_shared_memory_type": "posix" if roomy else "mmap",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "log_min_messages": "warning",
        "log_line_prefix": "%m [%p] %u@%d ",
        "log_checkpoints": "off",
    }
    lines = (f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'\n" for name, value in rows.items())
    return "# Written by portal.ground at every start; changes here are lost.\n" + "".join(lines)


def _start_server(folder: Folder, deadline: float) -> None:
    """Start it; once more for as long as orphaned backends of a killed server still hold its shared memory."""
    while True:
        _clear_remains(folder)
        (folder.postgres / "postgresql.conf").write_text(_configuration(folder), encoding="utf-8")
        log = folder.log / "postgres.log"
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(folder.log / "postgres.1.log")
        done = _pg_ctl(folder, "start", "-s", "-w", "-t", str(START_SECONDS), "-l", str(log))
        if _wait(folder, deadline) == "ready":
            return
        said = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]) if log.exists() else ""
        if "shared memory" not in said or time.monotonic() > deadline:
            raise GroundError(f"PostgreSQL does not start ({done.stderr.strip()}):\n{said}\nThe log is {log}")
        time.sleep(0.3)


def _clear_remains(folder: Folder) -> None:
    """Remove pid and socket files of a dead server: their numbers may belong to another process by now."""
    pid_file = folder.postgres / "postmaster.pid"
    if pid_file.exists():
        first = pid_file.read_text(encoding="ascii", errors="replace").partition("\n")[0].strip()
        if first.isdigit() and processes.works_in(int(first), folder.postgres):
            if folder.postgres_socket.exists():
                raise GroundError(f"PostgreSQL (process {first}) runs on {folder.postgres} but does not answer")
            _pg_ctl(folder, "stop", "-m", "fast", "-w", "-t", str(STOP_SECONDS))  # its socket was removed under it
        pid_file.unlink(missing_ok=True)
    for path in (folder.postgres_socket, Path(f"{folder.postgres_socket}.lock")):
        path.unlink(missing_ok=True)


def _provide(folder: Folder) -> None:
    """Roles, database, extensions and grants; done once per version of `portal.roles`."""
    mark, wanted = folder.postgres / "tributary.prepared", str(roles.VERSION)
    if mark.exists() and mark.read_text(encoding="ascii") == wanted:
        return
    with contextlib.closing(connect(folder)) as link, link.cursor() as cursor:
        for role in (OWNER, APP):
            roles.create_role(cursor, role, password=None)
        roles.create_database(cursor, DATABASE, owner=OWNER)
    with contextlib.closing(connect(folder, database=DATABASE)) as link, link.cursor() as cursor:
        roles.prepare_database(cursor, DATABASE, owner=OWNER, app=APP)
    mark.write_text(wanted, encoding="ascii")


def _pg_ctl(folder: Folder, action: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return _run(folder, [programs.postgres("pg_ctl"), "-D", folder.postgres, *options, action])


def _run(folder: Folder, command: list[Any]) -> "subprocess.CompletedProcess[str]":
    # PG* variables of the person who calls us must not reach our server; / is a folder that every user may be in.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    output = folder.log / "pg_ctl.log"
    # The server inherits pg_ctl's output, so a pipe would never end: it goes to a file.
    with output.open("w+", encoding="utf-8") as file:
        done = subprocess.run(
            [str(part) for part in command], cwd="/", env=clean, stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.STDOUT, check=False, text=True, **folder.as_account(),  # type: ignore[call-overload]
        )  # fmt: skip
        file.seek(0)
        said = file.read()
    return subprocess.CompletedProcess(shlex.join(str(part) for part in command), done.returncode, "", said)
