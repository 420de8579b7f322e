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


@pytest.fixture
def landing(monkeypatch: pytest.MonkeyPatch) -> str:
    """The log-in page stands for a storefront page: a page without rows of its own."""
    from analytics import middleware

    doors = tuple(door for door in middleware.BACK_OFFICE if door != "/accounts/")
    monkeypatch.setattr(middleware, "BACK_OFFICE", doors)
    return "/accounts/login/"
