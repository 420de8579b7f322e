"""The admin's own content security policy, and log lines that name nobody's machine."""

import ipaddress

import structlog
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django_structlog.middlewares import RequestMiddleware


class PolicyMiddleware(CSPMiddleware):
    """django-csp's middleware; pages under /admin/ get ADMIN_CSP_UPDATE on top, for Unfold's Alpine."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """The parts of the policy of one response."""
        parts = super().get_policy_parts(request, response, report_only)
        if request.path_info.startswith("/admin/") and not report_only:
            parts.update = {**settings.ADMIN_CSP_UPDATE, **(parts.update or {})}
        return parts


class LogMiddleware(RequestMiddleware):
    """django-structlog's middleware; of a reader's network address only the front part is written down."""

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Bind the network that the request came from: the first three numbers of four, or the first 48 bits."""
        far = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2] if settings.BEHIND_PROXY else ""
        structlog.contextvars.bind_contextvars(ip=shortened(far.strip() or request.META.get("REMOTE_ADDR", "")))


def shortened(address: str) -> str:
    """An address of the network without what tells one machine; nothing for what is no address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network(f"{found}/{24 if found.version == 4 else 48}", strict=False).network_address)
