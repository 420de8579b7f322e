"""The embedded servers: started on demand, shared, stopped with the last process, back after any kill."""

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AS_ROOT = os.geteuid() == 0
USERS = ["root", "ordinary"] if AS_ROOT else ["ordinary"]
# What begins with an empty folder runs as an ordinary user in every suite, and as root in the long one: root's first
# start is every suite's too, since all other tests here stand on it.
EACH_USER = [pytest.param(user, marks=pytest.mark.long) if user == "root" else user for user in USERS]
NOBODY = 65534
START = "from portal import ground; link = ground.admin(); ground.valkey()\n"
WAIT = "import sys; print('ready', flush=True); sys.stdin.read()\n"


@pytest.fixture(params=EACH_USER)
def user(request: pytest.FixtureRequest) -> str:
    """Whether root or an ordinary user runs the portal; both where the tests themselves run as root."""
    return str(request.param)


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder that does not exist yet, in a folder that any user may enter."""
    home = Path(tempfile.mkdtemp(prefix="ground-", dir="/tmp"))
    home.chmod(0o777)
    yield home / "data"
    kill(running(home))
    shutil.rmtree(home)


class Runner:
    """Starts Python with the portal's code on one data folder, as root or as an ordinary user."""

    def __init__(self, data: Path, user: str) -> None:
        self.data, self.user = data, user

    def start(self, code: str) -> "subprocess.Popen[str]":
        """One process that runs `code`; its standard input is a pipe."""
        command = [sys.executable, "-c", code]
        if AS_ROOT and self.user == "ordinary":
            # The interpreter may lie under /root: reading it is all that this capability adds to the ordinary user.
            who = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            command = [*who, "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", *command]
        return subprocess.Popen(
            command,
            cwd="/",
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}",
                "PORTAL_DATA_DIR": str(self.data),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str) -> str:
        """Run `code` to its end and give back what it printed; it must succeed."""
        process = self.start(code)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out.strip()

    def ready(self, code: str = START) -> "subprocess.Popen[str]":
        """A process that has run `code` and now waits until its input is closed."""
        process = self.start(code + WAIT)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n", process.communicate()[1]
        return process


@pytest.fixture
def portal(data: Path, user: str) -> Runner:
    """A portal before its first start, once as root and once as an ordinary user."""
    return Runner(data, user)


@pytest.fixture(scope="session")
def _made() -> Iterator[Path]:
    """PostgreSQL's data after a first start, to be copied: making it takes longer than most tests."""
    # Not under pytest's own folder: every pytest that starts closes that folder to all but its user.
    home = Path(tempfile.mkdtemp(prefix="ground-", dir="/tmp"))
    Runner(home / "data", USERS[0]).run(START)
    yield home / "data"
    shutil.rmtree(home)


@pytest.fixture
def settled(data: Path, _made: Path) -> Runner:
    """A portal that has been started before, as whoever runs the tests."""
    subprocess.run(["cp", "-a", str(_made), str(data)], check=True)
    return Runner(data, USERS[0])


