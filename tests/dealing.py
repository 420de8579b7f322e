"""How the suite is dealt out to its workers: what shares a costly thing stays with one worker, single tests go to any.

Not by `--dist loadgroup`: its marks are written where pytest 9 no longer reads, and are passed over without a word.
"""

from xdist.scheduler import LoadScopeScheduling

TOGETHER = {
    "analytics/attribution/": "kernels",
    "analytics/commands/": "kernels",
    "analytics/test_logs.py": "kernels",
    "house/test_walk.py": "kernels",  # share a business too, whose report would wait for the same kernels
    "house/test_query_budgets.py": "kernels",
    "portal/test_commands.py": "roles",
    "e2e/": "browser",
}
"""Files or folders of tests -> what they share and one worker makes: compiled kernels, roles, a running Chromium."""

KERNELS = ("analytics/", "e2e/test_main_path.py")
"""Where kernels run besides."""


def group_of(place: str) -> str:
    """What the tests of a file, by its path below this folder, share with others; empty where they share nothing."""
    return next((group for prefix, group in TOGETHER.items() if place.startswith(prefix)), "")


def turn(place: str) -> int:
    """When the tests of a file are begun: groups first; last what runs kernels, when they lie compiled on the disk."""
    group = group_of(place)
    if group != "kernels" and place.startswith(KERNELS):
        return 2
    return 0 if group else 1


def scope_of(nodeid: str) -> str:
    """The piece of work of which a test is part: its group, else the test by itself."""
    return group_of(nodeid.partition("::")[0].removeprefix("tests/")) or nodeid


class Dealer(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Hands out whole groups first, the largest before the others, and then test by test, as they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
