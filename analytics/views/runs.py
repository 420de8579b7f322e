"""What every page over a channel report has: who reads, which run answers the address, what is said while none does."""

from collections.abc import Callable
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.http import Http404, HttpRequest
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.rules import may
from analytics import tasks
from analytics.choices import RunState
from analytics.models import ReportRun
from analytics.selectors import Span, report_finished, report_latest
from analytics.services import report_request
from analytics.views import asking
from analytics.views.asking import Asked
from analytics.views.frame import frame, is_on_desk

AGAIN_AFTER = 30
"""Seconds after which a run that nobody has begun is handed to a worker once more."""


def reader(request: HttpRequest) -> User:
    """The person who asks."""
    assert isinstance(request.user, User)  # `entrance` let nobody else in
    return request.user


def wanted(span: Span, user: User) -> tuple[ReportRun | None, ReportRun | None]:
    """The newest finished run of a span, and the newest of all; one is asked for where there is none."""
    latest = report_latest(span, visible_to=user)
    lost = latest is not None and latest.state == RunState.RUNNING and not latest.is_alive
    if (latest is None or lost) and may(user, "add", "analytics.reportrun"):
        latest = request_run(span, user)
    if latest is not None and latest.state == RunState.DONE:
        return latest, latest
    return report_finished(span, visible_to=user), latest


def request_run(span: Span, user: User) -> ReportRun:
    """Ask for a run and hand it to a worker."""
    run = report_request(
        since=span.since,
        until=span.until,
        currency=span.currency,
        window_days=span.window_days,
        with_direct=span.with_direct,
        requested_by=user,
    )
    wake(run)
    return run


def wake(run: ReportRun) -> None:
    """Hand the run to a worker, at most once in a while; a silent broker does not fail the page."""
    if cache.add(f"analytics.woken.{run.pk}", 1, AGAIN_AFTER):
        transaction.on_commit(lambda: tasks.report.apply_async(args=[run.pk], retry=False), robust=True)


def compared(asked: Asked, user: User, read: Callable[[ReportRun], Any]) -> Any:
    """What the run of the span to compare with says; None without one."""
    if asked.before is None:
        return None
    run, _latest = wanted(asked.before, user)
    return read(run) if run else None


def opened(request: HttpRequest, page: str) -> tuple[Asked, dict[str, Any]]:
    """What the address of a page over a channel report asks for, and the context that all of these share."""
    asked = asking.read(request, visible_to=reader(request), page=page)
    return asked, page_context(request, asked)


def finished(request: HttpRequest, page: str) -> tuple[Asked, ReportRun]:
    """What an address asks for and the run that answers it, for a file; not found while none is finished."""
    user = reader(request)
    asked = asking.read(request, visible_to=user, page=page)
    run = report_finished(asked.span, visible_to=user)
    if run is None:
        raise Http404(_("This report is not computed yet."))
    return asked, run


def page_context(request: HttpRequest, asked: Asked) -> dict[str, Any]:
    """Context of `analytics/report_page.html`."""
    user = reader(request)
    run, latest = wanted(asked.span, user)
    return {
        **frame(request),
        "asked": asked,
        "range": asked.range(),
        "windows": asked.choices("window"),
        "currencies": asked.choices("currency"),
        "direct": asked.choices("direct"),
        "run": run,
        "latest": latest,
        "waiting": latest if latest and latest.is_alive else None,
        "failed": latest if latest and latest.state == RunState.FAILED else None,
        "may_ask": may(user, "add", "analytics.reportrun"),
        "may_enter_rates": is_on_desk("ledger_fxrate") and may(user, "add", "ledger.fxrate"),
    }
