"""The tests, in the shape of the tree that they test.

They have embedded servers of their own beside the portal's: what they switch off there (`tests.databases`) and leave
behind touches no data. Programs that tests start inherit the folder, so nothing is added to it twice.
"""

import os
from pathlib import Path

_folder = Path(os.environ.get("PORTAL_DATA_DIR") or ".data")
if _folder.name != "tests":
    os.environ["PORTAL_DATA_DIR"] = str(_folder / "tests")

# Arrays are tiny here: threads that waited for one another took half of a report's time. Read by whoever loads numpy.
os.environ.setdefault("OMP_NUM_THREADS", "1")
