"""Django's PostgreSQL backend that starts the embedded server when the first connection is opened.

And that lets a page's transaction begin with its first statement and end with its last, in one message each.
"""

from typing import Any

import psycopg2
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base, client
from django.db.backends.utils import debug_transaction
from django.db.utils import OperationalError
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, cursor

from portal import ground
from portal.ground import programs


class DatabaseClient(client.DatabaseClient):
    """`manage.py dbshell` on the embedded server, with the psql that came with it."""

    def runshell(self, parameters: Any) -> None:
        """Run psql; the server stays for as long as it does."""
        if self.connection.settings_dict.get("EMBEDDED"):
            self.connection.settings_dict["HOST"] = ground.postgres()
            self.executable_name = str(programs.postgres("psql"))
        super().runshell(parameters)


BEGIN = "BEGIN"


class Ahead(list[str]):
    """What goes out in front of a connection's next statement, in the order given. `failed`: a message did since."""

    failed = False


class Cursor(cursor):  # type: ignore[misc]  # psycopg2 has no types
    """psycopg2's cursor, which sends what waits on its connection in the message of the next statement."""

    ahead = Ahead()  # of a cursor that nobody told otherwise: nothing waits
    _asked: bytes | None = None

    def execute(self, query: Any, values: Any = None) -> None:
        """Run one statement, or several separated by semicolons."""
        if not self.ahead or self.name:
            self._flush()
            self._alone(query, values)
            return
        waiting, self._asked = [*self.ahead], self.mogrify(query, values)
        self.ahead.clear()
        try:
            super().execute(";\n".join([*waiting, self._asked.decode()]))
        except psycopg2.Error:
            self.ahead.failed = True
            if waiting[0] == BEGIN and self.connection.info.transaction_status == TRANSACTION_STATUS_IDLE:
                # The server could not read the message and has done nothing of it: the transaction fails as it would.
                super().execute(BEGIN)
                super().execute(query, values)
            raise

    def executemany(self, query: Any, values: Any) -> None:
        """See psycopg2."""
        self._flush()
        super().executemany(query, values)

    def callproc(self, name: Any, values: Any = None) -> Any:
        """See psycopg2."""
        self._flush()
        return super().callproc(name, values)

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> None:
        """See psycopg2."""
        self._flush()
        super().copy_expert(sql, file, size)

    @property
    def query(self) -> bytes | None:
        """The statement as it was sent, without what went out in front of it."""
        return self._asked or super().query

    def _alone(self, query: Any, values: Any) -> None:
        self._asked = None
        try:
            super().execute(query, values)
        except psycopg2.Error:
            self.ahead.failed = True
            raise

    def _flush(self) -> None:
        if self.ahead:
            with self.connection.cursor() as first:
                first.ahead = self.ahead
                first.execute("SELECT")


class DatabaseWrapper(base.DatabaseWrapper):
    """Connects as Django does; an entry with EMBEDDED finds its server first, and finds it again after a fall.

    After `begin_late()` a transaction sends BEGIN with its first statement, and COMMIT with what is still `ahead` then.
    To psycopg2 the connection stays in autocommit meanwhile: it would send BEGIN and COMMIT by themselves.
    """

    client_class = DatabaseClient

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ahead = Ahead()
        self._comes_late = self.is_late = False

    def begin_late(self) -> None:
        """Let the transaction that is opened next begin with its first statement, where it is the outermost."""
        self._comes_late = not self.in_atomic_block

    def get_connection_params(self) -> dict[str, Any]:
        """Django's, with our cursor."""
        return {**super().get_connection_params(), "cursor_factory": Cursor}

    def create_cursor(self, name: str | None = None) -> Any:
        """Django's, told what waits."""
        made = super().create_cursor(name)
        made.ahead = self.ahead
        return made

    def _set_autocommit(self, autocommit: bool) -> None:
        begins_late = self._comes_late and not autocommit
        late, self.is_late, self._comes_late = self.is_late, begins_late, False
        self._forget()
        if begins_late:
            self.ahead.append(BEGIN)
        elif not (late and self.connection.autocommit):
            super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stubs leave it out

    def _commit(self) -> None:
        if not self.is_late:
            super()._commit()  # type: ignore[misc]  # as above
        elif self.connection is not None and self.ahead != [BEGIN]:
            self._end("COMMIT", [*self.ahead, "COMMIT"])

    def _rollback(self) -> None:
        if not self.is_late:
            super()._rollback()  # type: ignore[misc]  # as above
        elif self.connection is not None:
            self._end("ROLLBACK", ["ROLLBACK"])

    def _forget(self) -> None:
        """Let nothing wait any more; who counted on it asks the server again."""
        self.ahead.failed |= self.ahead[1:] != []
        self.ahead.clear()

    def _end(self, name: str, words: list[str]) -> None:
        if name == "COMMIT":
            self.ahead.clear()
        self._forget()
        with debug_transaction(self, name), self.wrap_database_errors, self.connection.cursor() as last:
            last.ahead = self.ahead
            if name == "COMMIT" or self.connection.info.transaction_status != TRANSACTION_STATUS_IDLE:
                last.execute(";\n".join(words))

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Open a connection, having seen to it that an embedded server answers."""
        if self.settings_dict.get("WITHOUT_URL"):
            raise ImproperlyConfigured("this needs the owner's connection: set DATABASE_OWNER_URL")
        if not self.settings_dict.get("EMBEDDED"):
            return super().get_new_connection(conn_params)
        host = self.settings_dict["HOST"] = ground.postgres()
        try:
            return super().get_new_connection({**conn_params, "host": host})
        except (OperationalError, psycopg2.OperationalError):
            host = self.settings_dict["HOST"] = ground.postgres(look_again=True)
            return super().get_new_connection({**conn_params, "host": host})
