"""The house keeps its shape: no package called platform, no drawer, no file too long, no heavy import in the web."""

import ast
import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("platform", "partners", "courses", "analytics", "recommender")
HEAVY = ("torch", "numba", "sklearn", "polars", "duckdb", "plotly", "scipy", "matplotlib", "pandas")
LONGEST_FILE, LONGEST_FUNCTION = 400, 60


def own_files(*folders: str) -> list[Path]:
    return sorted(
        path for folder in folders for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts
    )


def test_platform_stays_the_standard_librarys_module() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert Path(platform.__file__).resolve().parent == Path(sysconfig.get_path("stdlib")).resolve()
    assert not list((ROOT / "platform").glob("*.py"))


def test_every_folder_of_tests_is_a_package() -> None:
    bare = {path.parent for path in (ROOT / "tests").rglob("*.py") if not (path.parent / "__init__.py").exists()}
    assert not bare


def test_importing_the_webs_addresses_loads_nothing_heavy() -> None:
    code = (
        "import django, sys; django.setup(); import portal.urls; "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": "platform", "DJANGO_SETTINGS_MODULE": "portal.settings"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_the_engine_alone_imports_torch() -> None:
    # The import contract names rooms, and a room that is new would not be among them.
    found = set()
    for path in own_files(*SOURCES):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            if any(name.partition(".")[0] == "torch" for name in names):
                found.add(path.relative_to(ROOT).parts[:2])
    assert found == {("recommender", "engine")}


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils.py", "helpers.py", "misc.py", "common.py", "signals.py"}
    assert not [path for path in own_files(*SOURCES) if path.name in drawers]


@pytest.mark.parametrize("folder", [*SOURCES, "tests"])
def test_files_stay_short(folder: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in own_files(folder)
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    assert not long


def test_functions_stay_short() -> None:
    long = {}
    for path in own_files(*SOURCES):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and (lines := _body_lines(node)) > LONGEST_FUNCTION:
                long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert not long


def _body_lines(node: ast.FunctionDef) -> int:
    """Lines from the first statement after the docstring to the last."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_nothing_asks_the_environment_but_the_table() -> None:
    askers = [
        str(path.relative_to(ROOT))
        for path in own_files(*SOURCES)
        if "os.environ[" in (text := path.read_text(encoding="utf-8")) or "getenv" in text or "environ.get" in text
    ]
    # The ground hands PYTHONPATH on to its keeper and clears PG* for PostgreSQL; neither configures the portal.
    assert set(askers) <= {"platform/portal/env.py", "platform/portal/ground/__init__.py"}
