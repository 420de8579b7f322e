"""Three files, three flocks: who may start or stop servers, who uses them, and who keeps watch.

`ground.lock` is held exclusively for the moments in which servers are started or stopped. `ground.users` is held shared
by every process that uses them, for as long as it lives; the kernel lets go of it even when the process is killed.
`ground.keeper` is held by the one keeper. flock belongs to the open file, so a forked child goes on holding what its
parent opened, and nothing here ever unlocks a descriptor that a child may share: it closes it.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def opened(root: Path, name: str) -> int:
    """A fresh descriptor on a lock file; not inherited by programs that we start."""
    path = root / name
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    owner = root.stat()
    if os.geteuid() == 0 and owner.st_uid != 0:
        os.fchown(fd, owner.st_uid, owner.st_gid)
    return fd


@contextmanager
def starting_or_stopping(root: Path) -> Iterator[None]:
    """Alone for a moment: nobody else starts or stops servers meanwhile."""
    fd = opened(root, "ground.lock")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


@contextmanager
def preparing(root: Path) -> Iterator[None]:
    """Alone while files and tables are made ready: who starts at the same time waits, and then finds them ready."""
    fd = opened(root, "prepare.lock")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def use(root: Path) -> int:
    """Hold the servers in use; the descriptor must stay open for as long as they are needed."""
    fd = opened(root, "ground.users")
    fcntl.flock(fd, fcntl.LOCK_SH)
    return fd


def wait_until_unused(root: Path) -> None:
    """Return once no process uses the servers. New users are not kept out meanwhile."""
    fd = opened(root, "ground.users")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    finally:
        os.close(fd)


def unused(root: Path) -> bool:
    """Whether no process uses the servers. Only under `starting_or_stopping`, where no new one can join."""
    return _free(root, "ground.users")


def keeper_place(root: Path) -> int | None:
    """The keeper's lock as a descriptor to hand to a new keeper, None when one is on watch already."""
    fd = opened(root, "ground.keeper")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def _free(root: Path, name: str) -> bool:
    fd = opened(root, name)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(fd)
