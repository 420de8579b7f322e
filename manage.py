#!/usr/bin/env python
"""The operator's door: `python manage.py COMMAND --help`."""

import os
import sys
from pathlib import Path


def main() -> None:
    """Put the second source root on the path, then hand over to Django."""
    # Second, never first: a plain folder called `platform` must lose against the standard library's module.
    sys.path.insert(1, str(Path(__file__).resolve().parent / "platform"))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    from portal.schema import run_command

    run_command(sys.argv)


if __name__ == "__main__":
    main()
