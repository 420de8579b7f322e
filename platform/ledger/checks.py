"""What must fit between the settings and the books that are there already. Ids are stable: ledger.E001 ..."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from ledger.selectors.calendar import other_day


@checks.register(checks.Tags.database)
def the_calendar_is_that_of_the_books(
    app_configs: Sequence[AppConfig] | None,  # noqa: ARG001
    databases: Sequence[str] | None = None,
    **options: Any,  # noqa: ARG001
) -> list[checks.CheckMessage]:
    """Refuse a time zone by which a day in the books would be another: months, tiers and caps were counted by them."""
    found = [told for alias in databases or () if (told := other_day(using=alias))]
    return [
        checks.Error(
            f"PORTAL_TIME_ZONE is {settings.TIME_ZONE}, but the books were kept by another calendar: {told}.",
            hint="Set PORTAL_TIME_ZONE back: closed months, tiers and caps were counted by it. It can be changed only "
            "as long as no day in the books would be another.",
            id="ledger.E001",
        )
        for told in found[:1]
    ]
