import hashlib
from io import StringIO
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.core.management.base import BaseCommand

from portal import ground


class Command(BaseCommand):
    help = (
        "Make ready to serve: compile catalogues, collect static files where they changed, migrate, check that the "
        "settings fit the books.\n\n"
        "Example: manage.py prepare"
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        with ground.preparing():
            call_command("compile_catalogues", verbosity=0)
            stamp, now = settings.STATIC_ROOT / "collected", _static_files()
            if not stamp.exists() or stamp.read_text(encoding="ascii") != now:
                call_command("collectstatic", interactive=False, verbosity=0)
                stamp.write_text(now, encoding="ascii")
            call_command("migrate", verbosity=0, interactive=False)
        call_command("check", tags=["database"], databases=["owner"], stdout=StringIO())


def _static_files() -> str:
    """A hash of the names, sizes and times of all static files, and of how they are stored."""
    mark = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in finders.get_finders():
        for path, storage in finder.list([]):
            state = (storage.path(path), storage.size(path), storage.get_modified_time(path).timestamp())
            mark.update(repr(state).encode())
    return mark.hexdigest()
