from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.output import check_target, write_whole
from analytics.attribution.errors import AttributionError


class Command(BaseCommand):
    help = (
        "Turn touchpoints into the path table that `attribute` reads. FILE is csv or csv.gz with the columns "
        "customer_id, time, channel, conversion, conversion_value; OUT is csv, csv.gz or Parquet. A conversion closes "
        "a journey, what follows the last one is a journey that did not convert. Needs no database.\n\n"
        "Example: manage.py build_paths touches.csv.gz --lookback-days 30 --out paths.csv.gz"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="the touchpoints")
        parser.add_argument("--lookback-days", required=True, metavar="D", help="age limit of touches at a conversion")
        parser.add_argument("--collapse", action="store_true", help="drop consecutive repeats of a channel")
        parser.add_argument(
            "--session-minutes", metavar="M", help="touches that follow one another within M minutes are one, the first"
        )
        parser.add_argument("--out", required=True, metavar="OUT", type=Path, help="where the path table goes")

    def handle(self, *args: Any, **options: Any) -> None:
        days: str = options["lookback_days"]
        if not (days.isascii() and days.isdigit() and 1 <= int(days) <= 36_500):
            raise CommandError(f"--lookback-days must be a whole number from 1 to 36500, not '{days}'")
        gap: str | None = options["session_minutes"]
        if gap is not None and not (gap.isascii() and gap.isdigit() and 1 <= int(gap) <= 1_440):
            raise CommandError(f"--session-minutes must be a whole number from 1 to 1440, not '{gap}'")
        check_target(options["out"], source=options["file"])
        session = None if gap is None else timedelta(minutes=int(gap))
        try:
            content = _built(
                options["file"], options["out"].name, lookback=timedelta(days=int(days)), session=session,
                collapse=options["collapse"],
            )  # fmt: skip
        except AttributionError as error:
            raise CommandError(str(error)) from None
        write_whole(options["out"], content)


def _built(file: Path, name: str, *, lookback: timedelta, collapse: bool, session: timedelta | None) -> bytes:
    from analytics.attribution.journeys import journeys
    from analytics.attribution.touch_files import path_file, read_touches

    paths = journeys(read_touches(file), lookback=lookback, collapse=collapse, session=session)
    return path_file(paths, name=name)
