"""The back office's site: Unfold's, without what its pages do not show."""

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject
from unfold.sites import UnfoldAdminSite


class BackOffice(UnfoldAdminSite):  # type: ignore[misc]  # unfold ships no types
    """The list of all apps is put together where it is read: the sidebar has rooms instead (`portal.sidebar`)."""

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        """The list of apps, computed when first looked at: for each page that took a third of its time."""
        made = super().get_app_list
        return SimpleLazyObject(lambda: made(request, app_label))
