"""Several models speaking with one voice: each one's scores standardised per user, then added with fitted coefficients.

``score = sum over components of coefficient * (score_c - mean_c) / deviation_c``, mean and deviation over the catalogue
for this history. Given the history the blend is linear in its components, so reasons stay exact: a component's part is
divided by its deviation, and the subtracted means join the baseline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, require_range, settings_from, silent
from recommender.engine.data import Float32, Float64, Int32, Int64, Interactions
from recommender.engine.errors import ConfigError
from recommender.engine.models.base import Contributions, Model

if TYPE_CHECKING:
    import torch

    from recommender.engine.evaluate import Chunk
    from recommender.engine.split import Stage

GRID_STEPS = 10
TUNE_USERS = 4_000
TUNE_CHUNK = 500
BEHIND = 1e9
# A deviation this small beside the mean is rounding: the scores say nothing.
FLAT = 1e-5


@dataclass(frozen=True)
class BlendSettings:
    """components: ``{"model": name, "settings": {...}}``, one to four. coefficients: one per component, from 0 to 1.

    Coefficients left empty count every component alike; `Blend.fit_tuned` finds them.
    """

    components: Sequence[Mapping[str, Any]] = ({"model": "ease"}, {"model": "sequence_ease"}, {"model": "item_knn"})
    coefficients: Sequence[float] = ()

    def __post_init__(self) -> None:
        parts = tuple({"model": part["model"], "settings": dict(part.get("settings", {}))} for part in self.components)
        require_range("the number of components", len(parts), 1, 4)
        coefficients = tuple(self.coefficients) or (1 / len(parts),) * len(parts)
        if len(coefficients) != len(parts):
            raise ConfigError(f"{len(coefficients)} coefficients for {len(parts)} components")
        for coefficient in coefficients:
            require_range("a coefficient", coefficient, 0, 1)
        object.__setattr__(self, "components", parts)
        object.__setattr__(self, "coefficients", coefficients)

    def resolve(self) -> list[tuple[type[Model], Any]]:
        """Each component's class and checked settings. Raises ConfigError for unknown names and for a blend within."""
        from recommender.engine.models import get_model

        found = [(get_model(part["model"]), part["settings"]) for part in self.components]
        if any(kind is Blend for kind, _ in found):
            raise ConfigError("a blend cannot be a component of a blend")
        return [(kind, settings_from(kind.Settings, settings)) for kind, settings in found]


