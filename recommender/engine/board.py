"""Figures of a run for TensorBoard: scalars on the way, losses, hyper-parameters with what came of them at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from recommender.engine.config import Progress
from recommender.engine.models.base import Model
from recommender.engine.train import TrainingResult

_PLAIN = (bool, int, float, str)


class Board:
    """Event files in `folder`, one folder a run; to be closed, as a context or by `close`."""

    def __init__(self, folder: Path) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer = SummaryWriter(str(folder))
        self._steps = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def progress(self, then: Progress) -> Progress:
        """Tell `then`, and write how far each step is as a scalar."""

        def tell(step: str, done: int, total: int) -> None:
            self._steps += 1
            self._writer.add_scalar(f"progress/{step}", done / max(total, 1), self._steps)
            then(step, done, total)

        return tell

    def tried(self, name: str, values: Sequence[float]) -> None:
        """What each trial came to, in their order."""
        for step, value in enumerate(values):
            self._writer.add_scalar(f"tried/{name}", value, step)

    def result(self, model: str, result: TrainingResult) -> None:
        """Every figure of valid and test, what was tried, the cost, losses, and the settings as HParams."""
        for name, values in result.curves.items():
            self.tried(name, values)
        figures = {f"{part}/{name}": of.value for part, found in result.metrics.items() for name, of in found.items()}
        asked = {"model": model, "data": result.data_sha256[:12], **result.settings}
        self.figures(result.model, asked=asked, figures=figures, cpu_seconds=result.cpu_seconds)

    def figures(
        self, model: Model, *, asked: Mapping[str, Any], figures: Mapping[str, float], cpu_seconds: Mapping[str, float]
    ) -> None:
        """A fitted model's figures, cost and losses by epoch, and what was asked for as HParams."""
        for name, value in [*figures.items(), *((f"cpu_seconds/{step}", spent) for step, spent in cpu_seconds.items())]:
            self._writer.add_scalar(name, value, 0)
        for name, losses in _losses(model).items():
            for epoch, loss in enumerate(losses, 1):
                self._writer.add_scalar(f"loss/{name}", loss, epoch)
        found = {f"hparams/{name}": value for name, value in figures.items()}
        self._writer.add_hparams(_flat(asked), found, run_name=".")


def _losses(model: Model) -> dict[str, Sequence[float]]:
    """Losses of a model and of the models that it is made of, these by their place."""
    found: dict[str, Sequence[float]] = {model.name: model.losses} if model.losses else {}
    for place, part in enumerate([*getattr(model, "components", ()), *filter(None, [getattr(model, "base", None)])]):
        found |= {f"{place}/{name}": losses for name, losses in _losses(part).items()}
    return found


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as plain values; a structure is its text."""
    return {name: value if isinstance(value, _PLAIN) else repr(value) for name, value in settings.items()}
