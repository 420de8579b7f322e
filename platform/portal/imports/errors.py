"""What can be wrong with what an operator hands us."""

SHOWN = 60


class RefusedImportError(Exception):
    """Nothing was written. The message names file, row and column and says what to do."""

    def __init__(self, message: str, *, file: str = "", row: int | None = None, column: str = "") -> None:
        place = ", ".join(
            part
            for part in (file, f"row {row}" if row is not None else "", f"column {column}" if column else "")
            if part
        )
        super().__init__(one_line(f"{place}: {message}" if place else message))
        self.file, self.row, self.column = file, row, column


def one_line(text: str) -> str:
    """The text with every white space, and what a terminal would obey, as a blank."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def shown(value: str) -> str:
    """A value of a file in quotes, cut where it is long."""
    return f'"{value}"' if len(value) <= SHOWN else f'"{value[:SHOWN]}…" ({len(value)} characters)'
