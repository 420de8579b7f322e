"""The admin's first page: what waits for whom, how the money stands, whether the books hold."""

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from portal.today.money import money_now
from portal.today.queues import queues_of
from portal.today.state import state_of


def today(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's DASHBOARD_CALLBACK: what the template of the admin's index shows, by the reader's own rights."""
    reader = request.user
    assert isinstance(reader, User)  # the admin lets nobody else in
    waiting = queues_of(reader)
    return {
        **context,
        "title": _("Today"),
        "day": timezone.localdate(),
        "yours": [queue for queue in waiting if queue.yours],
        "others": [queue for queue in waiting if not queue.yours],
        "state": state_of(reader),
        "money": money_now(reader),
    }
