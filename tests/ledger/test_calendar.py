"""The books keep the calendar in which they were begun: another time zone is refused where a day would be another."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.checks import CheckMessage, run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import transaction

from accounts.scope import all_rows
from ledger.services import period_close, period_prepare
from tests.ledger import stage

ONE_IN_SHANGHAI = datetime(2026, 3, 31, 17, tzinfo=UTC)
"""The first of April there, and still March by UTC."""


def said() -> list[CheckMessage]:
    return run_checks(tags=["database"], databases=["default"])


@pytest.mark.usefixtures("everything")
def test_without_books_any_zone_will_do(settings: Any) -> None:
    settings.TIME_ZONE = "UTC"
    assert said() == []


@pytest.mark.usefixtures("everything")
def test_a_zone_by_which_an_entry_stood_on_another_day_is_refused_with_the_entry(settings: Any) -> None:
    stage.parties()
    stage.sell("noon", 100)
    settings.TIME_ZONE = "UTC"
    assert said() == [], "noon is the same day in both"
    settings.TIME_ZONE = "Asia/Shanghai"
    entry = stage.sell("late", 100, at=ONE_IN_SHANGHAI)
    assert said() == []
    settings.TIME_ZONE = "Asia/Singapore"
    assert said() == [], "its clock is the same"
    settings.TIME_ZONE = "UTC"
    [error] = said()
    assert (error.id, error.is_serious()) == ("ledger.E001", True)
    assert error.msg == (
        "PORTAL_TIME_ZONE is UTC, but the books were kept by another calendar: "
        f"entry {entry} stands on 2026-04-01, by the calendar of UTC it happened on 2026-03-31."
    )


@pytest.mark.usefixtures("everything")
def test_what_came_after_its_month_was_closed_stands_on_the_day_of_its_booking(settings: Any) -> None:
    stage.parties()
    stage.sell("O-1", 100)
    period_prepare(month=stage.PLACED.date().replace(day=1), by=stage.clerk("pam"))
    period_close(month=stage.PLACED.date().replace(day=1), by=stage.clerk())
    stage.sell("late", 100, at=stage.day(3))
    assert said() == []
    assert not stage.violations("I9-days")


@pytest.mark.long
def test_nothing_is_made_ready_under_another_calendar(committed_db: str, settings: Any) -> None:
    with transaction.atomic(), all_rows():
        stage.parties()
        stage.sell("late", 100, at=ONE_IN_SHANGHAI)
    settings.TIME_ZONE = "UTC"
    with pytest.raises(SystemCheckError, match="the books were kept by another calendar"):
        call_command("prepare")
