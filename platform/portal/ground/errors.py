"""What can go wrong under the embedded servers."""


class GroundError(Exception):
    """An embedded server cannot be had; the message says why and what to do."""
