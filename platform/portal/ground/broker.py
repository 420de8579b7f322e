"""The embedded Valkey: started, asked and stopped over its own socket. All but `state` only under the ground lock."""

import contextlib
import os
import socket
import subprocess
import time
from typing import Literal

from portal.ground import folder as folders
from portal.ground import processes, programs
from portal.ground.errors import GroundError
from portal.ground.folder import Folder

ANSWER_SECONDS = 30
State = Literal["ready", "busy", "absent"]


def state(folder: Folder) -> State:
    """Found by PING: ready, busy (reading its append-only file, or slow) or absent."""
    try:
        said = _ask(folder, b"PING\r\n")
    except TimeoutError:
        return "busy"
    except OSError:
        return "absent"
    return "ready" if said.startswith(b"+PONG") else "busy"


def start(folder: Folder) -> None:
    """Bring the server up with its append-only file; a killed server's cut-off last line is dropped by Valkey."""
    program = programs.valkey()
    if folder.account is not None:
        folders.let_through(folder.account, program.parent)
    if state(folder) == "absent":
        processes.end_orphans(folder.valkey)
        processes.end(processes.working_in(folder.valkey), ANSWER_SECONDS)  # one whose socket was removed under it
        _launch(folder, str(program))
    deadline = time.monotonic() + ANSWER_SECONDS
    while state(folder) != "ready":
        if time.monotonic() > deadline:
            raise GroundError(f"Valkey does not answer on {folder.valkey_socket}; see {folder.log / 'valkey.log'}")
        time.sleep(0.02)


def stop(folder: Folder) -> None:
    """Ask the server to write its file and end, and wait until its socket is silent."""
    if state(folder) == "absent":
        return
    with contextlib.suppress(OSError):  # it hangs up without a word, as asked
        _ask(folder, b"SHUTDOWN NOSAVE\r\n")
    deadline = time.monotonic() + ANSWER_SECONDS
    while state(folder) != "absent":
        if time.monotonic() > deadline:
            raise GroundError(f"Valkey on {folder.valkey_socket} does not stop; see {folder.log / 'valkey.log'}")
        time.sleep(0.02)


def _launch(folder: Folder, program: str) -> None:
    options = {
        "port": "0",
        "unixsocket": str(folder.valkey_socket),
        "unixsocketperm": "700",
        "dir": str(folder.valkey),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "yes",
        "pidfile": str(folder.valkey / "valkey.pid"),
        "logfile": str(folder.log / "valkey.log"),
        "loglevel": "notice",
        "maxmemory-policy": "noeviction",
    }
    command = [program]
    for name, value in options.items():
        command += [f"--{name}", value]
    done = subprocess.run(
        command, cwd="/", env={**os.environ, "LC_ALL": "C"}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False, **folder.as_account(),  # type: ignore[call-overload]
    )  # fmt: skip
    if done.returncode:
        raise GroundError(f"Valkey does not start; see {folder.log / 'valkey.log'}")


def _ask(folder: Folder, line: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(5)
        link.connect(str(folder.valkey_socket))
        link.sendall(line)
        return link.recv(256)
