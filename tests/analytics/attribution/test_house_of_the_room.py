"""The room's promises to the house: what it loads, and how its kernels are compiled."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from analytics.attribution import compiled, heuristics
from analytics.attribution.registry import MODELS, compile_models
from tests.analytics.attribution.conftest import kernels

HEAVY = ("numpy", "numba", "scipy", "pyarrow", "polars", "django")


def test_paying_an_order_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.path[:0] = ['.', 'platform']\n"
        "import analytics.attribution.credits, analytics.attribution.registry, analytics.attribution.report\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_kernel_is_compiled_also_where_no_cache_folder_can_be() -> None:
    namespace: dict[str, Any] = {}
    exec("def twice(x):\n    return 2 * x\n", namespace)  # no source file, so nowhere to keep machine code
    twice: Any = compiled.compiled(namespace["twice"])
    assert twice(21) == 42
    assert twice.py_func(21) == 42


def test_compiling_ahead_runs_every_model_once() -> None:
    compile_models(MODELS, order=3)
    assert all(kernel.overloads for kernel in kernels(heuristics).values())


def test_after_compiling_ahead_a_run_compiles_nothing_more(tmp_path: Path) -> None:
    """Otherwise the CPU seconds of a model would hide compilation."""
    (tmp_path / "plain.csv").write_text("path,total_conversions,total_null\na > b,1,2\n")
    (tmp_path / "quoted.csv").write_text('path,total_conversions,total_conversion_value\n"a, b > c",1,2\n')
    parquet.write_table(pa.table({"path": ["a > b"], "total_conversions": [1]}), tmp_path / "t.parquet")
    code = (
        "import sys; sys.path[:0] = ['.', 'platform']\n"
        "from pathlib import Path\n"
        "from analytics.attribution.registry import MODELS, attribute, compile_models\n"
        "compile_models(MODELS, order=1); compile_models(['markov'], order=2)\n"
        "from analytics.attribution import counterfactual, heuristics, logit, markov, markov_windows, tokens\n"
        "from analytics.attribution.reading import read_paths\n"
        "kernels = [k for m in (counterfactual, heuristics, logit, markov, markov_windows, tokens)"
        " for k in vars(m).values()"
        " if hasattr(k, 'py_func')]\n"
        "before = [len(k.overloads) for k in kernels]\n"
        "for file in sorted(Path(sys.argv[1]).iterdir()):\n"
        "    paths = read_paths(file)\n"
        "    for model, order in [(m, 1) for m in MODELS] + [('markov', 3)]:\n"
        "        attribute(paths, model=model, order=order)\n"
        "print([k.py_func.__name__ for k, n in zip(kernels, before) if len(k.overloads) != n], sum(before) > 8)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] True"
