"""Figures of a run for TensorBoard: scalars on the way, hyper-parameters with what came of them at the end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from recommender.engine.config import Progress
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

    def result(self, model: str, result: TrainingResult) -> None:
        """Every figure of valid and test, what was tried, the cost, and the settings as HParams."""
        figures = {f"{part}/{name}": of.value for part, found in result.metrics.items() for name, of in found.items()}
        for name, value in figures.items():
            self._writer.add_scalar(name, value, 0)
        for name, values in result.curves.items():
            for step, value in enumerate(values):
                self._writer.add_scalar(f"tried/{name}", value, step)
        for name, seconds in result.cpu_seconds.items():
            self._writer.add_scalar(f"cpu_seconds/{name}", seconds, 0)
        asked = {"model": model, "data": result.data_sha256[:12], **_flat(result.settings)}
        found = {f"hparams/{name}": value for name, value in figures.items()}
        self._writer.add_hparams(asked, found, run_name=".")


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as plain values; a structure is its text."""
    return {name: value if isinstance(value, _PLAIN) else repr(value) for name, value in settings.items()}
