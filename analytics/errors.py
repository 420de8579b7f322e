"""What analytics refuses, in words for the reader."""

from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _


class ReportRefusedError(Exception):
    """A report that cannot be computed as asked; the message says why and what to do."""


class MissingRateError(ReportRefusedError):
    """An amount in another currency has no exchange rate on or before its day."""

    code = "no_rate"

    def __init__(self, *, base: str, quote: str, day: date) -> None:
        super().__init__(
            _("No rate between %(base)s and %(quote)s is known for %(day)s or before.")
            % {"base": base, "quote": quote, "day": date_format(day, "SHORT_DATE_FORMAT")}
        )
        self.params = {"base": base, "quote": quote, "day": day.isoformat()}


class TouchRefusedError(Exception):
    """A touch that a program reported and that cannot be kept as told; the message says why."""


class RuleRefusedError(Exception):
    """A channel rule that cannot be; the message says why."""


class HoldoutRefusedError(Exception):
    """A hold-out test that cannot be as written; the message says why."""
