"""What decisions point at is asked for once a statement, and as firmly as foreign keys would ask."""

from typing import Any

import pytest
from django.db import IntegrityError, NotSupportedError, OperationalError, connections, transaction
from django.db.backends.utils import CursorWrapper

from accounts.scope import all_rows
from partners.models import EarningDecision
from partners.services import earnings_settle
from tests.partners import desk
from tests.partners.stage import Stage

COPY = """
INSERT INTO partners_earningdecision (source_kind, source_id, party_id, version_id, channel_id, reason, amount_minor,
    currency, list_minor, discount_minor, tax_minor, paid_minor, order_code, item_kind, item_id, item_title,
    item_title_zh, placed_at, matures_at, decided_at)
SELECT 'order_line', 'copy', coalesce(%(party)s, party_id), coalesce(%(version)s, version_id),
    coalesce(%(channel)s, channel_id), reason, 0, currency, 0, 0, 0, 0, order_code, item_kind, item_id, '', '',
    placed_at,
    matures_at, decided_at
FROM partners_earningdecision WHERE id = %(id)s
"""
NOBODY = 2**40


def copied(cursor: CursorWrapper, row: EarningDecision, **named: int) -> None:
    """Write a decision again that names other rows."""
    cursor.execute(COPY, {"party": None, "version": None, "channel": None, "id": row.pk, **named})


def test_what_a_decision_names_is_there_and_stays(committed_db: str) -> None:
    with all_rows():
        stage = Stage()
        earnings_settle(sales=[stage.sale(journey={"reef": 1_000_000})])
        row = EarningDecision.objects.filter(party=stage.reef).get()
        spare = desk.channel("spare")
    owner = connections["owner"]
    with owner.cursor() as cursor:
        for named in ("party", "version", "channel"):
            with pytest.raises(IntegrityError, match=f"{named}_id that is not in"), transaction.atomic("owner"):
                copied(cursor, row, **{named: NOBODY})
        with pytest.raises(IntegrityError, match=r"is named by partners_earningdecision\.channel_id"):
            cursor.execute("DELETE FROM partners_channel WHERE id = %s", [stage.channels["reef"].pk])
        with pytest.raises(IntegrityError, match=r"named by partners_earningdecision\.party_id"):
            cursor.execute("UPDATE accounts_party SET id = %s WHERE id = %s", [NOBODY, stage.reef.pk])
    _nobody_removes_what_is_being_named(row, spare)
    with owner.cursor() as cursor, transaction.atomic("owner"):
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with pytest.raises(NotSupportedError, match="read what is committed"), transaction.atomic("owner"):
            cursor.execute("DELETE FROM partners_channel WHERE id = %s", [spare.pk])
    with owner.cursor() as cursor:
        cursor.execute("DELETE FROM partners_channel WHERE id = %s", [spare.pk])
        assert cursor.rowcount == 1


def _nobody_removes_what_is_being_named(row: EarningDecision, spare: Any) -> None:
    """Who removes a channel waits for a decision that names it and is not committed yet."""
    with transaction.atomic(), all_rows():
        with connections["default"].cursor() as cursor:
            copied(cursor, row, channel=spare.pk)
        with connections["owner"].cursor() as other, transaction.atomic("owner"):
            other.execute("SET LOCAL lock_timeout = '100ms'")
            with pytest.raises(OperationalError, match="lock timeout"), transaction.atomic("owner"):
                other.execute("DELETE FROM partners_channel WHERE id = %s", [spare.pk])
        transaction.set_rollback(True)
