"""What the product would put live for some data: models and settings tried on valid within a budget of CPU seconds.

Families are tried from cheap to dear, each by moving one setting at a time from its start while valid's figure rises.
What only scoring needs (how fast a history fades) is tried without fitting again. The best of every family are then
blended, the blend keeps its place only if it is better than all of them, and where items are described and some are
new, places are kept for those, as often as `places` finds on valid. Nothing looks at test.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recommender.engine import solve
from recommender.engine.config import Progress, settings_from, settings_to, silent
from recommender.engine.evaluate import evaluate
from recommender.engine.models import get_model
from recommender.engine.models.base import Model
from recommender.engine.models.blend import Blend
from recommender.engine.models.newcomers import Newcomers, NewcomersSettings
from recommender.engine.places import choose_places, people_asked
from recommender.engine.split import Stage

USERS = 4_000
"""Users of valid that decide."""

REFIT = 1.3
"""The fit that follows on more data takes this much more than the one on valid."""

RATE = 5e10
"""Floating-point operations a CPU second of LAPACK in single precision, n^3 of which invert a matrix."""

SHARE = 0.5
"""Of the memory that is free, so much may one inverse take: the machine serves pages meanwhile."""

POSITIONS = 20_000
"""Positions that a transformer of dimension 64 learns a CPU second, less than was measured on a free core."""

STEP, WORD = 0.01, 1.5e-7
"""CPU seconds of a step of the two towers, and what each word of each item adds to it; measured on a busy core."""

PLACES = 4.0
"""Choosing the places for newcomers takes at most so many times what measuring the champion on as many people took."""


@dataclass(frozen=True)
class Family:
    """A model with the settings to start from and the steps to try, as factors (`times`) or values (`values`).

    `fading` are settings that only scoring needs; where a history has no order, all of it counts alike. `when`: what
    the data must have, see `_Search.has`. `square`: it needs matrices of all items by all items.
    """

    model: str
    start: Mapping[str, Any] = field(default_factory=dict)
    times: Mapping[str, Sequence[float]] = field(default_factory=dict)
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    fading: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    when: str = ""
    square: bool = True


FADING = {"decay": (1.0, 0.9, 0.8, 0.7071), "window": (20, 50, 200)}
WHOLE = {"decay": (1.0,), "window": (1000,)}
MONTH = 30 * 86_400

FAMILIES = (
    Family("popularity", values={"window_seconds": (MONTH, 3 * MONTH)}, when="times", square=False),
    Family("item_knn", fading=FADING),
    Family("ease", times={"ridge": (2.5, 0.4)}, fading=FADING, when="no content"),
    Family("hybrid", times={"content": (0.5, 2.0), "ridge": (1.5, 0.6)}, fading=FADING, when="content"),
    Family("stepped_ease", values={"decay": (0.7,)}, times={"ridge": (2.0,), "latest_ridge": (2.0,)}, when="order"),
    Family("sequence_ease", times={"ridge": (2.0,)}, when="no content"),
    Family(
        "sequence_ease",
        start={"content": 2.0, "ridge": 150.0, "decay": 0.8},
        times={"content": (2.5,), "ridge": (0.6,)},
        when="content",
    ),
    Family("ease", start={"ridge": 200.0, "decay": 1.0, "window": 200}, fading=FADING, square=False, when="invertible"),
    Family("ials", values={"dimension": (128, 256)}, fading=FADING, square=False, when="large"),
    Family(
        "graph_filter",
        values={"smooth": (0.6, 1.2, 2.4), "dimension": (512,)},
        fading=FADING,
        square=False,
        when="large or unordered",
    ),
    Family("sasrec", square=False, when="order"),
    Family("two_tower", values={"epochs": (20,)}, square=False, when="content"),
)


@dataclass(frozen=True, eq=False)
class Found:
    """A model fitted on valid's training part, its figure there, and the CPU seconds of the fit and of measuring it."""

    model: Model
    value: float
    seconds: float
    measuring: float = 0.0

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
        self.whole, self.stage = stage, stage.sample(USERS, rng=rng)
        self.select_by, self.device, self.rng, self.progress = select_by, device, rng, progress
        self.until = time.process_time() + budget
        self.tried, self.held = 0, 0.0

    def run(self) -> tuple[str, dict[str, Any]]:
        """Climb in every family, then blend, then keep places for newcomers."""
        if not self.stage.users.size:
            return "blend", {}
        tops: list[Found] = []
        for family in self._families():
            if (found := self._climb(family)) is not None:
                tops.append(found)
                self.held += found.seconds
        if not tops:
            return "popularity", {}
        champion = max(tops, key=lambda found: found.value)
        blend = self._blend(sorted(tops, key=lambda found: -found.value))
        if blend is not None and blend.value > champion.value:
            champion = blend
        return self._with_newcomers(champion)

    def _families(self) -> Iterator[Family]:
        has = self.has
        for family in FAMILIES:
            if has[family.when] and not (family.square and has["large"]):
                yield family

    @property
    def has(self) -> Mapping[str, bool]:
        """What the data have of what families ask for."""
        train = self.stage.train
        large = train.n_items > solve.LARGE
        return {
            "": True,
            "times": train.times is not None,
            "content": train.content is not None,
            "no content": train.content is None,
            "large": large,
            "large or unordered": large or self.stage.unordered,
            "invertible": large and train.n_items <= solve.LARGEST and 9 * train.n_items**2 < SHARE * _free_memory(),
            "order": not self.stage.unordered,
        }

    def _expected(self, model: str, settings: Any) -> float:
        """CPU seconds that a first fit is likely to take; 0 where it is short."""
        train = self.stage.train
        if model == "sasrec":
            return float(len(train) * settings.epochs * settings.dimension / 64 / POSITIONS)
        if model == "two_tower" and train.content is not None:
            step = STEP + WORD * train.content.features.nnz
            return float(len(train) * settings.epochs / settings.batch * step * settings.dimension / 64)
        return float(train.n_items**3 / RATE) if model == "ease" and train.n_items > solve.LARGE else 0.0

    def _climb(self, family: Family) -> Found | None:
        """Move one setting at a time while the figure rises and time is left; fading at the start and at the end."""
        start = settings_from(get_model(family.model).Settings, family.start)
        top = self._try(family.model, start, expected=self._expected(family.model, start))
        if top is None:
            return None
        top = self._faded(top, family)
        for name in [*family.times, *family.values]:
            for setting in self._steps(family, name, top):
                found = self._try(family.model, setting, expected=top.seconds)
                if found is None:
                    return top
                top = found if found.value > top.value else top
        return self._faded(top, family)

    def _steps(self, family: Family, name: str, top: Found) -> Iterator[Any]:
        """The settings to try for one name."""
        now = getattr(top.model.settings, name)
        values = family.values[name] if name in family.values else [now * factor for factor in family.times[name]]
        yield from (replace(top.model.settings, **{name: value}) for value in values if value != now)

    def _faded(self, found: Found, family: Family) -> Found:
        """Try what only scoring needs, over the same arrays."""
        top = found
        fading = WHOLE if family.fading and self.stage.unordered else family.fading
        for name, values in fading.items():
            for value in values:
                model = top.model
                if getattr(model.settings, name) == value or not self._left(0):
                    continue
                changed = replace(model.settings, **{name: value})
                other = type(model).from_state(settings=changed, item_ids=model.item_ids, arrays=model.state())
                tried = self._measured(other, found.seconds)
                top = tried if tried.value > top.value else top
        return top

    def _try(self, model: str, settings: Any, *, expected: float) -> Found | None:
        """Fit and measure, or None where that and the fit that is to follow would take too long."""
        if not self._left(expected):
            return None
        began = time.process_time()
        fitted = get_model(model).fit(self.stage.train, settings=settings, device=self.device, rng=self.rng)
        return self._measured(fitted, time.process_time() - began)

    def _measured(self, model: Model, seconds: float) -> Found:
        began = time.process_time()
        figures = evaluate(model, self.stage, device=self.device, rng=self.rng, replicates=2)
        self.tried += 1
        self.progress("choose", self.tried, self.tried + 1)
        return Found(model, figures[self.select_by].value, seconds, time.process_time() - began)

    def _left(self, seconds: float) -> bool:
        """Tell whether a fit of so many seconds is within the budget, and after it one of all so far on more data."""
        return time.process_time() + seconds + REFIT * (self.held + seconds) < self.until

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
        """Keep places for new items where there are any and descriptions to place them by.

        How often is chosen on valid if time is left for it; else every tenth is kept.
        """
        train = self.stage.train
        if train.content is None or (train.item_counts > 0).all():
            return champion.name, champion.settings
        settings = NewcomersSettings(base={"model": champion.name, "settings": champion.settings})
        expected = PLACES * champion.measuring * people_asked(self.whole) / self.stage.users.size
        if time.process_time() + expected + REFIT * champion.seconds < self.until:
            model = Newcomers.around(champion.model, train, settings=settings)
            found = choose_places(model, self.whole, select_by=self.select_by, device=self.device, rng=self.rng)
            if found is None:
                return champion.name, champion.settings
            settings = found
        return "newcomers", settings_to(settings)


def _blend_of(parts: Sequence[Found]) -> Blend:
    """A blend of models that are fitted already, all counting alike."""
    from recommender.engine.models.blend import BlendSettings

    components = [{"model": part.name, "settings": part.settings} for part in parts]
    return Blend(
        settings=BlendSettings(components=components),
        item_ids=parts[0].model.item_ids,
        components=[part.model for part in parts],
    )


def _free_memory() -> int:
    """Bytes that the machine can give away; where it does not tell, as if they were 8 GiB."""
    try:
        told = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        return 1024 * int(told["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return 2**33
