"""Ways to run the same models: compiled as in production, or interpreted so that coverage sees every branch."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from analytics.attribution import builder, counterfactual, daily, heuristics, logit, markov, markov_windows, tokens
from analytics.attribution.paths import path_table
from analytics.attribution.registry import MODELS, compile_models
from tests.tracing import untraced


@pytest.fixture(scope="session", autouse=True)
def _compiled(request: pytest.FixtureRequest) -> None:
    """Compile all kernels first: under the tracer that takes twice as long."""
    with untraced(request.config):
        compile_models(MODELS, order=1)
        compile_models(["markov"], order=2)
        heuristics.decay_by_age(path_table(["a"], conversions=[1]), ages=np.zeros(1), half_life=1)
        nothing = builder.TouchLog(np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0, np.int64))
        builder.build_paths(nothing, nothing, channels=("a",), lookback=0)
        none = daily.count_by_day(nothing, nothing, channels=(1,), days=np.zeros(1, np.int64), lookback=0)
        daily.restated(none, old=none, new=none)


def kernels(module: ModuleType) -> dict[str, Any]:
    """The compiled functions of a module by name."""
    return {name: kernel for name, kernel in vars(module).items() if hasattr(kernel, "py_func")}


def interpreted_form(kernel: Any) -> Any:
    """A kernel as the plain Python that it was written as."""
    return kernel.py_func


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every kernel as the plain Python that it was written as."""
    for module in (builder, counterfactual, daily, heuristics, logit, markov, markov_windows, tokens):
        for name, kernel in kernels(module).items():
            monkeypatch.setattr(module, name, interpreted_form(kernel))
