"""By what an order's journey is weighed: the paying model, its look-back, and the numbers that its model asks for."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, Protocol

from partners.choices import PayingModel
from partners.selectors.phrases import MODELS, Names

HALF_LIFE_DAYS = 7
"""Of time decay, where a version says nothing else."""


class Weighing(NamedTuple):
    """A paying model as a version means it; two that weigh every journey alike are equal.

    `half_life_days` is of time decay, `weights` of one's own (`PayingModel.POSITION_WEIGHTS`): three are of the first
    touch, of all between together, and of the last; any other number is by position from the first.
    """

    model: str
    window_days: int
    half_life_days: int = HALF_LIFE_DAYS
    weights: tuple[int, ...] = ()

    @property
    def terms(self) -> str:
        """What is said beside the model, in few letters: look-back, half-life, weights."""
        return _terms(self)

    @property
    def key(self) -> str:
        """Model and terms."""
        return f"{self.model}/{self.terms}"


@cache  # there are few, and each order of a batch asks
def _terms(asked: Weighing) -> str:
    own = [f"{asked.half_life_days}d"] if asked.model == PayingModel.TIME_DECAY else []
    own += [":".join(map(str, asked.weights))] if asked.weights else []
    return "/".join([f"{asked.window_days}d", *own])


def weighing(model: str, window_days: int, half_life_days: int, weights: Sequence[int]) -> Weighing:
    """Leave out what the model does not ask for."""
    return Weighing(
        str(model),
        window_days,
        half_life_days if model == PayingModel.TIME_DECAY else HALF_LIFE_DAYS,
        tuple(weights) if model == PayingModel.POSITION_WEIGHTS else (),
    )


class Weighs(Protocol):
    """What says by what journeys are weighed: a version as a row, as settlement reads it, or a draft's terms."""

    @property
    def paying_model(self) -> str:
        """Of `PayingModel`."""

    @property
    def window_days(self) -> int:
        """The look-back."""

    @property
    def half_life_days(self) -> int:
        """Of time decay."""

    @property
    def position_weights(self) -> Sequence[int]:
        """Weights of one's own."""


def weighing_of(version: Weighs) -> Weighing:
    """By what a version weighs journeys."""
    return weighing(version.paying_model, version.window_days, version.half_life_days, version.position_weights)


def model_words(asked: Weighing) -> Names:
    """What a paying model is called in an agreement's text, with its numbers."""
    if asked.model == PayingModel.TIME_DECAY:
        days = asked.half_life_days
        return Names(f"time decay, half-life {days} {'day' if days == 1 else 'days'}", f"时间衰减（半衰期 {days} 天）")
    if asked.model == PayingModel.POSITION_WEIGHTS:
        return _weights_words(asked.weights)
    return MODELS[asked.model]


def _weights_words(weights: Sequence[int]) -> Names:
    if len(weights) == 3:
        first, between, last = weights
        return Names(
            f"weights by position ({first} for the first touch, {between} for all between together, {last} for the "
            "last)",
            f"位置权重（首次 {first}，中间合计 {between}，末次 {last}）",
        )
    if len(weights) == 1:
        return Names("weights by position (every touch the same)", "位置权重（每次触达相同）")
    en, zh = ", ".join(map(str, weights)), "、".join(map(str, weights))
    return Names(
        f"weights by position ({en} from the first touch on, later ones as the last of these)",
        f"位置权重（自首次触达起依次为 {zh}，其后沿用最后一个）",
    )
