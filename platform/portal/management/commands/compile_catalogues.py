import os
from pathlib import Path
from typing import Any

from babel.messages import mofile, pofile
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from portal import catalogues


class Command(BaseCommand):
    help = "Compile the catalogues of translations; needs no gettext.\n\nExample: manage.py compile_catalogues"
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        written = 0
        for source in catalogues.sources(settings.BASE_DIR):
            if catalogues.is_compiled(source):
                continue
            _compile(source, source.with_suffix(".mo"))
            written += 1
        if options["verbosity"]:
            self.stdout.write(f"{written} catalogues compiled")


def _compile(source: Path, target: Path) -> None:
    try:
        with source.open("rb") as file:
            catalogue = pofile.read_po(file, abort_invalid=True)
    except pofile.PoFileError as fault:
        raise CommandError(f"{source}: {fault}") from fault
    draft = target.with_suffix(f".{os.getpid()}.mo")  # several may compile at once, and each replaces whole files
    with draft.open("wb") as file:
        mofile.write_mo(file, catalogue)
    draft.replace(target)
