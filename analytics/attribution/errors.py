"""What this room refuses, in one clear line each."""

from __future__ import annotations


class AttributionError(ValueError):
    """The input cannot be attributed; the message is one line fit for a person."""


class PathFileError(AttributionError):
    """A table of paths or touches cannot be read; the message names file and, where known, row and column."""

    def __init__(self, file: object, problem: str, *, row: int | None = None, column: str | None = None) -> None:
        place = [str(file)]
        if row is not None:
            place.append(f"row {row}")
        if column is not None:
            place.append(f"column {column}")
        super().__init__(f"{', '.join(place)}: {problem}")
        self.row = row
        self.column = column
