"""Migration operations that every floor uses: forced row-level security, tables that only grow."""

from typing import Any

from django.conf import settings
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

PARTIES = "ANY ((SELECT string_to_array(nullif(current_setting('app.parties', true), ''), ','))::bigint[])"
"""SQL for "one of the reader's parties"; as a sub-select so that PostgreSQL evaluates it once a query."""

EVERYTHING = "(SELECT current_setting('app.scope', true)) = 'all'"


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
