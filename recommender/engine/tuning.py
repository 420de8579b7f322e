"""What the product would put live for some data: models and settings tried on valid within a budget of CPU seconds.

Families are tried from cheap to dear, each by moving one setting at a time from its start while valid's figure rises.
What only scoring needs (how fast a history fades) is tried without fitting again. The best of every family are then
blended, the blend keeps its place only if it is better than all of them, and where items are described and some are
new, places are kept for those. Nothing looks at test.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from recommender.engine.config import Progress, settings_from, settings_to, silent
from recommender.engine.evaluate import evaluate
from recommender.engine.models import get_model
from recommender.engine.models.base import Model
from recommender.engine.models.blend import Blend
from recommender.engine.models.linear import LinearModel
from recommender.engine.split import Stage

USERS = 6_000
"""Users of valid that decide."""

REFIT = 1.3
"""The fit that follows on more data takes this much more than the one on valid."""

DENSE = 2**31
"""Bytes that one square matrix of double precision may take: 16,384 items."""


@dataclass(frozen=True)
class Family:
    """A model with the settings to start from and the steps to try, as factors (`times`) or values (`values`).

    `fading` are settings that only scoring needs. `when`: what the data must have.
    """

    model: str
    start: Mapping[str, Any] = field(default_factory=dict)
    times: Mapping[str, Sequence[float]] = field(default_factory=dict)
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    fading: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    when: str = ""


FADING = {"decay": (1.0, 0.95, 0.9, 0.8, 0.7071), "window": (20, 50, 200)}
MONTH = 30 * 86_400

FAMILIES = (
    Family("popularity", values={"window_seconds": (None, MONTH, 3 * MONTH)}, when="times"),
    Family("item_knn", times={"neighbours": (2.0,)}, values={"shrink": (10.0, 50.0)}, fading=FADING),
    Family("ease", times={"ridge": (2.5, 0.4)}, fading=FADING),
    Family("sequence_ease", times={"ridge": (2.0, 0.5)}, values={"decay": (0.7, 0.8, 0.6, 0.9)}),
    Family(
        "hybrid", start={"ridge": 100.0}, times={"ridge": (2.0,), "content": (2.0, 0.5)}, fading=FADING, when="content"
    ),
    Family(
        "sequence_ease",
        start={"content": 5.0, "ridge": 100.0, "decay": 0.8},
        times={"content": (3.0,), "ridge": (1.5,)},
        when="content",
    ),
)


@dataclass(frozen=True, eq=False)
class Found:
    """A model fitted on valid's training part, its figure there, and the CPU seconds of the fit."""

    model: Model
    value: float
    seconds: float

    @property
    def name(self) -> str:
        """The model's name in the registry."""
        return self.model.name

    @property
    def settings(self) -> dict[str, Any]:
        """Its settings as plain data."""
        return settings_to(self.model.settings)


