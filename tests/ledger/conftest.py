"""Books that the tests of proofs look at."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from accounts.scope import all_rows
from ledger.services import seal_take, snapshot_take
from tests import databases
from tests.ledger import stage


@pytest.fixture(scope="module")
def books(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Books of the file's own, committed, in which everything has happened: proofs look at them as the owner."""
    with django_db_blocker.unblock(), databases.clone():
        with all_rows():
            stage.everything()
        seal_take(most=7)
        snapshot_take()
        with all_rows():
            stage.sell("later", 70, at=stage.day(20))
        seal_take()
        snapshot_take()
        yield
        connections.close_all()
