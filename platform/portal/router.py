"""Which connection does what: the app role reads and writes, the owner migrates."""

from typing import Any


class OwnerMigrates:
    """Reads and writes go to `default`; tables are made through `owner` only. Both are one database."""

    def db_for_read(self, model: Any, **hints: Any) -> None:
        """No opinion: `default`, or what the caller names."""

    def db_for_write(self, model: Any, **hints: Any) -> None:
        """No opinion: `default`, or what the caller names."""

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> bool:
        """Rows fetched through either door are rows of one database."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        """Only the owner may."""
        return db == "owner"
