"""What log lines say of a reader."""

from typing import Any

import pytest
import structlog
from django.test import RequestFactory

from portal.middleware import LogMiddleware


@pytest.mark.parametrize(
    ("sent", "through", "written"),
    [
        ("203.0.113.77", "", "203.0.113.0"),
        ("2001:db8:1234:5678::9", "", "2001:db8:1234::"),
        ("10.0.0.1", "198.51.100.4, 203.0.113.77", "203.0.113.0"),
        ("", "", ""),
        ("10.0.0.1", "nonsense", ""),
    ],
)
def test_a_log_line_bears_the_front_part_of_an_address(settings: Any, sent: str, through: str, written: str) -> None:
    settings.BEHIND_PROXY = bool(through)
    LogMiddleware.bind_ip(RequestFactory().get("/", REMOTE_ADDR=sent, HTTP_X_FORWARDED_FOR=through or "192.0.2.1"))
    assert structlog.contextvars.get_contextvars()["ip"] == written
    structlog.contextvars.clear_contextvars()