def running(root: Path) -> list[int]:
    """Processes, zombies apart, that name the folder in their command line or work in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            said = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            where = str((entry / "cwd").readlink())
        except OSError:
            continue
        if said and (str(root) in said or where.startswith(str(root))):
            found.append(int(entry.name))
    return found


def kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # a backend ends by itself when its postmaster is gone
            os.kill(pid, signal.SIGKILL)


def until(condition: Callable[[], bool], seconds: float = 15) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()


def close(process: "subprocess.Popen[str]") -> None:
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err


SQL = "cursor = link.cursor(); cursor.execute({!r}); print(cursor.fetchone())"


def test_servers_start_on_demand_twice_in_a_row_and_stop_with_their_process(portal: Runner, data: Path) -> None:
    first = START + "cursor = link.cursor(); cursor.execute('CREATE TABLE kept AS SELECT 7 AS n')"
    portal.run(first)
    assert until(lambda: not running(data), 3)
    assert portal.run(START + SQL.format("SELECT n FROM kept")) == "(7,)"
    assert until(lambda: not running(data), 3)


def test_six_simultaneous_first_starts_share_one_server(portal: Runner, data: Path) -> None:
    code = START + SQL.format("SELECT pg_postmaster_start_time()::text") + "; import time; time.sleep(1)"
    processes = [portal.start(code) for _ in range(6)]
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 6, said
    assert len({out for out, _ in said}) == 1
    assert until(lambda: not running(data), 5)


def test_after_everything_was_killed_the_next_start_finds_all_data(portal: Runner, data: Path) -> None:
    wrote = "cursor = link.cursor(); cursor.execute('CREATE TABLE kept AS SELECT 7 AS n')\n"
    wrote += (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect(ground.valkey()); s.sendall(b'SET k 9\\r\\n')\n"
    )
    holder = portal.ready(START + wrote + "s.recv(9)\n")
    victims = {*running(data), holder.pid}
    assert len(victims) > 5
    kill(victims)
    holder.communicate()
    read = "import socket; s = socket.socket(socket.AF_UNIX); s.connect(ground.valkey()); s.sendall(b'GET k\\r\\n');"
    said = portal.run(START + SQL.format("SELECT n FROM kept") + "\n" + read + "print(s.recv(9))")
    assert said == "(7,)\nb'$1\\r\\n9\\r\\n'"
    assert until(lambda: not running(data), 5)


def test_the_keeper_stops_the_servers_when_the_last_user_was_killed(settled: Runner, data: Path) -> None:
    holder = settled.ready()
    assert running(data)
    holder.kill()
    holder.communicate()
    assert until(lambda: not running(data), 10)


@pytest.mark.long
def test_a_data_folder_deleted_under_the_servers_leaves_none_behind(settled: Runner, data: Path) -> None:
    holder = settled.ready()
    victims = set(running(data))
    shutil.rmtree(data)
    assert settled.run(START + SQL.format("SELECT 1")) == "(1,)"
    holder.communicate(timeout=60)
    assert until(lambda: not victims & set(running(data)), 10)
    assert until(lambda: not running(data), 10)


@pytest.mark.long
def test_servers_whose_sockets_were_removed_are_replaced(settled: Runner, data: Path) -> None:
    holder = settled.ready()
    shutil.rmtree(data / "run")
    assert settled.run(START + SQL.format("SELECT 1")) == "(1,)"
    close(holder)
    assert until(lambda: not running(data), 10)


def test_the_servers_outlive_the_process_that_started_them(settled: Runner, data: Path) -> None:
    first = settled.ready()
    second = settled.ready()
    close(first)
    assert settled.run(START + SQL.format("SELECT 1")) == "(1,)"
    assert any("postgres" in (Path("/proc") / str(pid) / "cmdline").read_text() for pid in running(data))
    close(second)
    assert until(lambda: not running(data), 3)


@pytest.mark.long
def test_a_pid_file_that_names_a_stranger_does_not_keep_the_server_down(settled: Runner, data: Path) -> None:
    settled.run(START)
    template = f"{{}}\n{data / 'postgres'}\n1\n5432\n{data / 'run'}\n\n1 1\nready\n"
    (data / "postgres" / "postmaster.pid").write_text(template.format(os.getpid()))
    (data / "run" / ".s.PGSQL.5432.lock").write_text(template.format(os.getpid()))
    (data / "run" / ".s.PGSQL.5432").touch()
    for path in (
        data / "postgres" / "postmaster.pid",
        data / "run" / ".s.PGSQL.5432.lock",
        data / "run" / ".s.PGSQL.5432",
    ):
        state = (data / "postgres").stat()
        os.chown(path, state.st_uid, state.st_gid)
    assert settled.run(START + SQL.format("SELECT 1")) == "(1,)"


def test_a_path_too_long_for_a_socket_gets_a_short_private_folder(settled: Runner, data: Path) -> None:
    settled.data = data.rename(data.with_name("long" * 30))
    said = json.loads(settled.run(START + "import json, os; p = ground.postgres(); s = os.stat(p); "
                                 "print(json.dumps([p, s.st_mode & 0o777, s.st_uid]))"))  # fmt: skip
    assert len(said[0]) < 60
    assert said[1] == 0o700
    assert said[2] == (settled.data / "postgres").stat().st_uid
    assert settled.run(START + "print(ground.postgres())") == said[0]
    shutil.rmtree(said[0])
    assert settled.run(START + SQL.format("SELECT 1")) == "(1,)"
    shutil.rmtree((settled.data / "run").readlink())


def test_neither_server_can_be_reached_from_outside(settled: Runner, data: Path) -> None:
    ask = "import socket; s = socket.socket(socket.AF_UNIX); s.connect(ground.valkey());"
    ask += "s.sendall(b'CONFIG GET port\\r\\n'); print(s.recv(99))"
    assert settled.run(START + SQL.format("SHOW listen_addresses") + "\n" + ask) == (
        "('',)\n" + repr(b"*2\r\n$4\r\nport\r\n$1\r\n0\r\n")
    )
    for name in ("run", "postgres", "valkey", "log"):
        assert (data / name).stat().st_mode & 0o777 == 0o700


def test_the_roles_are_plain_and_only_the_owner_makes_tables(settled: Runner) -> None:
    code = """