class Blend(Model):
    """A weighted sum of standardised scores."""

    name: ClassVar[str] = "blend"
    Settings: ClassVar[type[Any]] = BlendSettings

    def __init__(self, *, settings: BlendSettings, item_ids: Int64, components: Sequence[Model]) -> None:
        self.settings = settings
        self.item_ids = item_ids
        self.components = tuple(components)
        self._coefficients = tuple(float(value) for value in settings.coefficients)

    @classmethod
    def fit(
        cls,
        interactions: Interactions,
        *,
        settings: BlendSettings,
        device: torch.device,
        rng: np.random.Generator,
        progress: Progress = silent,
    ) -> Self:
        """Fit every component; coefficients are taken as given. Raises what the components raise."""
        resolved = settings.resolve()
        components = []
        for place, (kind, own) in enumerate(resolved):
            components.append(kind.fit(interactions, settings=own, device=device, rng=rng))
            progress("fit", place + 1, len(resolved))
        return cls(settings=settings, item_ids=interactions.item_ids, components=components)

    @classmethod
    def fit_tuned(cls, stage: Stage, *, settings: Any, device: torch.device, rng: np.random.Generator) -> Self:
        """Fit the components, and coefficients in tenths that sum to one for the best NDCG@10 of the stage.

        At most 4,000 users decide; they are the users a valid stage reports on, so its figures flatter a blend a
        little, and those of the test stage do not.
        """
        from recommender.engine.evaluate import chunks

        fitted = cls.fit(stage.train, settings=settings, device=device, rng=rng)
        grid = list(_simplex(len(fitted.components), GRID_STEPS))
        gains = np.zeros(len(grid))
        for chunk in chunks(stage.sample(TUNE_USERS, rng=rng), TUNE_CHUNK):
            gains += fitted._gains(stage.train, chunk, grid, device=device)
        best = replace(settings, coefficients=grid[int(gains.argmax())])
        return cls(settings=best, item_ids=fitted.item_ids, components=fitted.components)

    def _gains(
        self, train: Interactions, chunk: Chunk, grid: Sequence[tuple[float, ...]], *, device: torch.device
    ) -> Float64:
        """Summed NDCG@10 of the chunk's first targets for every tuple of coefficients."""
        import torch

        targets = torch.from_numpy(chunk.asked[1][chunk.first]).to(device)[:, None]
        leads = []
        for component in self.components:
            scores = _standardise(component.score_batch(train, chunk.users, device=device))
            leads.append(scores - scores.gather(1, targets))
        lead = torch.stack(leads)
        # How far each item leads the target; seen items never do.
        lead[:, torch.from_numpy(chunk.seen[0]).to(device), torch.from_numpy(chunk.seen[1]).to(device)] = -BEHIND
        gains = []
        for coefficients in torch.tensor(grid, dtype=lead.dtype, device=device):
            mixed = torch.tensordot(coefficients, lead, 1)
            ranks = 1 + (mixed > 0).sum(1) + 0.5 * ((mixed == 0).sum(1) - 1)
            gains.append(torch.where(ranks <= 10, 1 / torch.log2(ranks + 1), 0.0).sum())
        result: Float64 = torch.stack(gains).double().cpu().numpy()
        return result

    def score(self, history: Int32, weights: Float32 | None = None) -> Float32:
        """Standardised scores of the components, added."""
        total = np.zeros(self.n_items, dtype=np.float32)
        for component, coefficient in zip(self.components, self._coefficients, strict=True):
            if coefficient:
                scores = component.score(history, weights)
                mean, scale = _moments(scores, coefficient)
                scores -= mean
                scores *= scale
                total += scores
        return total

    def contributions(self, history: Int32, targets: Int64, weights: Float32 | None = None) -> Contributions:
        """The components' parts, each divided by its deviation; the means make up the baseline."""
        parts = np.zeros((history.size, targets.size), dtype=np.float32)
        baseline = np.zeros(targets.size, dtype=np.float32)
        for component, coefficient in zip(self.components, self._coefficients, strict=True):
            mean, scale = _moments(component.score(history, weights), coefficient)
            own = component.contributions(history, targets, weights)
            parts += own.parts * scale
            baseline += (own.baseline - mean) * scale
        return Contributions(parts, baseline)

    def state(self) -> dict[str, Any]:
        """The components' arrays, each name led by the component's place: ``"0.matrix"``."""
        return {
            f"{place}.{name}": array
            for place, component in enumerate(self.components)
            for name, array in component.state().items()
        }

    @classmethod
    def from_state(cls, *, settings: BlendSettings, item_ids: Int64, arrays: Mapping[str, Any]) -> Self:
        """Read every component."""
        components = []
        for place, (kind, own) in enumerate(settings.resolve()):
            lead = f"{place}."
            mine = {name.removeprefix(lead): array for name, array in arrays.items() if name.startswith(lead)}
            components.append(kind.from_state(settings=own, item_ids=item_ids, arrays=mine))
        return cls(settings=settings, item_ids=item_ids, components=components)

    def _score_together(self, histories: Interactions, users: Int64, *, device: torch.device) -> torch.Tensor:
        import torch

        total = torch.zeros(users.size, self.n_items, device=device)
        for component, coefficient in zip(self.components, self._coefficients, strict=True):
            total += _standardise(component._score_together(histories, users, device=device)) * coefficient
        return total


def _moments(scores: Float32, coefficient: float) -> tuple[np.float32, np.float32]:
    """Mean of the scores and the factor that scales their deviation to `coefficient`; 0 where all are equal."""
    mean = np.add.reduce(scores) / np.float32(scores.size)
    centred = scores - mean
    deviation = np.sqrt(np.dot(centred, centred) / scores.size)
    return mean, np.float32(coefficient / deviation if deviation > FLAT * abs(mean) else 0)


def _standardise(scores: torch.Tensor) -> torch.Tensor:
    """Rows less their mean, over their deviation; 0 where all are equal."""
    mean, deviation = scores.mean(dim=1, keepdim=True), scores.std(dim=1, keepdim=True, correction=0)
    return ((scores - mean) / deviation).where(deviation > FLAT * mean.abs(), 0.0)


def _simplex(parts: int, steps: int) -> Iterator[tuple[float, ...]]:
    """All ways to hand out `steps` equal shares to `parts` receivers, as fractions of one."""

    def deal(left: int, receivers: int) -> Iterator[tuple[int, ...]]:
        if receivers == 1:
            yield (left,)
            return
        for own in range(left + 1):
            for others in deal(left - own, receivers - 1):
                yield (own, *others)

    for shares in deal(steps, parts):
        yield tuple(share / steps for share in shares)
