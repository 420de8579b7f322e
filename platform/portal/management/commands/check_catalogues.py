import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from portal import catalogues
from portal.management.commands.makemessages import SOURCES


class Command(BaseCommand):
    help = (
        "Fail unless every string has its translation, and the same one everywhere: gathers them anew and compares.\n\n"
        "Example: manage.py check_catalogues"
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        root: Path = settings.BASE_DIR
        said = [line for source in catalogues.sources(root) for line in catalogues.faults(source)]
        said += catalogues.disagreements(catalogues.sources(root))
        said += _missing(root)
        for line in said:
            self.stderr.write(line.replace(f"{root}/", ""))
        if said:
            raise CommandError(f"{len(said)} faults in the catalogues")
        self.stdout.write("catalogues complete")


def _missing(root: Path) -> list[str]:
    """Strings in the source that no catalogue has, and strings that no source has any more."""
    if shutil.which("xgettext") is None:
        raise CommandError("gettext is not installed; it is needed to gather the strings (Debian: apt install gettext)")
    said = []
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for folder in SOURCES:
            if (root / folder).exists():
                shutil.copytree(root / folder, copy / folder, ignore=shutil.ignore_patterns("static", "__pycache__"))
        try:
            os.chdir(copy)
            call_command("makemessages", locale=[catalogues.LANGUAGE], verbosity=0)
        finally:
            os.chdir(before)
        for fresh in catalogues.sources(copy):
            kept = root / fresh.relative_to(copy)
            now, then = catalogues.ids(fresh), catalogues.ids(kept) if kept.exists() else set()
            said += [
                f"{kept}: {text!r} is missing; run manage.py makemessages -l zh_Hans" for text in sorted(now - then)
            ]
            said += [f"{kept}: {text!r} is used nowhere" for text in sorted(then - now)]
    return said
