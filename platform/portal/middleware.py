"""The admin's own content security policy; everything else keeps to `'self'`."""

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase


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
