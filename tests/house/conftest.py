"""The small business of the walk: built once, committed into a database of its own, never changed."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.test import override_settings

from accounts.scope import all_rows
from tests import databases
from tests.cast import Cast
from tests.house import crowd
from tests.house import world as house


@pytest.fixture(scope="package")
def committed_world(django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[house.World]:
    """The world in a clone of the migrated template; models and reports lie in a folder of its own."""
    own = override_settings(
        DATA_DIR=tmp_path_factory.mktemp("world"), DEVICE="cpu", ACCOUNT_RATE_LIMITS=False, DEBUG=False
    )
    with django_db_blocker.unblock(), databases.clone(), own:
        with all_rows():
            world = house.build(Cast())
            crowd.grow(world, range(1))
        yield world


@pytest.fixture
def world(committed_world: house.World, django_db_blocker: Any) -> Iterator[house.World]:
    """The world for one test, in a transaction that is rolled back. Refusals are expected, so nobody logs them."""
    logging.disable(logging.CRITICAL)
    with django_db_blocker.unblock(), transaction.atomic(), all_rows():
        yield committed_world
        transaction.set_rollback(True)
    logging.disable(logging.NOTSET)
