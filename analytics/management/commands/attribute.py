import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.attribution.errors import AttributionError
from analytics.attribution.registry import MODELS, as_json, attribute, compile_models, known_models
from analytics.management.output import check_target, write_whole


class Command(BaseCommand):
    help = (
        "Share the conversions and value of a path table among its channels. FILE is csv, csv.gz or Parquet with the "
        "columns path (channels joined by ' > '), total_conversions and, where known, total_conversion_value and "
        "total_null. Needs no database. The last line of stderr tells CPU seconds and peak memory.\n\n"
        "Example: manage.py attribute paths.csv.gz --models linear,markov --order 2 --out credits.json"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="the path table")
        parser.add_argument("--models", required=True, help=f"comma-separated, among {', '.join(MODELS)}")
        parser.add_argument("--order", default="1", metavar="K", help="touches that a markov state remembers (1)")
        parser.add_argument(
            "--intervals",
            action="store_true",
            help="tell 95 %% intervals of every figure too, by a bootstrap over journeys (markov: order 1)",
        )
        parser.add_argument("--out", required=True, metavar="OUT.json", type=Path, help="where the credits go")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._attribute(
                options["file"], options["models"], options["order"], options["out"], intervals=options["intervals"]
            )
        except AttributionError as error:
            raise CommandError(str(error)) from None

    def _attribute(self, file: Path, names: str, order_text: str, out: Path, *, intervals: bool) -> None:
        models = known_models([name.strip() for name in names.split(",")])
        if not (order_text.isascii() and order_text.isdigit() and int(order_text) >= 1):
            raise CommandError(f"--order must be a whole number of at least 1, not '{order_text}'")
        order = int(order_text)
        check_target(out, source=file)
        seconds: dict[str, float] = {}
        with self._timed("compile", seconds):
            compile_models(models, order=order)
        compile_seconds = seconds.pop("compile")
        with self._timed("parse", seconds):
            from analytics.attribution.reading import read_paths

            paths = read_paths(file)
        results = {}
        for model in models:
            with self._timed(model, seconds):
                credit = attribute(paths, model=model, order=order)
            sure = None
            if intervals:
                from analytics.attribution.resampling import attribution_intervals

                with self._timed(f"{model} intervals", seconds):
                    sure = attribution_intervals(paths, model=model, order=order)
            results[model] = as_json(paths, credit, intervals=sure)
        text = json.dumps({"models": results}, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
        write_whole(out, text.encode())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        cost = {"seconds": seconds, "compile_seconds": compile_seconds, "peak_mb": round(peak, 1)}
        self.stderr.write(json.dumps(cost), lambda line: line)

    @contextmanager
    def _timed(self, step: str, seconds: dict[str, float]) -> Iterator[None]:
        """Note the CPU seconds of this process that a step takes; name the step while it runs, on a terminal."""
        if self.stderr.isatty():
            self.stderr.write(f"{step} ...", lambda line: line)
        began = time.process_time()
        yield
        seconds[step] = round(time.process_time() - began, 6)
