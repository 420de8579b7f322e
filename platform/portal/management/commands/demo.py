"""`manage.py demo`: a year of business to look at."""

import argparse
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.utils import timezone

from portal import ground
from portal.demo import build
from portal.demo.cast import PASSWORD, STAFF
from portal.demo.people import CREATOR_LOGIN, LEARNER_LOGIN, PARTNER_LOGIN
from portal.demo.progress import Progress
from portal.demo.simulate import Scale


class Command(BaseCommand):
    help = (
        "Make a year of demo business, unless it is there, and print its address and logins.\n\n"
        "Example: PORTAL_DEMO=1 manage.py demo --reset"
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> CommandParser:
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        return super().create_parser(*args, **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reset", action="store_true", help="throw the embedded database away and start anew")
        parser.add_argument("--no-serve", action="store_true", help="for make: stop after data and reports")
        parser.add_argument("--until", type=date.fromisoformat, help="last day of the year, yesterday by default")
        parser.add_argument("--visitors", type=int, default=Scale().visitors, help="size of the business")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("the demo has open logins; set PORTAL_DEMO=1 to say that this is not a public portal")
        # Alone: a business that is being made looks like one that was interrupted, and that one is thrown away.
        with ground.preparing():
            self._make(options)
        self._say_where()

    def _make(self, options: dict[str, Any]) -> None:
        if options["reset"] or (build.begun() and not build.exists()):
            self._reset()
        until = options["until"] or timezone.localdate() - timedelta(days=1)
        if build.exists():
            self.stdout.write("The demo business is there; ARGS=--reset makes it anew.")
        else:
            self.stdout.write(f"Making a year of business up to {until}:")
            build.build(last_day=until, progress=Progress(self.stdout), scale=_scale(options["visitors"]))

    def _reset(self) -> None:
        if not settings.EMBEDDED_DATABASE:
            raise CommandError(
                "the demo was interrupted or is to be made anew, which throws a whole database away; "
                "that is done to the embedded one only: give an empty database instead"
            )
        connections.close_all()
        ground.reset_database()
        call_command("migrate", verbosity=0)

    def _say_where(self) -> None:
        logins = [member.email for member in STAFF] + [CREATOR_LOGIN, PARTNER_LOGIN, LEARNER_LOGIN]
        self.stdout.write("")
        self.stdout.write(f"  {settings.BASE_URL}")
        for login in logins:
            self.stdout.write(f"  {login:<22} {PASSWORD}")
        self.stdout.write("")


def _scale(visitors: int) -> Scale:
    """The default's proportions for another number of visitors."""
    whole = Scale()
    share = visitors / whole.visitors
    return Scale(
        visitors=visitors,
        orders=max(1, round(whole.orders * share)),
        learners=max(1, round(whole.learners * share)),
        courses=whole.courses,
    )
