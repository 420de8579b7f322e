"""What can be wrong with what an operator hands us."""


class RefusedImportError(Exception):
    """Nothing was written. The message names file, row and column and says what to do."""

    def __init__(self, message: str, *, file: str = "", row: int | None = None, column: str = "") -> None:
        place = ", ".join(
            part
            for part in (file, f"row {row}" if row is not None else "", f"column {column}" if column else "")
            if part
        )
        super().__init__(f"{place}: {message}" if place else message)
        self.file, self.row, self.column = file, row, column
