"""The data folder: who owns it, where sockets lie, and what an ordinary user needs to reach it when root started us."""

import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from portal.ground.errors import GroundError

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the closing zero; our longest socket name takes the rest.
SOCKET_LIMIT = 103
LONGEST_SOCKET = ".s.PGSQL.5432"
SYSTEM_USER = "tributary"


@dataclass(frozen=True, slots=True)
class Account:
    """The ordinary user that runs the servers when root started us."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Folder:
    """Paths under one data folder; `account` is None where we are an ordinary user and run the servers ourselves."""

    root: Path
    account: Account | None

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's append-only file."""
        return self.root / "valkey"

    @property
    def log(self) -> Path:
        """What the servers wrote."""
        return self.root / "log"

    @property
    def sockets(self) -> Path:
        """Where the sockets lie: `run`, or the short folder that `run` points at where its own path is too long."""
        run = self.root / "run"
        return run.readlink() if run.is_symlink() else run

    @property
    def postgres_socket(self) -> Path:
        """PostgreSQL's socket; its port number is only a name."""
        return self.sockets / LONGEST_SOCKET

    @property
    def valkey_socket(self) -> Path:
        """Valkey's socket."""
        return self.sockets / "valkey.sock"

    def as_account(self) -> dict[str, object]:
        """Arguments for subprocess that make the child run as the account."""
        if self.account is None:
            return {}
        return {"user": self.account.uid, "group": self.account.gid, "extra_groups": []}


def opened(root: Path) -> Folder:
    """The folder, created where it is missing (0700; 0711 as root), with the account that will run the servers."""
    as_root = os.geteuid() == 0
    if not root.exists():
        root.mkdir(parents=True, mode=0o711 if as_root else 0o700, exist_ok=True)
    owner = root.stat().st_uid
    if not as_root:
        if owner != os.geteuid():
            whose = _user_name(owner)
            raise GroundError(f"{root} belongs to {whose}; run as {whose}, or choose another PORTAL_DATA_DIR")
        return Folder(root, None)
    return Folder(root, _account(root))


def prepare(folder: Folder) -> None:
    """Make every folder that the servers use, private to whom they run as. Only under the ground lock."""
    _sockets(folder)
    for path in (folder.valkey, folder.log):
        private(folder, path)
    if folder.account is not None:
        let_through(folder.account, folder.root)


def private(folder: Folder, path: Path) -> None:
    """Make `path` a folder that none but the servers' user may enter."""
    path.mkdir(mode=0o700, exist_ok=True)
    hand_over(folder, path)
    path.chmod(0o700)


def hand_over(folder: Folder, path: Path) -> None:
    """Give `path` to the account, where there is one."""
    if folder.account is not None:
        os.chown(path, folder.account.uid, folder.account.gid, follow_symlinks=False)


def let_through(account: Account, path: Path) -> None:
    """As root: let the account pass through `path` and its parents. Only o+x is added, and said on stderr."""
    for step in [*reversed(path.parents), path]:
        state = step.stat()
        if state.st_uid == account.uid or (state.st_gid == account.gid and state.st_mode & stat.S_IXGRP):
            continue
        if not state.st_mode & stat.S_IXOTH:
            step.chmod(stat.S_IMODE(state.st_mode) | stat.S_IXOTH)
            sys.stderr.write(f"ground: o+x added to {step}, so that user {account.name} reaches the embedded servers\n")


def generated_secret(root: Path, name: str) -> str:
    """The random text kept in file `name` of the data folder, made on first use; safe when several start at once."""
    folder = opened(root)
    path = folder.root / name
    if not path.exists():
        handle, draft = tempfile.mkstemp(dir=folder.root)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)  # fails where another process was first, so all read one key
        except FileExistsError:
            pass
        finally:
            Path(draft).unlink()
    return path.read_text(encoding="ascii")


def _sockets(folder: Folder) -> None:
    run = folder.root / "run"
    if len(os.fsencode(run / LONGEST_SOCKET)) <= SOCKET_LIMIT:
        if run.is_symlink():
            run.unlink()
        private(folder, run)
        return
    if run.is_symlink() and _is_private(folder, run.readlink()):
        return
    if run.is_symlink():
        run.unlink()
    elif run.exists():
        shutil.rmtree(run)
    short = _short_folder(folder.root)
    hand_over(folder, short)
    run.symlink_to(short)


def _short_folder(root: Path) -> Path:
    """A new private folder with a short path; its name is random, so nobody can lay one ready for us."""
    mark = hashlib.sha256(os.fsencode(root)).hexdigest()[:6]
    return Path(tempfile.mkdtemp(prefix=f"tributary-{mark}-", dir="/tmp"))


def _is_private(folder: Folder, path: Path) -> bool:
    try:
        state = path.lstat()
    except FileNotFoundError:
        return False
    owner = folder.account.uid if folder.account else os.geteuid()
    return stat.S_ISDIR(state.st_mode) and state.st_uid == owner and stat.S_IMODE(state.st_mode) == 0o700


def _account(root: Path) -> Account:
    """Whoever owns the servers' data already, else the folder's owner, else a system user of ours."""
    for path in (root / "postgres", root):
        if path.exists() and path.stat().st_uid != 0:
            return _by_uid(path.stat().st_uid)
    for name in (SYSTEM_USER, "postgres"):
        try:
            return _entry(pwd.getpwnam(name))
        except KeyError:
            continue
    return _created_account()


def _created_account() -> Account:
    tool = shutil.which("useradd")
    if tool is not None:
        command = [tool, "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
        done = subprocess.run([*command, "--user-group", SYSTEM_USER], capture_output=True, text=True, check=False)
        if done.returncode in {0, 9}:  # 9: another process created it meanwhile
            sys.stderr.write(f"ground: system user {SYSTEM_USER} created; PostgreSQL refuses to run as root\n")
            return _entry(pwd.getpwnam(SYSTEM_USER))
    try:
        return _entry(pwd.getpwnam("nobody"))
    except KeyError:
        raise GroundError(f"PostgreSQL refuses to run as root; create a system user called {SYSTEM_USER}") from None


def _by_uid(uid: int) -> Account:
    try:
        return _entry(pwd.getpwuid(uid))
    except KeyError:
        return Account(str(uid), uid, uid)


def _entry(row: pwd.struct_passwd) -> Account:
    return Account(row.pw_name, row.pw_uid, row.pw_gid)


def _user_name(uid: int) -> str:
    return _by_uid(uid).name
