"""Migration operations that every floor uses: forced row-level security, tables that only grow."""

from typing import Any

from django.conf import settings
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

PARTIES = "ANY ((SELECT string_to_array(nullif(current_setting('app.parties', true), ''), ','))::bigint[])"
"""SQL for "one of the reader's parties"; as a sub-select so that PostgreSQL evaluates it once a query."""

EVERYTHING = "(SELECT current_setting('app.scope', true)) = 'all'"


_AS_OWNER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"
"""Trigger functions see all rows: one that saw some of them would accept what it should refuse."""


class _SqlOperation(Operation):
    """An operation that only runs SQL and leaves Django's state alone."""

    reduces_to_sql = True
    reversible = True

    def forward_sql(self) -> list[str]:
        """Statements that apply it."""
        raise NotImplementedError

    def backward_sql(self) -> list[str]:
        """Statements that undo it."""
        raise NotImplementedError

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Nothing changes in Django's eyes."""

    def database_forwards(
        self,
        app_label: str,  # noqa: ARG002 - Django calls with these names
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: Any,  # noqa: ARG002
        to_state: Any,  # noqa: ARG002
    ) -> None:
        """Run the statements."""
        for statement in self.forward_sql():
            schema_editor.execute(statement, params=None)

    def database_backwards(
        self,
        app_label: str,  # noqa: ARG002 - Django calls with these names
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: Any,  # noqa: ARG002
        to_state: Any,  # noqa: ARG002
    ) -> None:
        """Run the statements that undo it."""
        for statement in self.backward_sql():
            schema_editor.execute(statement, params=None)


class RowSecurity(_SqlOperation):
    """Force row-level security on a table.

    `visible` is an SQL condition on a row for readers of the portal, for example
    `f"party_id = {PARTIES}"` or an EXISTS over a table that carries row security itself.
    The owner of the table (migrations, proofs) sees all rows by a policy of its own.
    """

    def __init__(self, table: str, visible: str) -> None:
        self.table = table
        self.visible = visible

    def forward_sql(self) -> list[str]:
        """Two policies, enabled and forced."""
        condition = f"{EVERYTHING} OR ({self.visible})"
        return [
            f'ALTER TABLE "{self.table}" ENABLE ROW LEVEL SECURITY',
            f'ALTER TABLE "{self.table}" FORCE ROW LEVEL SECURITY',
            f'CREATE POLICY owner_sees_all ON "{self.table}" TO CURRENT_USER USING (true) WITH CHECK (true)',
            f'CREATE POLICY reader_sees_own ON "{self.table}" USING ({condition}) WITH CHECK ({condition})',
        ]

    def backward_sql(self) -> list[str]:
        """Drop the policies."""
        return [
            f'DROP POLICY reader_sees_own ON "{self.table}"',
            f'DROP POLICY owner_sees_all ON "{self.table}"',
            f'ALTER TABLE "{self.table}" NO FORCE ROW LEVEL SECURITY',
            f'ALTER TABLE "{self.table}" DISABLE ROW LEVEL SECURITY',
        ]

    def describe(self) -> str:
        """One line for `migrate`."""
        return f"Force row-level security on {self.table}"


class NarrowRowSecurity(_SqlOperation):
    """Show readers of the portal fewer rows (or more) than `RowSecurity` did: `before` is what it was given."""

    def __init__(self, table: str, *, visible: str, before: str) -> None:
        self.table = table
        self.visible = visible
        self.before = before

    def forward_sql(self) -> list[str]:
        """The policy with another condition."""
        return [self._policy(self.visible)]

    def backward_sql(self) -> list[str]:
        """The policy as it was."""
        return [self._policy(self.before)]

    def _policy(self, visible: str) -> str:
        condition = f"{EVERYTHING} OR ({visible})"
        return f'ALTER POLICY reader_sees_own ON "{self.table}" USING ({condition}) WITH CHECK ({condition})'

    def describe(self) -> str:
        """One line for `migrate`."""
        return f"Change what row-level security shows of {self.table}"


