"""Fixtures that say whose rows a test sees; `tests/conftest.py` imports them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from accounts.models import Party
from accounts.scope import all_rows, party_rows
from tests.cast import Cast


@pytest.fixture
def everything(db: None) -> Iterator[None]:
    """Every party's rows, until the test ends."""
    with all_rows():
        yield


@pytest.fixture
def as_parties(db: None) -> Callable[..., AbstractContextManager[None]]:
    """`with as_parties(party, ...):` only the rows of these parties; of none when called with none."""
    return lambda *parties: party_rows([party.pk if isinstance(party, Party) else party for party in parties])


@pytest.fixture
def cast(db: None) -> Cast:
    """The people of the stories; each is made by the product's own verbs when first named."""
    return Cast()
