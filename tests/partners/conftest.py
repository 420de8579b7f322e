"""Fixtures of the programme's tests."""

import pytest

from tests.partners.stage import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()
