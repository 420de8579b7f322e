"""Every test of this room begins and ends in the platform's own language."""

from collections.abc import Iterator

import pytest
from django.utils import translation


@pytest.fixture(autouse=True)
def _own_language() -> Iterator[None]:
    """A request leaves its reader's language behind in the thread."""
    translation.deactivate()
    yield
    translation.deactivate()
