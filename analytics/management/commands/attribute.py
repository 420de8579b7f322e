import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.output import check_target, write_whole
from analytics.attribution.errors import AttributionError
from analytics.attribution.registry import (
    MODELS,
    POSITION_MODELS,
    Attribution,
    Terms,
    as_json,
    attributions,
    compile_models,
    known_models,
)


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
            "--half-life", default="7", metavar="H", help="positions after which time_decay weighs a touch half (7)"
        )
        parser.add_argument(
            "--direct",
            default="direct",
            metavar="NAMES",
            help="channels that last_non_direct passes over, comma-separated (direct)",
        )
        parser.add_argument(
            "--weights",
            default="0.4,0.2,0.4",
            metavar="W,W,...",
            help="of position_weights: three are of the first touch, all between together, and the last; any other "
            "number by position from the first (0.4,0.2,0.4)",
        )
        parser.add_argument("--recency", action="store_true", help="counterfactual also fits how recent a channel is")
        parser.add_argument("--pairs", action="store_true", help="counterfactual also fits pairs of channels")
        parser.add_argument(
            "--intervals",
            action="store_true",
            help="tell 95 %% intervals of every figure too, by a bootstrap over journeys (markov: order 1)",
        )
        parser.add_argument("--out", required=True, metavar="OUT.json", type=Path, help="where the credits go")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._attribute(
                options["file"],
                known_models([name.strip() for name in options["models"].split(",")]),
                _terms(options),
                options["out"],
                intervals=options["intervals"],
            )
        except AttributionError as error:
            raise CommandError(str(error)) from None

    def _attribute(self, file: Path, models: list[str], terms: Terms, out: Path, *, intervals: bool) -> None:
        check_target(out, source=file)
        # Where large pages are rare the kernel looks for them for as long as reading the table takes.
        os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
        seconds: dict[str, float] = {}
        with self._timed(["compile"], seconds):
            compile_models(models, order=terms.order)
        compile_seconds = seconds.pop("compile")
        with self._timed(["parse"], seconds):
            from analytics.attribution.reading import read_paths

            paths = read_paths(file)
        together = [model for model in models if model in POSITION_MODELS]
        found: dict[str, Attribution] = {}
        for group in [together, *([model] for model in models if model not in together)]:
            with self._timed(group, seconds):
                found |= attributions(paths, models=group, terms=terms)
        results = {}
        for model in models:
            sure = None
            if intervals:
                from analytics.attribution.resampling import attribution_intervals

                with self._timed([f"{model} intervals"], seconds):
                    sure = attribution_intervals(paths, model=model, terms=terms)
            results[model] = as_json(paths, found[model], intervals=sure)
        text = json.dumps({"models": results}, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
        write_whole(out, text.encode())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        cost = {"seconds": seconds, "compile_seconds": compile_seconds, "peak_mb": round(peak, 1)}
        self.stderr.write(json.dumps(cost), lambda line: line)

    @contextmanager
    def _timed(self, steps: list[str], seconds: dict[str, float]) -> Iterator[None]:
        """Note the CPU seconds of this process for steps that are taken together, alike for each of them.

        Names the steps while they run, on a terminal.
        """
        if steps and self.stderr.isatty():
            self.stderr.write(f"{', '.join(steps)} ...", lambda line: line)
        began = time.process_time()
        yield
        for step in steps:
            seconds[step] = round((time.process_time() - began) / len(steps), 6)


def _terms(options: dict[str, Any]) -> Terms:
    """What the options tell models; raises CommandError on one that is no number."""
    order = options["order"]
    if not (order.isascii() and order.isdigit() and int(order) >= 1):
        raise CommandError(f"--order must be a whole number of at least 1, not '{order}'")
    try:
        half_life = float(options["half_life"])
        weights = tuple(float(weight) for weight in options["weights"].split(","))
    except ValueError:
        raise CommandError("--half-life and --weights must be numbers, weights separated by commas") from None
    direct = tuple(name.strip() for name in options["direct"].split(","))
    return Terms(int(order), half_life, direct, weights, recency=options["recency"], pairs=options["pairs"])
