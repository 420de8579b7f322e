"""What the ledger refuses, each with a stable code and one sentence."""


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
