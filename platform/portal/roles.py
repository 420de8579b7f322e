"""The two database roles and what a database needs before its first migration, as SQL on a DB-API cursor.

owner: migrations, proofs, erasure. app: web and workers; it may use what owner creates, and nothing else. Neither is a
superuser and neither passes by row-level security. Every statement may be run again.
"""

from typing import Any

from psycopg2 import sql

EXTENSIONS = ("btree_gist", "pg_trgm", "hstore", "vector")
PLAIN = "LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS"
VERSION = 1  # raise it when the statements below change, so that embedded databases are prepared again


def create_role(cursor: Any, role: str, *, password: str | None) -> None:
    """Create `role`, or bring it to the attributes that it must have; None leaves its password alone."""
    cursor.execute(
        "SELECT rolcanlogin AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls) "
        "FROM pg_roles WHERE rolname = %s",
        [role],
    )
    row = cursor.fetchone()
    # A managed server's admin may create a plain role but not alter such attributes, so a plain one is left alone.
    if row is None or not row[0]:
        verb = "ALTER" if row else "CREATE"
        cursor.execute(sql.SQL(f"{verb} ROLE {{}} {PLAIN}").format(sql.Identifier(role)))
    if password is not None:
        cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(password)))


def join_owner(cursor: Any, owner: str) -> None:
    """Let the admin act for `owner` (make its database, set its default grants), where it is no superuser."""
    cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    if not cursor.fetchone()[0]:
        cursor.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner)))


def create_database(cursor: Any, name: str, *, owner: str) -> bool:
    """Create database `name` unless it is there; true when it was created. Outside a transaction."""
    cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
    if cursor.fetchone():
        return False
    cursor.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(owner)))
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
