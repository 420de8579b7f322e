"""What analytics refuses, in words for the reader."""


class ReportRefusedError(Exception):
    """A report that cannot be computed as asked; the message says why and what to do."""
