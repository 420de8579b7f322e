"""Markov attribution by removal effects, exact.

States are START and windows of the last k channels (a path no longer than k is one state of its own); consecutive equal
states are one. P is the row-normalised count of steps, Q its transient part, h the chance of converting next and r the
expected value of doing so. With p = e_START (I-Q)^-1 h, and Q_-j for Q without the states that contain channel j, the
removal effect is RE_j = 1 - p_-j / p: the share of conversions whose journey visits j. Credit_j = RE_j / sum RE.
Order 1 follows in closed form from one inverse; order k is in `markov_windows`.
Source: Anderl et al. 2016, "Mapping the customer journey"; first-entrance identity of absorbing chains (Kemeny, Snell).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.attribution.compiled import compiled
from analytics.attribution.errors import AttributionError
from analytics.attribution.markov_windows import lost_by_windows
from analytics.attribution.paths import Codes, Floats, Offsets, PathTable, read_only

MOST_CHANNELS = 4096
"""More channels than this make one dense inverse unreasonable; no installation has them."""


@dataclass(frozen=True, slots=True)
class MarkovRun:
    """What the chain says of a path table, per channel code.

    `p_conversion` is conversions per journey, `value_per_journey` money per journey; both equal the plain averages of
    the input for every order. Removal effects lie in [0, 1] for conversions; those of value leave that range only where
    negative value was fed in. Value figures are None where the table knows no value.
    """

    order: int
    p_conversion: float
    value_per_journey: float | None
    removal_effect_conversions: Floats
    removal_effect_value: Floats | None
    conversions: Floats
    value: Floats | None


@compiled
def count_steps(
    codes: Codes, starts: Offsets, conversions: Floats, nulls: Floats, values: Floats, channels: int
) -> tuple[Floats, Floats]:
    """Count the steps of the order-1 chain.

    Returns the (channels+1, channels) weights of steps, START being the last row, and the (channels, 3) conversions,
    nulls and value that end at each channel. Value on a row without conversions has no conversion to belong to and is
    left out, as is a row of no journeys.
    """
    steps = np.zeros((channels + 1, channels))
    ends = np.zeros((channels, 3))
    for row in range(len(conversions)):
        weight = conversions[row] + nulls[row]
        if weight > 0:
            at = channels
            for i in range(starts[row], starts[row + 1]):
                to = codes[i]
                if to != at:
                    steps[at, to] += weight
                    at = to
            ends[at, 0] += conversions[row]
            ends[at, 1] += nulls[row]
            if conversions[row] > 0:
                ends[at, 2] += values[row]
    return steps, ends


def steps_of(paths: PathTable) -> tuple[Floats, Floats]:
    """Count the steps of a table; value that is not known is 0."""
    return count_steps(paths.codes, paths.starts, paths.conversions, paths.nulls, _values(paths), len(paths.channels))


def _values(paths: PathTable) -> Floats:
    return read_only(np.zeros(len(paths.conversions))) if paths.values is None else paths.values


def _lost_by_inverse(paths: PathTable) -> tuple[float, float, Floats, Floats]:
    """Return p, V and what each channel's removal loses of them: N[S,j] / N[j,j] * x_j, with x = N h and g = N r."""
    channels = len(paths.channels)
    if channels > MOST_CHANNELS:
        raise AttributionError(f"markov takes at most {MOST_CHANNELS} channels, this table has {channels}")
    p_conversion, value, lost, lost_value = lost_of_counts(*steps_of(paths))
    return float(p_conversion), float(value), lost, lost_value


def lost_of_counts(steps: Floats, ends: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return p, V and what each channel's removal loses of them, from what `count_steps` counted.

    Axes before the last two are chains of their own, solved at once.
    """
    between, start = steps[..., :-1, :], steps[..., -1, :]
    leaving = between.sum(axis=-1) + ends[..., 0] + ends[..., 1]
    leaving[leaving == 0] = 1.0  # a channel seen only on rows of no journeys: nothing leaves it, nothing enters it
    # In counts, D - S instead of I - Q: whole numbers, so nothing is rounded before the inverse; D cancels out below.
    inverse = np.linalg.inv(leaving[..., None] * np.eye(leaving.shape[-1]) - between)
    reach = inverse @ ends[..., [0, 2]]
    journeys = start.sum(axis=-1, keepdims=True)
    start = start / np.where(journeys == 0, 1.0, journeys)
    visits = (start[..., None, :] @ inverse)[..., 0, :] / np.diagonal(inverse, axis1=-2, axis2=-1)
    reached = (start[..., None, :] @ reach)[..., 0, :]
    lost = visits[..., None] * reach
    return reached[..., 0], reached[..., 1], lost[..., 0], lost[..., 1]


def _share(parts: Floats, whole: float, size: float) -> Floats:
    """Return parts / whole, or zeros where `whole` is nothing but rounding beside amounts of `size`."""
    return parts / whole if abs(whole) > 1e-12 * size else np.zeros_like(parts)


def _credit(effect: Floats, total: float) -> Floats:
    return _share(effect, float(effect.sum()), float(np.abs(effect).sum())) * total


def markov(paths: PathTable, *, order: int = 1) -> MarkovRun:
    """Fit the chain of `order` to `paths` and share conversions and value by removal effects.

    Without a conversion all effects and credits are 0. Where the effects of value are undefined (the value of all
    conversions cancels out), value is shared by the effects of conversions. Raises AttributionError on an order below
    1, on too many channels, and on an order whose windows cannot be numbered.
    """
    if order < 1:
        raise AttributionError(f"the order of markov must be at least 1, not {order}")
    p_conversion, per_journey, lost, lost_value = (
        _lost_by_inverse(paths) if order == 1 else lost_by_windows(paths, _values(paths), order=order)
    )
    effect = _share(lost, p_conversion, p_conversion)
    effect = np.clip(effect, 0.0, 1.0)  # rounding may step an ulp past the 1 of a channel on every path
    credit = _credit(effect, float(paths.conversions.sum()))
    if paths.values is None:
        return MarkovRun(order, p_conversion, None, effect, None, credit, None)
    size = float(np.abs(paths.values).sum()) / max(float(paths.weights.sum()), 1.0)
    effect_value = _share(lost_value, per_journey, size)
    total = float(paths.values.sum())
    value = _credit(effect_value if effect_value.any() else effect, total)
    return MarkovRun(order, p_conversion, per_journey, effect, effect_value, credit, value)