class RefuseChangeFunction(_SqlOperation):
    """The trigger function behind `AppendOnly`; installed once, by the first migration of accounts."""

    def forward_sql(self) -> list[str]:
        """Create it."""
        return [
            """
            CREATE FUNCTION tributary_refuse_change() RETURNS trigger LANGUAGE plpgsql
            SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
            BEGIN
                RAISE EXCEPTION 'Rows of % are never changed or removed; book a new row that points at the old one.',
                    TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
            END $$
            """
        ]

    def backward_sql(self) -> list[str]:
        """Drop it."""
        return ["DROP FUNCTION tributary_refuse_change()"]

    def describe(self) -> str:
        """One line for `migrate`."""
        return "Create the function that refuses changes"


class AppendOnly(_SqlOperation):
    """Let a table only grow: triggers refuse UPDATE, DELETE and TRUNCATE, and the role `app` loses the right to them.

    With `unless`, an SQL condition on OLD, rows that meet it may still change (drafts of agreements).
    Then the grants stay and the trigger alone decides.
    """

    def __init__(self, table: str, unless: str = "") -> None:
        self.table = table
        self.unless = unless

    def forward_sql(self) -> list[str]:
        """Two triggers, and the revoked rights."""
        when = f"WHEN (NOT ({self.unless}))" if self.unless else ""
        refuse = "EXECUTE FUNCTION tributary_refuse_change()"
        statements = [
            f'CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE ON "{self.table}" FOR EACH ROW {when} {refuse}',
            f'CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON "{self.table}" FOR EACH STATEMENT {refuse}',
        ]
        if not self.unless:
            statements.append(f'REVOKE UPDATE, DELETE, TRUNCATE ON "{self.table}" FROM "{_app_role()}"')
        return statements

    def backward_sql(self) -> list[str]:
        """Drop the triggers, give the rights back."""
        return [
            f'DROP TRIGGER refuse_change ON "{self.table}"',
            f'DROP TRIGGER refuse_truncate ON "{self.table}"',
            f'GRANT UPDATE, DELETE ON "{self.table}" TO "{_app_role()}"',
        ]

    def describe(self) -> str:
        """One line for `migrate`."""
        return f"Let {self.table} only grow"


