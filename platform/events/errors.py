"""What handlers may say beside failing."""


class UselessRetryError(Exception):
    """Trying this event again is of no use: its delivery is parked at once, with this as the reason."""
