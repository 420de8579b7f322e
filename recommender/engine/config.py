"""What to train and how: plain frozen values, checked when they are made.

Every model declares its settings as a frozen dataclass; `settings_from` turns a mapping (a form, a database row, an
artefact's header) into one and refuses names the model does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeAlias, TypeVar

from recommender.engine.errors import ConfigError

# What a choice between settings may look at: full-ranking metrics only. Metrics over sampled negatives reverse the
# order of models (Krichene and Rendle, CACM 2022) and are therefore not offered at all.
SELECTION_METRICS = ("ndcg@10", "ndcg@20", "hr@1", "hr@5", "hr@10", "recall@20", "mrr", "tail100_hr@10")


# Called as ``progress(step, done, total)`` while training; raising inside it stops the training.
Progress: TypeAlias = Callable[[str, int, int], None]


def silent(step: str, done: int, total: int) -> None:
    """Report nothing."""
    del step, done, total


@dataclass(frozen=True)
class TrainConfig:
    """One training run.

    model: a name of the registry. settings: that model's settings, defaults where left out. candidates: settings to
    try on valid besides, each laid over `settings`; the best by `select_by` wins. split: "temporal" where times exist
    ("auto"), else "leave_one_out". Shares are fractions of all events, by time, held out for valid and test.
    max_valid_users bounds the users ranked per candidate. replicates is the number of bootstrap samples behind the
    standard errors of coverage and Gini.
    """

    model: str = "blend"
    settings: Mapping[str, Any] = field(default_factory=dict)
    candidates: tuple[Mapping[str, Any], ...] = ()
    split: Literal["auto", "temporal", "leave_one_out"] = "auto"
    valid_share: float = 0.1
    test_share: float = 0.1
    max_valid_users: int = 20_000
    select_by: str = "ndcg@10"
    replicates: int = 100

    def __post_init__(self) -> None:
        if self.select_by not in SELECTION_METRICS:
            raise ConfigError(f"select_by must be one of {', '.join(SELECTION_METRICS)}, not {self.select_by!r}")
        if self.split not in ("auto", "temporal", "leave_one_out"):
            raise ConfigError(f"unknown split {self.split!r}")
        require_range("valid_share", self.valid_share, 0, 0.5)
        require_range("test_share", self.test_share, 0, 0.4)
        require_range("max_valid_users", self.max_valid_users, 1, 10**9)
        require_range("replicates", self.replicates, 2, 10**5)


def require_range(name: str, value: float, low: float, high: float) -> None:
    """Raise ConfigError unless `value` is a number with low <= value <= high."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")


S = TypeVar("S")


def settings_from(kind: type[S], values: Mapping[str, Any]) -> S:
    """Make the settings dataclass `kind` from a mapping. Raises ConfigError for names it does not have."""
    known = {entry.name for entry in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(f"unknown setting {unknown[0]!r}; known: {', '.join(sorted(known))}")
    return kind(**values)


def settings_to(settings: Any) -> dict[str, Any]:
    """The settings as a mapping of JSON values; `settings_from` of it gives equal settings."""
    return asdict(settings)
