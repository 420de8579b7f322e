import json
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.management.output import check_target, write_whole
from recommender.engine.errors import EngineError
from recommender.engine.names import MODEL_NAMES

if TYPE_CHECKING:
    from recommender.engine.layouts import Dataset
    from recommender.engine.models.base import Model

BEST = "best"
PROTOCOLS = ("p1", "p3", "split", "given")


class Command(BaseCommand):
    help = (
        "Fit recommenders on a folder of plain files and rank what they did not see, all items competing. Settings and "
        "everything else are chosen on valid; test is ranked once for each model. Needs no database.\n\n"
        "Example: manage.py evaluate_recommender courses/ --protocol p1 --models ease,best --out figures.json"
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="DIR", type=Path, help="the data set's folder")
        parser.add_argument("--protocol", required=True, help=f"how the folder is read: {', '.join(PROTOCOLS)}")
        parser.add_argument(
            "--models", required=True, help=f"comma-separated, among {', '.join(MODEL_NAMES)}, and {BEST}: what is best"
        )
        parser.add_argument(
            "--budget", default="3600", metavar="CPU_SECONDS", help="what best may take to choose and to fit (3600)"
        )
        parser.add_argument("--valid-from", metavar="DATE", help="p3: where valid begins, if no protocol.json says")
        parser.add_argument("--test-from", metavar="DATE", help="p3: where test begins, if no protocol.json says")
        parser.add_argument(
            "--boards",
            metavar="FOLDER",
            type=Path,
            help="also each model's figures, losses and settings for TensorBoard",
        )
        parser.add_argument("--out", required=True, metavar="OUT.json", type=Path, help="where the figures go")

    def handle(self, *args: Any, **options: Any) -> None:
        names = [name.strip() for name in options["models"].split(",")]
        for name in names:
            if name not in (*MODEL_NAMES, BEST):
                raise CommandError(f"--models: {name!r} is no model; known: {', '.join((*MODEL_NAMES, BEST))}")
        budget = _seconds(options["budget"])
        check_target(options["out"])
        try:
            dataset = _read(options)
            results = {
                name: self._evaluate(name, dataset, budget, options.get("boards")) for name in dict.fromkeys(names)
            }
        except EngineError as error:
            raise CommandError(str(error)) from None
        told: dict[str, Any] = {"models": results}
        if dataset.findings:
            told["findings"] = dict(dataset.findings)
        write_whole(options["out"], (json.dumps(told, allow_nan=False, indent=1) + "\n").encode())

    def _evaluate(self, name: str, dataset: "Dataset", budget: float, boards: Path | None) -> dict[str, Any]:
        """One model's figures: settings from valid, one fit on all that test may know, one ranking."""
        import numpy as np

        from recommender.engine.config import settings_from, settings_to
        from recommender.engine.device import choose_device, describe_device
        from recommender.engine.evaluate import evaluate
        from recommender.engine.models import get_model
        from recommender.engine.tuning import best

        device, rng = choose_device(), np.random.default_rng(0)
        split, began = dataset.split, time.process_time()
        kind = name
        values: dict[str, Any] = {}
        if name == BEST:
            kind, values = best(
                split.valid,
                budget=budget,
                select_by=dataset.select_by,
                device=device,
                rng=rng,
                progress=self._told(name),
            )
        model_kind = get_model(kind)
        settings = settings_from(model_kind.Settings, values)
        if name != BEST and split.valid.users.size:
            tuned = model_kind.fit_tuned(split.valid, settings=settings, device=device, rng=rng)
            settings = tuned.settings
            del tuned
        chosen = time.process_time()
        model = model_kind.fit(split.test.train, settings=settings, device=device, rng=rng)
        fitted = time.process_time()
        figures = evaluate(model, split.test, device=device, rng=rng, progress=self._told(name))
        told = {
            "metrics": {metric: estimate.value for metric, estimate in figures.items()},
            "standard_errors": {metric: estimate.error for metric, estimate in figures.items()},
            "intervals": {metric: [estimate.low, estimate.high] for metric, estimate in figures.items()},
            "model": kind,
            "settings": settings_to(settings),
            "choose_cpu_seconds": round(chosen - began, 3),
            "fit_cpu_seconds": round(fitted - chosen, 3),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
            "device": describe_device(device),
        }
        if boards is not None:
            _show(boards / name, model, told)
        return told

    def _told(self, name: str) -> Any:
        """Progress, on a terminal only."""

        def tell(step: str, done: int, total: int) -> None:
            if self.stderr.isatty():
                self.stderr.write(f"\r{name}: {step} {done}/{total} ", lambda line: line, ending="")

        return tell


def _show(folder: Path, model: "Model", told: dict[str, Any]) -> None:
    """Leave a model's figures for TensorBoard; CommandError where the folder cannot be written."""
    from recommender.engine.board import Board

    try:
        with Board(folder) as board:
            board.figures(
                model,
                asked={"model": told["model"], **told["settings"]},
                figures={f"test/{name}": value for name, value in told["metrics"].items()},
                cpu_seconds={step: told[f"{step}_cpu_seconds"] for step in ("choose", "fit")},
            )
    except OSError as error:
        raise CommandError(f"{folder}: cannot be written: {error.strerror}") from None


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise CommandError(f"--budget must be a number of CPU seconds above 0, not {text!r}")
    return value


def _read(options: dict[str, Any]) -> "Dataset":
    from recommender.engine.layouts import read_dataset

    return read_dataset(
        options["folder"],
        options["protocol"],
        valid_from=options["valid_from"],
        test_from=options["test_from"],
    )