class KeysByStatement(_SqlOperation):
    """Foreign keys of an append-only table, asked for once a statement instead of once a row.

    `keys`: the table that each column points at. As a foreign key does, an insert locks the rows that it names against
    removal (FOR KEY SHARE), each once however many rows name it, and nobody removes or numbers anew what is named. The
    fields say `db_constraint=False`. Where a snapshot is older than the rows it should see, removals are refused.
    """

    def __init__(self, table: str, keys: dict[str, str]) -> None:
        self.table = table
        self.keys = keys

    def forward_sql(self) -> list[str]:
        """A trigger on the table, and one on each table that it points at."""
        asked = "".join(self._asked(column, parent) for column, parent in self.keys.items())
        statements = [
            f"""
            CREATE FUNCTION {self.table}_check_keys() RETURNS trigger {_AS_OWNER} SET enable_seqscan = off AS $$
            DECLARE
                asked bigint[];
                held bigint;
            BEGIN{asked}
                RETURN NULL;
            END $$
            """,
            f"""
            CREATE TRIGGER {self.table}_keys AFTER INSERT ON "{self.table}"
            REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION {self.table}_check_keys()
            """,
        ]
        for column, parent in self.keys.items():
            name = self._name(column)
            statements += [
                self._kept(name, column),
                f"""
                CREATE TRIGGER {name} AFTER DELETE OR UPDATE OF id ON "{parent}"
                FOR EACH ROW EXECUTE FUNCTION {name}()
                """,
            ]
        return statements

    def backward_sql(self) -> list[str]:
        """Drop the triggers and their functions."""
        statements = [
            f'DROP TRIGGER {self._name(column)} ON "{parent}"; DROP FUNCTION {self._name(column)}()'
            for column, parent in self.keys.items()
        ]
        return [
            f'DROP TRIGGER {self.table}_keys ON "{self.table}"; DROP FUNCTION {self.table}_check_keys()',
            *statements,
        ]

    def describe(self) -> str:
        """One line for `migrate`."""
        return f"Ask for the keys of {self.table} once a statement"

    def _name(self, column: str) -> str:
        return f"{self.table}_{column}_kept"

    def _asked(self, column: str, parent: str) -> str:
        return f"""
                asked := ARRAY(SELECT DISTINCT f.{column} FROM fresh f WHERE f.{column} IS NOT NULL);
                SELECT count(*) INTO held
                FROM (SELECT FROM public.{parent} p WHERE p.id = ANY (asked) FOR KEY SHARE) h;
                IF held < cardinality(asked) THEN
                    RAISE EXCEPTION 'Rows of {self.table} name a {column} that is not in {parent}.'
                        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = '{self._name(column)}';
                END IF;"""  # noqa: S608 - names of tables and columns from migrations

    def _kept(self, name: str, column: str) -> str:
        return f"""
            CREATE FUNCTION {name}() RETURNS trigger {_AS_OWNER} AS $$
            BEGIN
                IF TG_OP = 'UPDATE' AND NEW.id = OLD.id THEN
                    RETURN NULL;
                END IF;
                IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
                    RAISE EXCEPTION 'Rows of % are removed in transactions that read what is committed.', TG_TABLE_NAME
                        USING ERRCODE = 'feature_not_supported', CONSTRAINT = '{name}';
                END IF;
                IF EXISTS (SELECT FROM public.{self.table} c WHERE c.{column} = OLD.id) THEN
                    RAISE EXCEPTION 'Row % of % is named by {self.table}.{column}.', OLD.id, TG_TABLE_NAME
                        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = '{name}';
                END IF;
                RETURN NULL;
            END $$
            """


class RefreshAuditView(_SqlOperation):
    """Put every event table that exists by now (`accounts.audit.tracked`) into the view behind `AuditEntry`."""

    def forward_sql(self) -> list[str]:
        """Rebuild the view from the catalogue of columns."""
        return [
            "DROP VIEW IF EXISTS accounts_auditentry",
            """
            DO $$
            DECLARE
                body text;
            BEGIN
                SELECT string_agg(format(
                    $sql$SELECT %1$L || ':' || e.pgh_id AS id, %1$L::text AS source, e.pgh_id AS number,
                        e.pgh_created_at AS at, e.pgh_label AS label, e.pgh_obj_id::bigint AS object_id,
                        (e.pgh_context ->> 'actor')::bigint AS actor_id, coalesce(e.pgh_context ->> 'url', '') AS url,
                        e.pgh_context AS context,
                        to_jsonb(e) - '{pgh_id,pgh_created_at,pgh_label,pgh_obj_id,pgh_context}'::text[] AS data
                    FROM public.%1$I e$sql$, table_name), ' UNION ALL ' ORDER BY table_name)
                INTO body
                FROM information_schema.columns
                WHERE table_schema = 'public' AND column_name = 'pgh_context' AND data_type = 'jsonb'
                    AND table_name LIKE '%event';
                EXECUTE 'CREATE VIEW public.accounts_auditentry WITH (security_invoker = true) AS ' || body;
            END $$
            """,
            f'REVOKE ALL ON accounts_auditentry FROM "{_app_role()}"',
            f'GRANT SELECT ON accounts_auditentry TO "{_app_role()}"',
        ]

    def backward_sql(self) -> list[str]:
        """Drop the view; the tables that it shows may be going."""
        return ["DROP VIEW IF EXISTS accounts_auditentry"]

    def describe(self) -> str:
        """One line for `migrate`."""
        return "Show every event table in the audit trail"


def _app_role() -> str:
    return str(settings.DATABASES["default"]["USER"])
