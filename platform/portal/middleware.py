"""The admin's own content security policy, notes for the next page, and log lines that name nobody's machine."""

import ipaddress
import logging
from functools import lru_cache
from typing import Any
from uuid import uuid4

import structlog
from csp.constants import HEADER
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.messages.storage import default_storage
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.functional import SimpleLazyObject, empty
from django_structlog.middlewares import RequestMiddleware

logger = structlog.get_logger("django_structlog.middlewares.request")
_lines = logging.getLogger("django_structlog.middlewares.request")


class PolicyMiddleware(CSPMiddleware):
    """django-csp's middleware; pages under /admin/ get ADMIN_CSP_UPDATE on top, for Unfold's Alpine.

    The policy of a response that asks for nothing of its own is put together once.
    """

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self._usual: dict[bool, str] = {}

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Give the response its header."""
        if settings.DEBUG or any(name.startswith("_csp_") for name in (*request.__dict__, *response.__dict__)):
            return super().process_response(request, response)
        in_admin = request.path_info.startswith("/admin/")
        if in_admin in self._usual:
            response.headers.setdefault(HEADER, self._usual[in_admin])
        elif HEADER not in response:
            super().process_response(request, response)
            self._usual[in_admin] = response.headers[HEADER]
        return response

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """The parts of the policy of one response."""
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith("/admin/") and not report_only:
            parts.update = {**settings.ADMIN_CSP_UPDATE, **(parts.update or {})}
        return parts


class NoteMiddleware(MessageMiddleware):
    """Django's messages, whose storage is opened by who reads or writes one: most pages do neither."""

    def process_request(self, request: HttpRequest) -> None:
        """Set where messages are read and written."""
        request._messages = SimpleLazyObject(lambda: default_storage(request))  # type: ignore[attr-defined]  # Django's name

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Keep what was written, where anybody did."""
        if getattr(getattr(request, "_messages", None), "_wrapped", None) is empty:
            return response
        return super().process_response(request, response)


class LogMiddleware(RequestMiddleware):
    """django-structlog's middleware; of a reader's network address only the front part is written down.

    Nobody listens to its signals, and a line that the level leaves out is not put together first.
    """

    def prepare(self, request: HttpRequest) -> None:
        """Bind the request's number, its person and its network."""
        structlog.contextvars.bind_contextvars(request_id=str(uuid4()))
        self.bind_user_id(request)
        self.bind_ip(request)
        if _lines.isEnabledFor(settings.DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL):
            logger.log(
                settings.DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL,
                "request_started",
                request=self.format_request(request),
                user_agent=request.META.get("HTTP_USER_AGENT"),
            )

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Bind the network that the request came from: the first three numbers of four, or the first 48 bits."""
        far = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2] if settings.BEHIND_PROXY else ""
        structlog.contextvars.bind_contextvars(ip=shortened(far.strip() or request.META.get("REMOTE_ADDR", "")))


@lru_cache(maxsize=1024)
def shortened(address: str) -> str:
    """An address of the network without what tells one machine; nothing for what is no address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network(f"{found}/{24 if found.version == 4 else 48}", strict=False).network_address)
