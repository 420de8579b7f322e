"""What stands behind an entry: the seal that covers it, and the last time that all of the books were looked over."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from ledger.models import Seal, Verification


@dataclass(frozen=True, slots=True)
class Assurance:
    """`sealed_at` None: no seal covers the entry yet. `verified_at`: the last verification that derived it anew, None
    where none did since it was recorded; `failed`: proofs that did not hold then, of any row of the books.
    """

    seal: int | None
    sealed_at: datetime | None
    verified_at: datetime | None
    failed: int = 0

    @property
    def holds(self) -> bool:
        """Sealed, and verified since with nothing found."""
        return self.sealed_at is not None and self.verified_at is not None and not self.failed

    @property
    def verified_today(self) -> bool:
        """Whether that was on the day of the house that is running now."""
        return self.verified_at is not None and timezone.localdate(self.verified_at) == timezone.localdate()


def assurance_of(*, entry_id: int, recorded_at: datetime) -> Assurance:
    """Say what stands behind an entry; two queries. Call it where all rows are visible."""
    seal = Seal.objects.filter(upto_entry__gte=entry_id).order_by("number").only("number", "sealed_at").first()
    verified = (
        Verification.objects.filter(entries__isnull=False, started_at__gte=recorded_at)
        .order_by("-started_at")
        .values_list("finished_at", "failed")
        .first()
    )
    return Assurance(
        seal=seal.number if seal else None,
        sealed_at=seal.sealed_at if seal else None,
        verified_at=verified[0] if verified else None,
        failed=verified[1] if verified else 0,
    )
