"""Imports: the batch that rows carry, and which row of which file became which row of ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.audit import acting
from accounts.choices import BatchState
from accounts.errors import BatchReversed
from accounts.models import ImportBatch, ImportedRow, User


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImportedRow:
    """Where one row of a file went. `digest` is the hash of its cells; `row_number` counts from 1 after the header."""

    kind: str
    external_id: str
    file: str
    row_number: int
    target_kind: str
    target_id: str
    digest: str


def batch_open(*, source: str, actor: User | None = None) -> ImportBatch:
    """Begin an import; its rows carry the batch from the start."""
    return ImportBatch.objects.create(source=source, actor=actor, state=BatchState.COMMITTED)


def batch_close(*, batch: ImportBatch, receipt: dict[str, Any]) -> ImportBatch:
    """Keep the receipt with the batch."""
    batch.receipt = receipt
    batch.save(update_fields=["receipt"])
    return batch


@transaction.atomic
def batch_reverse_mark(*, batch: ImportBatch, actor: User | None = None, at: datetime | None = None) -> ImportBatch:
    """Mark a batch and all its rows as withdrawn, so that the files may be imported again. Raises BatchReversed.

    It only marks: booking the voids is the importer's work, in the same transaction.
    """
    locked = ImportBatch.objects.select_for_update().get(pk=batch.pk)
    if locked.state == BatchState.REVERSED:
        raise BatchReversed
    locked.state, locked.reversed_at = BatchState.REVERSED, at or timezone.now()
    with acting(actor=actor.pk if actor else None):
        locked.save(update_fields=["state", "reversed_at"])
        ImportedRow.objects.filter(batch=locked).update(withdrawn=True)
    return locked


def imported_rows_record(*, batch: ImportBatch, rows: Sequence[NewImportedRow]) -> int:
    """Record rows in one query; how many. IntegrityError when one of them is in a live batch of the same source."""
    ImportedRow.objects.bulk_create(
        ImportedRow(
            batch=batch,
            source=batch.source,
            kind=row.kind,
            external_id=row.external_id,
            file=row.file,
            row_number=row.row_number,
            target_kind=row.target_kind,
            target_id=row.target_id,
            digest=row.digest,
        )
        for row in rows
    )
    return len(rows)
