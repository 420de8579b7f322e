"""The models by name. Importing this loads nothing heavy; running a model does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analytics.attribution.errors import AttributionError

if TYPE_CHECKING:
    from analytics.attribution.markov import MarkovRun
    from analytics.attribution.paths import Floats, PathTable
    from analytics.attribution.resampling import Intervals

POSITION_MODELS = ("first_touch", "last_touch", "linear", "u_shape", "time_decay", "shapley")
MODELS = (*POSITION_MODELS, "markov")


@dataclass(frozen=True, slots=True)
class Attribution:
    """Credit per channel code of a path table: `conversions`, and `value` where the table knows value."""

    model: str
    conversions: Floats
    value: Floats | None
    markov: MarkovRun | None = None


def known_models(names: list[str]) -> list[str]:
    """Return `names` without repeats; raises AttributionError on one that is no model."""
    for name in names:
        if name not in MODELS:
            raise AttributionError(f"unknown model '{name}', choose among {', '.join(MODELS)}")
    return list(dict.fromkeys(names))


def attribute(paths: PathTable, *, model: str, order: int = 1) -> Attribution:
    """Share the conversions and value of `paths` among its channels by `model` (one of MODELS).

    `order` matters to `markov` alone. Raises AttributionError on an unknown model or an impossible order.
    """
    known_models([model])
    if model == "markov":
        from analytics.attribution.markov import markov

        run = markov(paths, order=order)
        return Attribution(model, run.conversions, run.value, run)
    from analytics.attribution.heuristics import heuristic

    return Attribution(model, *heuristic(paths, model=model))


def compile_models(models: Iterable[str], *, order: int = 1) -> None:
    """Import, and compile or load, all that reading a file and running `models` on it needs."""
    import numpy as np
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    from analytics.attribution.paths import PathTable
    from analytics.attribution.tokens import encode

    text = b"a > b > a > cb > a"
    codes, starts, *_ = encode(np.frombuffer(text, np.uint8), np.array([0, 13, len(text)]))
    ones = np.ones(len(starts) - 1)
    paths = PathTable(("a", "b", "c"), codes, starts, ones, ones, ones)
    for model in models:
        attribute(paths, model=model, order=min(order, 2))  # every higher order runs the kernels of order 2


def as_json(paths: PathTable, attribution: Attribution, *, intervals: Intervals | None = None) -> dict[str, Any]:
    """Return `attribution` as the command's JSON object, channels by name in order of first appearance.

    With `intervals`, each channel has `conversions_95` and `value_95`: [low, high].
    """
    told = _as_json(paths, attribution)
    if intervals is not None:
        for code, row in enumerate(told["channels"].values()):
            row["conversions_95"] = [float(end[code]) for end in intervals.conversions]
            row["value_95"] = None if intervals.value is None else [float(end[code]) for end in intervals.value]
    return told


def _as_json(paths: PathTable, attribution: Attribution) -> dict[str, Any]:

    def rows(**columns: Floats | None) -> dict[str, dict[str, float | None]]:
        return {
            str(channel): {name: None if column is None else float(column[code]) for name, column in columns.items()}
            for code, channel in enumerate(paths.channels)
        }

    run = attribution.markov
    if run is None:
        return {"channels": rows(conversions=attribution.conversions, value=attribution.value)}
    return {
        "order": run.order,
        "p_conversion": run.p_conversion,
        "value_per_journey": run.value_per_journey,
        "channels": rows(
            conversions=run.conversions,
            value=run.value,
            removal_effect_conversions=run.removal_effect_conversions,
            removal_effect_value=run.removal_effect_value,
        ),
    }
