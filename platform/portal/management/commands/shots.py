import logging
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from courses.models import Course
from portal import diagnosis, shots
from portal.demo import build
from portal.demo.people import CREATOR_LOGIN, LEARNER_LOGIN

MANAGER, MARKETER = "manager@demo.test", "marketer@demo.test"


class Command(BaseCommand):
    help = "Take the README's screenshots from the demo business.\n\nExample: PORTAL_DEMO=1 manage.py shots"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--out", type=Path, default=settings.BASE_DIR / "docs" / "images", help="folder to write to"
        )
        parser.add_argument("--only", help="take only the shot of this name")

    def handle(self, *args: Any, **options: Any) -> None:
        chromium = diagnosis.chromium()
        if chromium is None:
            raise CommandError("Chromium is not installed; set CHROMIUM to its path")
        if not settings.DEMO or not build.exists():
            raise CommandError("there is no demo business to look at; run `make demo ARGS=--no-serve` first")
        wanted = [shot for shot in _shots() if options["only"] in {None, shot.name}]
        if not wanted:
            raise CommandError(f"there is no shot called {options['only']!r}")
        keys = {shot.email: shots.session_key(shot.email) for shot in wanted if shot.email}
        logging.getLogger("django_structlog").setLevel(logging.WARNING)
        # The browser's library runs an event loop in this thread, in which Django touches no database.
        connections.close_all()
        with shots.served() as base:
            try:
                for path in shots.take(wanted, base=base, chromium=chromium, folder=options["out"], keys=keys):
                    self.stdout.write(str(path))
            except LookupError as fault:
                raise CommandError(str(fault)) from fault


def _shots() -> list[shots.Shot]:
    """What the README shows: each face once, both languages, both themes, wide and narrow."""
    course = Course.objects.filter(state="published").order_by("pk").values_list("slug", flat=True).first()
    return [
        shots.Shot("creator-home", "/creator/", CREATOR_LOGIN),
        shots.Shot("creator-home-zh-phone", "/creator/", CREATOR_LOGIN, language="zh-hans", width=390, height=844),
        shots.Shot("marketing", "/marketing/", MARKETER),
        shots.Shot("marketing-zh-dark", "/marketing/", MARKETER, language="zh-hans", theme="dark"),
        shots.Shot("catalogue", "/"),
        shots.Shot("catalogue-zh", "/", language="zh-hans"),
        shots.Shot("course", f"/courses/{course}/"),
        shots.Shot("course-dark-phone", f"/courses/{course}/", theme="dark", width=390, height=844),
        shots.Shot("learning", "/learn/", LEARNER_LOGIN),
        shots.Shot("admin", "/admin/", MANAGER),
    ]
