"""Files that commands write: whole or not at all."""

import os
from pathlib import Path

from django.core.management.base import CommandError


def check_target(out: Path, *, source: Path | None = None) -> None:
    """Refuse, before any work, a place where no file can be written, and the file that is read."""
    try:
        is_folder = out.is_dir()
        is_source = source is not None and out.exists() and source.exists() and out.samefile(source)
    except OSError as error:  # a name that no file can have
        raise _unwritable(out, error) from None
    if is_folder:
        raise CommandError(f"{out}: is a folder; name a file")
    if is_source:
        raise CommandError(f"{out}: is the file that is read; name another one")
    if not out.parent.is_dir():
        raise CommandError(f"{out}: the folder {out.parent} does not exist")


def write_whole(out: Path, content: bytes) -> None:
    """Put `content` at `out`, replacing what is there in one step; a device or pipe is written to directly."""
    direct = out.exists() and not out.is_file()
    part = out if direct else out.with_name(f".{os.getpid()}.part")
    try:
        part.write_bytes(content)
        if not direct:
            part.replace(out)
    except OSError as error:
        if not direct:
            part.unlink(missing_ok=True)
        raise _unwritable(out, error) from None


def _unwritable(out: Path, error: OSError) -> CommandError:
    return CommandError(f"{out}: cannot be written: {(error.strerror or str(error)).lower()}")
