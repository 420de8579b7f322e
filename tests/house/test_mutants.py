"""Planted faults still have their places: `make mutants` takes long, and a fault without a place proves nothing."""

from pathlib import Path

import pytest

from tests.mutants.books import BOOKS
from tests.mutants.engine import ENGINE
from tests.mutants.fault import Fault

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("fault", [*ENGINE, *BOOKS], ids=lambda fault: fault.name)
def test_a_planted_fault_has_one_place_and_tests(fault: Fault) -> None:
    assert (ROOT / fault.path).read_text(encoding="utf-8").count(fault.old) == 1
    assert fault.old != fault.new
    assert all((ROOT / test.partition("::")[0]).exists() for test in fault.tests)


def test_there_are_as_many_as_were_promised() -> None:
    assert len(ENGINE) >= 40
    assert len(BOOKS) >= 20
