"""What the ledger refuses, each with a stable code and one sentence."""

from collections.abc import Callable

from django.utils.translation import gettext as _

from ledger.money import EXPONENTS
from ledger.splits.problems import REJECTIONS


def amount_refused(currency: str) -> str:
    """What to write where text was no amount of a currency: a sentence in the reader's language."""
    decimals = EXPONENTS.get(currency, 2)
    sample = f"120.{'0' * decimals}" if decimals else "120"
    return _("Write the amount in plain digits and in %(code)s, such as %(sample)s.") % {
        "code": currency,
        "sample": sample,
    }


class LedgerError(ValueError):
    """A booking or rate that the ledger does not take. Nothing was written."""

    code = "ledger_error"


class UnbalancedEntryError(LedgerError):
    """The postings of an entry do not sum to zero in each currency, or there are none."""

    code = "unbalanced"


class IdempotencyConflictError(LedgerError):
    """The same source was booked before with another body."""

    code = "idempotency_conflict"


class UnknownAccountError(LedgerError):
    """An account that is not on the list, or names a party that does not exist."""

    code = "unknown_account"


class UnknownEntryError(LedgerError):
    """No entry was booked for the source."""

    code = "unknown_entry"


class NoRateError(LedgerError):
    """No rate between two currencies is known on or before a day."""

    code = "unknown_rate"


class BadRateError(LedgerError):
    """A rate that cannot be one."""

    code = "bad_rate"


class BusyError(LedgerError):
    """Bookings were under way for longer than the caller wished to wait."""

    code = "busy"


class SaleRefusedError(LedgerError):
    """A sale that cannot be settled: `source_id` names the order, `__cause__` is what the engine said."""

    code = "sale_refused"

    def __init__(self, source_id: str, reason: str) -> None:
        super().__init__(f"{source_id}: {reason}")
        self.source_id = source_id


class UnknownOrderError(LedgerError):
    """No such order is in the books."""

    code = "unknown_order"


class EventRejectedError(LedgerError):
    """What was to happen is not allowed now; `code` is one of `ledger.splits.problems.REJECTIONS`. Nothing changed."""

    def __init__(self, code: str) -> None:
        super().__init__(REJECTIONS[code])
        self.code = code

    def worded(self, translate: Callable[[str], str]) -> str:
        """Return the reason in the language of `translate` (a gettext function)."""
        return translate(REJECTIONS[self.code])


class PayoutError(LedgerError):
    """A payout that cannot be made as asked."""

    code = "payout"


class RunRefusedError(LedgerError):
    """A step that a payout run, as it stands, does not allow. The sentence is for people, in their language."""

    code = "payout_run"


class PeriodRefusedError(LedgerError):
    """A month that cannot be prepared or closed as things stand. The sentence is for people, in their language."""

    code = "period"
