"""Several models speaking with one voice: each one's scores standardised per user, then added with fitted coefficients.

``score = sum over components of coefficient * (score_c - mean_c) / deviation_c``, mean and deviation over the catalogue
for this history. Given the history the blend is linear in its components, so reasons stay exact: a component's part is
divided by its deviation, and the subtracted means join the baseline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from recommender.engine.config import Progress, require_range, settings_from, silent
from recommender.engine.data import Float32, Int32, Int64, Interactions
from recommender.engine.errors import ConfigError
from recommender.engine.models.base import Contributions, Model, stored_array

if TYPE_CHECKING:
    import torch

    from recommender.engine.content import Content
    from recommender.engine.evaluate import Chunk
    from recommender.engine.split import Stage

# Hundredths: a linear model puts its best items dozens of deviations above the mean, a transformer three or four, so
# that a few hundredths of the one weigh as much as all the rest of the other.
STEPS = 100
MOVES = (20, 10, 5, 2, 1)
TUNE_USERS = 4_000
TUNE_CELLS = 2**26
"""Users times items that are held in memory at once for each component: 256 MB of float32."""
TUNE_CHUNK = 500
BEHIND = 1e9
EVEN_USERS = 20_000
EVEN_CELLS = 2**27
"""Users times items whose scores are held while places are evened: 512 MB of float32."""
EVEN_ROUNDS = 8
EVEN_STEP = 0.1
EVEN_DEPTH = 10
# A deviation this small beside the mean is rounding: the scores say nothing.
FLAT = 1e-5


@dataclass(frozen=True)
class BlendSettings:
    """components: ``{"model": name, "settings": {...}}``, one to six. coefficients: one per component, from 0 to 1.

    Coefficients left empty count every component alike; `Blend.tuned` finds them. evenness, 0 to 1: how far places
    shown follow less than demand (0: as scores have it; 1: as if all items were asked for alike), see `Blend.evened`.
    """

    components: Sequence[Mapping[str, Any]] = ({"model": "ease"}, {"model": "stepped_ease"}, {"model": "item_knn"})
    coefficients: Sequence[float] = ()
    evenness: float = 0.0

    def __post_init__(self) -> None:
        parts = tuple({"model": part["model"], "settings": dict(part.get("settings", {}))} for part in self.components)
        require_range("the number of components", len(parts), 1, 6)
        coefficients = tuple(self.coefficients) or (1 / len(parts),) * len(parts)
        if len(coefficients) != len(parts):
            raise ConfigError(f"{len(coefficients)} coefficients for {len(parts)} components")
        for coefficient in coefficients:
            require_range("a coefficient", coefficient, 0, 1)
        require_range("evenness", self.evenness, 0, 1)
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
    resumable: ClassVar[bool] = True
    Settings: ClassVar[type[Any]] = BlendSettings

    def __init__(
        self, *, settings: BlendSettings, item_ids: Int64, components: Sequence[Model], offsets: Float32 | None = None
    ) -> None:
        self.settings = settings
        self.offsets = np.zeros(item_ids.size, dtype=np.float32) if offsets is None else offsets
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
        checkpoint: Path | None = None,
    ) -> Self:
        """Fit every component; coefficients are taken as given. Raises what the components raise.

        Each component that can go on from a checkpoint has one of its own beside `checkpoint`.
        """
        resolved = settings.resolve()
        components = []
        for place, (kind, own) in enumerate(resolved):
            beside = checkpoint and checkpoint.with_name(f"{checkpoint.name}.{place}")
            components.append(
                kind.fit_resumed(
                    interactions,
                    settings=own,
                    device=device,
                    rng=rng,
                    progress=progress if kind.resumable else silent,
                    checkpoint=beside,
                )
            )
            progress("fit", place + 1, len(resolved))
        blend = cls(settings=settings, item_ids=interactions.item_ids, components=components)
        return blend.evened(interactions, device=device, rng=rng) if settings.evenness else blend

    @classmethod
    def additive(cls, settings: Any) -> bool:
        """As all its components are, unless places are evened."""
        return not settings.evenness and all(kind.additive(own) for kind, own in settings.resolve())

    @classmethod
    def moments(cls, interactions: Interactions, *, settings: Any, device: torch.device) -> dict[str, torch.Tensor]:
        """The components' sums together; what two of them count alike is there once."""
        found: dict[str, torch.Tensor] = {}
        for kind, own in settings.resolve():
            found |= kind.moments(interactions, settings=own, device=device)
        return found

    @classmethod
    def from_moments(
        cls, moments: dict[str, torch.Tensor], *, settings: Any, item_ids: Int64, content: Content | None = None
    ) -> Self:
        """Every component from its own copies."""
        components = [
            kind.from_moments(
                {name: values.clone() for name, values in moments.items()},
                settings=own,
                item_ids=item_ids,
                content=content,
            )
            for kind, own in settings.resolve()
        ]
        return cls(settings=settings, item_ids=item_ids, components=components)

    def tuned(self, stage: Stage, *, device: torch.device, rng: np.random.Generator) -> Self:
        """The same components with coefficients that sum to one for the best NDCG@10 of the stage's first targets.

        Climbs from each single component by moving shares of a fifth down to a hundredth while any move helps. At
        most 4,000 users decide; they are the users a valid stage reports on, so its figures flatter a blend
        a little, and those of the test stage do not.
        """
        from recommender.engine.evaluate import chunks

        users = min(TUNE_USERS, max(1, TUNE_CELLS // max(1, self.n_items)))
        sample = stage.sample(users, rng=rng)
        leads = [self._leads(stage.known, chunk, device=device) for chunk in chunks(sample, TUNE_CHUNK)]

        def gain(coefficients: tuple[float, ...]) -> float:
            return sum(_gain(lead, coefficients) for lead in leads)

        best = replace(self.settings, coefficients=_climb(gain, len(self.components)))
        blend = type(self)(settings=best, item_ids=self.item_ids, components=self.components)
        return blend.evened(stage.train, device=device, rng=rng) if best.evenness else blend

    def evened(self, interactions: Interactions, *, device: torch.device, rng: np.random.Generator) -> Self:
        """The same components with an offset an item, by which the ten best of many people follow demand more evenly.

        Wanted is a share of places that goes with (takers + 1) ^ (1 - evenness). Lists are made of people's own
        histories, and nothing that they are asked for is looked at; whoever is shown too often sinks, round by round.
        """
        import torch

        from recommender.engine.ranking import select_top_batch

        people = np.flatnonzero(interactions.lengths > 0)
        most = min(people.size, EVEN_USERS, max(1, EVEN_CELLS // max(1, self.n_items)))
        people = np.sort(rng.choice(people, most, replace=False))
        plain = type(self)(settings=self.settings, item_ids=self.item_ids, components=self.components)
        scores = torch.empty(people.size, self.n_items, device=device)
        for start in range(0, people.size, TUNE_CHUNK):
            part = people[start : start + TUNE_CHUNK]
            scores[start : start + part.size] = plain.score_batch(interactions, part, device=device)
        histories = [interactions.history(user) for user in people.tolist()]
        rows = torch.from_numpy(np.repeat(np.arange(people.size), [own.size for own in histories])).to(device)
        scores[rows, torch.from_numpy(np.concatenate(histories).astype(np.int64)).to(device)] = -torch.inf
        demand = torch.from_numpy((interactions.item_counts + 1.0) ** (1 - self.settings.evenness)).to(device)
        wanted, offsets = (demand / demand.sum()).log(), torch.zeros(self.n_items, device=device)
        for _ in range(EVEN_ROUNDS):
            items, _scores = select_top_batch(scores + offsets, EVEN_DEPTH)
            shown = torch.bincount(items[items >= 0], minlength=self.n_items) + 1.0
            offsets -= EVEN_STEP * ((shown / shown.sum()).log() - wanted).float()
            offsets -= offsets.mean()
        return type(self)(
            settings=self.settings,
            item_ids=self.item_ids,
            components=self.components,
            offsets=offsets.cpu().numpy(),
        )

    def _leads(self, known: Interactions, chunk: Chunk, *, device: torch.device) -> torch.Tensor:
        """How far each item leads the user's first target, by component: [components, users, items].

        Items that the user has taken never lead.
        """
        import torch

        targets = torch.from_numpy(chunk.asked[1][chunk.first]).to(device)[:, None]
        leads = []
        for component in self.components:
            scores = _standardise(component.score_batch(known, chunk.users, device=device))
            leads.append(scores - scores.gather(1, targets))
        lead = torch.stack(leads)
        lead[:, torch.from_numpy(chunk.seen[0]).to(device), torch.from_numpy(chunk.seen[1]).to(device)] = -BEHIND
        return lead

    def score(self, history: Int32, weights: Float32 | None = None) -> Float32:
        """Standardised scores of the components, added, and the item's offset."""
        total = self.offsets.copy()
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
        baseline += self.offsets[targets]
        return Contributions(parts, baseline)

    def state(self) -> dict[str, Any]:
        """The components' arrays, each name led by the component's place: ``"0.matrix"``, and `offsets` if evened."""
        own = {"offsets": self.offsets} if self.settings.evenness else {}
        return own | {
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
        offsets = stored_array(arrays, "offsets", item_ids.shape) if settings.evenness else None
        return cls(settings=settings, item_ids=item_ids, components=components, offsets=offsets)

    def _score_together(self, histories: Interactions, users: Int64, *, device: torch.device) -> torch.Tensor:
        import torch

        total = torch.tensor(self.offsets, device=device).repeat(users.size, 1)
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


def _gain(lead: torch.Tensor, coefficients: Sequence[float]) -> float:
    """Summed NDCG@10 of the targets that the leads are taken from, under some coefficients."""
    import torch

    mixed = torch.tensordot(torch.tensor(coefficients, dtype=lead.dtype, device=lead.device), lead, 1)
    ranks = 1 + (mixed > 0).sum(1) + 0.5 * ((mixed == 0).sum(1) - 1)
    return float(torch.where(ranks <= 10, 1 / torch.log2(ranks + 1), 0.0).double().sum())


def _climb(gain: Callable[[tuple[float, ...]], float], parts: int) -> tuple[float, ...]:
    """Shares in hundredths that no single move betters: the best that is found climbing from each whole."""
    found: dict[tuple[int, ...], float] = {}

    def value(shares: tuple[int, ...]) -> float:
        if shares not in found:
            found[shares] = gain(tuple(share / STEPS for share in shares))
        return found[shares]

    def climb(best: tuple[int, ...]) -> tuple[int, ...]:
        for step in MOVES:
            while True:
                moved = max(_moved(best, step), key=value, default=best)
                if value(moved) <= value(best):
                    break
                best = moved
        return best

    # More than one start: where scales differ as much as here, one slope ends on a lower hill.
    wholes = (tuple(STEPS * (place == part) for place in range(parts)) for part in range(parts))
    tops = map(climb, sorted(wholes, key=value, reverse=True))
    return tuple(share / STEPS for share in max(tops, key=value))


def _moved(shares: tuple[int, ...], step: int) -> Iterator[tuple[int, ...]]:
    """Every way to move `step` from one share to another."""
    for giver, taker in permutations(range(len(shares)), 2):
        if shares[giver] >= step:
            told = list(shares)
            told[giver] -= step
            told[taker] += step
            yield tuple(told)