import psycopg2
for role in ("tributary_owner", "tributary_app"):
    link = psycopg2.connect(host=ground.postgres(), user=role, dbname="tributary")
    link.autocommit = True
    cursor = link.cursor()
    cursor.execute("SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = %s", [role])
    assert cursor.fetchone() == (False,) * 4
    if role == "tributary_owner":
        cursor.execute("CREATE TABLE made (id bigserial PRIMARY KEY, v vector(2))")
    else:
        cursor.execute("INSERT INTO made (v) VALUES ('[1,2]')")
        for forbidden in ("CREATE TABLE mine ()", "TRUNCATE made", "DROP TABLE made", "SET ROLE tributary_owner"):
            try:
                cursor.execute(forbidden)
            except psycopg2.errors.InsufficientPrivilege:
                continue
            raise AssertionError(forbidden)
cursor.execute("SELECT datcollate, datlocale, datlocprovider FROM pg_database WHERE datname = 'tributary'")
print(cursor.fetchone())
"""
    assert settled.run(START + code) == "('C', 'C.UTF-8', 'b')"


def test_a_forked_child_neither_stops_the_servers_nor_loses_them(settled: Runner, data: Path) -> None:
    code = "import os; child = os.fork()\nif child == 0:\n    ground.release(); os._exit(0)\nos.waitpid(child, 0)\n"
    assert settled.run(START + code + SQL.format("SELECT 1")) == "(1,)"
    assert until(lambda: not running(data), 5)


def test_a_connection_is_found_again_after_the_server_fell(settled: Runner, data: Path) -> None:
    code = """
import os, signal, django
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT current_user")
    print(cursor.fetchone()[0])
pid = int(open(os.environ["PORTAL_DATA_DIR"] + "/postgres/postmaster.pid").readline())
os.kill(pid, signal.SIGKILL)
connection.close()
with connection.cursor() as cursor:
    cursor.execute("SELECT 1")
    print(cursor.fetchone()[0])
"""
    assert settled.run(code) == "tributary_app\n1"


def test_commands_that_need_no_database_start_none(data: Path) -> None:
    code = """
import contextlib, io, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
from django.core.management import execute_from_command_line
for arguments in (["check"], ["--help"], ["migrate", "--help"], ["compile_catalogues"], ["diffsettings"]):
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            execute_from_command_line(["manage.py", *arguments])
        except SystemExit as end:
            assert not end.code, arguments
    left = set(os.listdir(os.environ["PORTAL_DATA_DIR"])) - {"secret_key"}
    assert not left, (arguments, left)
print("none")
"""
    assert Runner(data, USERS[0]).run(code) == "none"


@pytest.mark.skipif(not AS_ROOT, reason="only root hands the servers to another user")
def test_root_adds_only_the_right_to_pass_and_says_so(data: Path) -> None:
    data.parent.chmod(0o700)
    process = Runner(data, "root").start(START)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert f"o+x added to {data.parent}" in err
    assert data.parent.stat().st_mode & 0o777 == 0o701
    owner = pwd.getpwuid((data / "postgres").stat().st_uid)
    assert owner.pw_uid != 0


def test_the_secret_key_is_made_once_even_when_six_ask_at_once(data: Path) -> None:
    runner = Runner(data, USERS[-1])
    code = "from portal import connections, env; print(connections.secret_key(env.data_dir()))"
    processes = [runner.start(code) for _ in range(6)]
    keys = {process.communicate(timeout=60)[0] for process in processes}
    assert len(keys) == 1
    assert len(keys.pop().strip()) >= 50
    assert (data / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in data.iterdir()] == ["secret_key"]