def best(
    stage: Stage,
    *,
    budget: float,
    select_by: str,
    device: torch.device,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> tuple[str, dict[str, Any]]:
    """Name and settings of what is best by `select_by` on a valid stage.

    `budget` is in CPU seconds of this process and counts the fit that is to follow; popularity, which costs nothing,
    is answered where it allows no more.
    """
    search = _Search(stage, budget=budget, select_by=select_by, device=device, rng=rng, progress=progress)
    return search.run()


class _Search:
    def __init__(
        self,
        stage: Stage,
        *,
        budget: float,
        select_by: str,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress,
    ) -> None:
        self.stage = stage.sample(USERS, rng=rng)
        self.select_by, self.device, self.rng, self.progress = select_by, device, rng, progress
        self.until = time.process_time() + budget
        self.tried = 0
        self.cheapest = 0.0

    def run(self) -> tuple[str, dict[str, Any]]:
        """Climb in every family, then blend, then keep places for newcomers."""
        if not self.stage.users.size:
            return "blend", {}
        tops = [found for family in self._families() if (found := self._climb(family)) is not None]
        if not tops:
            return "popularity", {}
        champion = max(tops, key=lambda found: found.value)
        blend = self._blend(sorted(tops, key=lambda found: -found.value))
        if blend is not None and blend.value > champion.value:
            champion = blend
        return self._with_newcomers(champion)

    def _families(self) -> Iterator[Family]:
        train = self.stage.train
        has = {"": True, "times": train.times is not None, "content": train.content is not None}
        dense = 8 * train.n_items**2 <= DENSE
        for family in FAMILIES:
            if has[family.when] and (dense or family.model == "popularity"):
                yield family

    def _climb(self, family: Family) -> Found | None:
        """Move one setting at a time while the figure rises and time is left."""
        kind = get_model(family.model)
        top = self._try(settings_from(kind.Settings, family.start))
        if top is None:
            return None
        top = self._faded(top, family)
        for name in [*family.times, *family.values]:
            for setting in self._steps(family, name, top):
                found = self._try(setting, expected=top.seconds)
                if found is None:
                    return top
                top = self._faded(found, family) if found.value > top.value else top
        return top

    def _steps(self, family: Family, name: str, top: Found) -> Iterator[Any]:
        """The settings to try for one name; factors go on in a direction while it pays."""
        if name in family.values:
            now = getattr(top.model.settings, name)
            yield from (replace(top.model.settings, **{name: value}) for value in family.values[name] if value != now)
            return
        for factor in family.times[name]:
            now = getattr(top.model.settings, name)
            yield replace(top.model.settings, **{name: type(now)(now * factor)})

    def _faded(self, found: Found, family: Family) -> Found:
        """Try what only scoring needs, over the same matrix."""
        top = found
        for name, values in family.fading.items():
            for value in values:
                model = top.model
                if not isinstance(model, LinearModel) or getattr(model.settings, name) == value or not self._left(0):
                    continue
                other = type(model)(
                    settings=replace(model.settings, **{name: value}),
                    item_ids=model.item_ids,
                    matrix=model.matrix,
                    prior=model.prior,
                )
                tried = self._measured(other, found.seconds)
                top = tried if tried.value > top.value else top
        return top

    def _try(self, settings: Any, *, expected: float = 0.0) -> Found | None:
        """Fit and measure, or None where that and the fit that is to follow would take too long."""
        if not self._left(expected):
            return None
        kind = next(kind for kind in _kinds() if kind.Settings is type(settings))
        began = time.process_time()
        model = kind.fit(self.stage.train, settings=settings, device=self.device, rng=self.rng)
        return self._measured(model, time.process_time() - began)

    def _measured(self, model: Model, seconds: float) -> Found:
        figures = evaluate(model, self.stage, device=self.device, rng=self.rng, replicates=2)
        self.tried += 1
        self.progress("choose", self.tried, self.tried + 1)
        return Found(model, figures[self.select_by].value, seconds)

    def _left(self, seconds: float) -> bool:
        """Tell whether a fit of so many seconds and one on more data after it are within the budget."""
        return time.process_time() + (1 + REFIT) * seconds < self.until

    def _blend(self, tops: Sequence[Found]) -> Found | None:
        """Blend the best of each family, at most six; those that get no share are left out."""
        parts, total = tops[:6], sum(found.seconds for found in tops[:6])
        if len(parts) < 2 or time.process_time() + REFIT * total > self.until:
            return None
        blend = Blend.tuned(_blend_of(parts), self.stage, device=self.device, rng=self.rng)
        used = [part for part, share in zip(parts, blend.settings.coefficients, strict=True) if share]
        shares = tuple(share for share in blend.settings.coefficients if share)
        kept = _blend_of(used)
        blend = Blend(
            settings=replace(kept.settings, coefficients=shares), item_ids=kept.item_ids, components=kept.components
        )
        return self._measured(blend, sum(part.seconds for part in used))

    def _with_newcomers(self, champion: Found) -> tuple[str, dict[str, Any]]:
        """Keep places for new items where there are any and descriptions to place them by."""
        train = self.stage.train
        if train.content is None or (train.item_counts > 0).all():
            return champion.name, champion.settings
        return "newcomers", {"base": {"model": champion.name, "settings": champion.settings}}


def _blend_of(parts: Sequence[Found]) -> Blend:
    """A blend of models that are fitted already, all counting alike."""
    from recommender.engine.models.blend import BlendSettings

    components = [{"model": part.name, "settings": part.settings} for part in parts]
    return Blend(
        settings=BlendSettings(components=components),
        item_ids=parts[0].model.item_ids,
        components=[part.model for part in parts],
    )


def _kinds() -> list[type[Model]]:
    from recommender.engine.models import MODELS

    return list(MODELS.values())
