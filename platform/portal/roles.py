"""The two database roles and what a database needs before its first migration, as SQL on a DB-API cursor.

owner: migrations, proofs, erasure. app: web and workers; it may use what owner creates, and nothing else. Neither is a
superuser and neither passes by row-level security. Every statement may be run again.
"""

from typing import Any

from psycopg2 import sql

EXTENSIONS = ("btree_gist", "pg_trgm", "hstore", "vector")
VERSION = 1  # raise it when the statements below change, so that embedded databases are prepared again


def create_role(cursor: Any, role: str, *, password: str | None) -> None:
    """Create `role`, or bring it to the attributes that it must have; None leaves its password alone."""
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    verb = "ALTER" if cursor.fetchone() else "CREATE"
    cursor.execute(
        sql.SQL(verb + " ROLE {} LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS").format(
            sql.Identifier(role)
        )
    )
    if password is not None:
        cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))


def create_database(cursor: Any, name: str, *, owner: str, template: str | None = None) -> bool:
    """Create database `name` unless it is there; true when it was created. Outside a transaction."""
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
    if cursor.fetchone():
        return False
    like = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
    cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)) + like)
    return True


def prepare_database(cursor: Any, name: str, *, owner: str, app: str) -> None:
    """Extensions, ownership and grants inside database `name`, to which the cursor is connected as an admin."""
    for extension in EXTENSIONS:
        cursor.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))
    future = "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA public"
    names = {"database": sql.Identifier(name), "owner": sql.Identifier(owner), "app": sql.Identifier(app)}
    for statement in (
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {app}",
        "ALTER SCHEMA public OWNER TO {owner}",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "GRANT USAGE ON SCHEMA public TO {app}",
        f"{future} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {{app}}",
        f"{future} GRANT USAGE, SELECT ON SEQUENCES TO {{app}}",
    ):
        cursor.execute(sql.SQL(statement).format(**names))
