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
        parser.add_argument("--out", required=True, metavar="OUT", type=Path, help="where the path table goes")

    def handle(self, *args: Any, **options: Any) -> None:
        days: str = options["lookback_days"]
        if not (days.isascii() and days.isdigit() and 1 <= int(days) <= 36_500):
            raise CommandError(f"--lookback-days must be a whole number from 1 to 36500, not '{days}'")
        check_target(options["out"], source=options["file"])
        try:
            content = _built(options["file"], timedelta(days=int(days)), options["collapse"], options["out"].name)
        except AttributionError as error:
            raise CommandError(str(error)) from None
        write_whole(options["out"], content)


def _built(file: Path, lookback: timedelta, collapse: bool, name: str) -> bytes:
    from analytics.attribution.journeys import journeys
    from analytics.attribution.touch_files import path_file, read_touches

    return path_file(journeys(read_touches(file), lookback=lookback, collapse=collapse), name=name)
