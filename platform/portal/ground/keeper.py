"""The keeper: waits in the kernel until no process uses the embedded servers, and stops those that still run.

Who leaves in good order stops them itself; the keeper is for the case that the last user was killed. It takes no
processor time and ends with the servers.
"""

import os
import sys
from pathlib import Path

from portal import ground
from portal.ground import locks, processes


def watch(root: Path, place: int) -> None:
    """Wait, then stop the servers; `place` is the descriptor that holds the keeper's lock."""
    while True:
        locks.wait_until_unused(root)
        processes.end_orphans(root / "postgres", root / "valkey")
        if not root.exists():
            return
        with locks.starting_or_stopping(root):
            if locks.unused(root):
                ground.stop(root)
                os.close(place)  # before the ground lock: who starts servers next sees the place free
                return


if __name__ == "__main__":
    watch(Path(sys.argv[1]), int(sys.argv[2]))
