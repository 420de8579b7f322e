"""Django's PostgreSQL backend that starts the embedded server when the first connection is opened."""

from typing import Any

import psycopg2
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base, client
from django.db.utils import OperationalError

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


class DatabaseWrapper(base.DatabaseWrapper):
    """Connects as Django does; an entry with EMBEDDED finds its server first, and finds it again after a fall."""

    client_class = DatabaseClient

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
