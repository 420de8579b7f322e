"""Imports: rows are recorded once, a reversed batch frees them."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.errors import BatchReversed
from accounts.models import ImportBatch, ImportedRow
from accounts.selectors import ImportedBefore, imported_before, imported_rows
from accounts.services import NewImportedRow, batch_close, batch_open, batch_reverse_mark, imported_rows_record
from tests.cast import Cast


def row(external_id: str, *, kind: str = "order") -> NewImportedRow:
    return NewImportedRow(
        kind=kind,
        external_id=external_id,
        file="orders.csv",
        row_number=1,
        target_kind="courses.order",
        target_id=f"t-{external_id}",
        digest=f"d-{external_id}",
    )


def test_a_row_is_imported_once_per_source(db: None) -> None:
    batch = batch_open(source="shop")
    assert imported_rows_record(batch=batch, rows=[row("1"), row("2")]) == 2
    with pytest.raises(IntegrityError, match="accounts_imported_once"), transaction.atomic():
        imported_rows_record(batch=batch_open(source="shop"), rows=[row("2")])
    imported_rows_record(batch=batch_open(source="other"), rows=[row("2")])


def test_rows_of_live_imports_are_found_with_what_they_became(db: None) -> None:
    batch = batch_open(source="shop")
    imported_rows_record(batch=batch, rows=[row("1"), row("2"), row("1", kind="person")])
    known = imported_before(source="shop", kind="order", external_ids=["1", "3"])
    assert known == {"1": ImportedBefore(digest="d-1", target_kind="courses.order", target_id="t-1")}
    assert imported_rows(batch=batch, kind="person").count() == 1


def test_a_reversed_batch_frees_its_rows_and_is_reversed_once(cast: Cast) -> None:
    batch = batch_close(batch=batch_open(source="shop", actor=cast.olga), receipt={"read": 1})
    imported_rows_record(batch=batch, rows=[row("1")])
    batch_reverse_mark(batch=batch, actor=cast.olga)
    assert imported_before(source="shop", kind="order", external_ids=["1"]) == {}
    imported_rows_record(batch=batch_open(source="shop"), rows=[row("1")])
    with pytest.raises(BatchReversed):
        batch_reverse_mark(batch=batch, actor=cast.olga)
    stored = ImportBatch.objects.get(pk=batch.pk)
    assert (stored.state, stored.receipt, stored.reversed_at is not None) == ("reversed", {"read": 1}, True)


def test_rows_cost_constant_queries(db: None) -> None:
    batch = batch_open(source="shop")
    with CaptureQueriesContext(connection) as queries:
        imported_rows_record(batch=batch, rows=[row(str(number)) for number in range(500)])
    assert len(queries) == 1
    assert ImportedRow.objects.count() == 500
