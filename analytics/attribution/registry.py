"""The models by name. Importing this loads nothing heavy; running a model does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analytics.attribution.errors import AttributionError

if TYPE_CHECKING:
    from analytics.attribution.counterfactual import Counterfactual
    from analytics.attribution.markov import MarkovRun
    from analytics.attribution.paths import Channel, Floats, PathTable
    from analytics.attribution.resampling import Intervals

POSITION_MODELS = ("first_touch", "last_touch", "linear", "u_shape", "time_decay", "shapley")
"""Models that one pass over the paths credits together."""
ADDITIVE_MODELS = (*POSITION_MODELS, "last_non_direct", "position_weights", "ordered_shapley")
"""Models that credit each path by itself."""
MODELS = (*ADDITIVE_MODELS, "markov", "counterfactual")
PAYING_MODELS = (*POSITION_MODELS, "last_non_direct", "position_weights", "markov", "counterfactual")
"""Models that agreements pay by: all but the one that tells positions apart."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What models may be told; each concerns one model and means nothing to the others.

    `order`: touches that a state of markov remembers. `half_life`: of time_decay, in positions. `direct`: channels that
    last_non_direct passes over. `weights`: of position_weights, see `heuristics.weighted`. `recency`, `pairs`: what
    counterfactual fits beside an effect for each channel.
    """

    order: int = 1
    half_life: float = 7.0
    direct: tuple[Channel, ...] = ("direct",)
    weights: tuple[float, ...] = (0.4, 0.2, 0.4)
    recency: bool = False
    pairs: bool = False


USUAL = Terms()


@dataclass(frozen=True, slots=True)
class Attribution:
    """Credit per channel code of a path table: `conversions`, and `value` where the table knows value.

    Of counterfactual they are what would be lost without that one channel; they do not sum to the table's totals.
    `positions` of ordered_shapley are (channels, positions), conversions and value.
    """

    model: str
    conversions: Floats
    value: Floats | None
    markov: MarkovRun | None = None
    counterfactual: Counterfactual | None = None
    positions: tuple[Floats, Floats | None] | None = None


def known_models(names: Sequence[str]) -> list[str]:
    """Return `names` without repeats; raises AttributionError on one that is no model."""
    for name in names:
        if name not in MODELS:
            raise AttributionError(f"unknown model '{name}', choose among {', '.join(MODELS)}")
    return list(dict.fromkeys(names))


def attribute(paths: PathTable, *, model: str, order: int = 1, terms: Terms = USUAL) -> Attribution:
    """Share the conversions and value of `paths` among its channels by `model` (one of MODELS).

    `order` above 1 stands for that of `terms`. Raises AttributionError on an unknown model and on impossible terms.
    """
    return attributions(paths, models=[model], order=order, terms=terms)[model]


def attributions(
    paths: PathTable, *, models: Sequence[str], order: int = 1, terms: Terms = USUAL
) -> dict[str, Attribution]:
    """Run several models, as `attribute` does each; those of POSITION_MODELS take one pass together."""
    told: dict[str, Attribution] = {}
    names = known_models(models)
    if any(name in POSITION_MODELS for name in names):
        from analytics.attribution.heuristics import six

        credit = six(paths, half_life=terms.half_life)
        told = {name: Attribution(name, *credit[name]) for name in names if name in POSITION_MODELS}
    return {name: told[name] if name in told else _attribution(paths, name, order, terms) for name in names}


def _attribution(paths: PathTable, model: str, order: int, terms: Terms) -> Attribution:
    if model == "markov":
        from analytics.attribution.markov import markov

        run = markov(paths, order=order if order != 1 else terms.order)
        return Attribution(model, run.conversions, run.value, markov=run)
    if model == "counterfactual":
        from analytics.attribution.counterfactual import counterfactual

        caused = counterfactual(paths, recency=terms.recency, pairs=terms.pairs)
        return Attribution(model, *caused.lost, counterfactual=caused)
    from analytics.attribution import heuristics

    if model == "last_non_direct":
        return Attribution(model, *heuristics.last_non_direct(paths, direct=terms.direct))
    if model == "position_weights":
        return Attribution(model, *heuristics.weighted(paths, weights=terms.weights))
    conversions, value = heuristics.ordered_shapley(paths)
    sums = conversions.sum(axis=1), None if value is None else value.sum(axis=1)
    return Attribution(model, *sums, positions=(conversions, value))


def compile_models(models: Collection[str], *, order: int = 1) -> None:
    """Import, and compile or load, all that reading a file and running `models` on it needs."""
    import numpy as np
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401

    from analytics.attribution.paths import PathTable, read_only
    from analytics.attribution.tokens import Encoder, plain_quotes

    text = b"a > b > a > cb > a"
    plain_quotes(read_only(np.frombuffer(text, np.uint8)))
    encoder = Encoder(np.empty(1, np.uint8))  # with too little room, so that widening is compiled too
    encoder.add(np.frombuffer(text, np.uint8), np.array([0, 13, len(text)]))
    codes, starts = encoder.paths()
    ones = np.ones(len(starts) - 1)
    paths = PathTable(("a", "b", "c"), codes, starts, ones, ones, ones)
    attributions(paths, models=list(models), order=min(order, 2))  # every higher order runs the kernels of order 2
    if order > 1 and "markov" in models:
        attribute(paths, model="markov", order=12)  # or those for windows too many to be counted in an array


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

    def rows(**columns: Floats | None) -> dict[str, dict[str, Any]]:
        return {
            str(channel): {name: None if column is None else column[code].tolist() for name, column in columns.items()}
            for code, channel in enumerate(paths.channels)
        }

    both = {"conversions": attribution.conversions, "value": attribution.value}
    if attribution.positions is not None:
        conversions, value = attribution.positions
        return {"channels": rows(**both, conversions_by_position=conversions, value_by_position=value)}
    caused = attribution.counterfactual
    if caused is not None:
        conversions, value = caused.added
        return {
            "baseline": {"conversions": caused.baseline[0], "value": caused.baseline[1]},
            "channels": rows(
                **both, shapley_conversions=conversions, shapley_value=value, effect_logit=caused.model.effects
            ),
        }
    run = attribution.markov
    if run is None:
        return {"channels": rows(**both)}
    return {
        "order": run.order,
        "p_conversion": run.p_conversion,
        "value_per_journey": run.value_per_journey,
        "channels": rows(
            **both,
            removal_effect_conversions=run.removal_effect_conversions,
            removal_effect_value=run.removal_effect_value,
        ),
    }
