"""Ways to run the same models: compiled as in production, or interpreted so that coverage sees every branch."""

from types import ModuleType
from typing import Any

import pytest

from analytics.attribution import heuristics, markov, markov_windows, tokens


def kernels(module: ModuleType) -> dict[str, Any]:
    """The compiled functions of a module by name."""
    return {name: kernel for name, kernel in vars(module).items() if hasattr(kernel, "py_func")}


def interpreted_form(kernel: Any) -> Any:
    """A kernel as the plain Python that it was written as."""
    return kernel.py_func


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every kernel as the plain Python that it was written as."""
    for module in (heuristics, markov, markov_windows, tokens):
        for name, kernel in kernels(module).items():
            monkeypatch.setattr(module, name, interpreted_form(kernel))
    for model, spread in heuristics.SPREADS.items():
        monkeypatch.setitem(heuristics.SPREADS, model, getattr(spread, "py_func", spread))
