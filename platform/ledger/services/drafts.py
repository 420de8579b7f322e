"""What a caller hands over to be booked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from ledger.selectors.body import PostingBody


class PostingDraft(NamedTuple):
    """One posting to be: positive credits, negative debits `account`, in minor units of `currency`.

    `line` is the order line, `clause` the path of what put it there. `matures_at` None: it counts at once.
    """

    account: str
    amount: int
    currency: str
    line: str = ""
    clause: str = ""
    matures_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """One entry to be, booked once per (kind, source_kind, source_id). `inputs` and `trace` are plain data.

    `in_order`: in the inputs the names of every object stand as `jsonb` has them.
    """

    kind: str
    source_kind: str
    source_id: str
    occurred_at: datetime
    postings: Sequence[PostingDraft | PostingBody]
    inputs: dict[str, Any]
    trace: Any = ()
    reverses_id: int | None = None
    actor_id: int | None = None
    in_order: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it happen once."""
        return self.kind, self.source_kind, self.source_id


@dataclass(frozen=True, slots=True)
class PostedEntry:
    """A booked entry; `created` is false where it had been booked before with the same body."""

    id: int
    created: bool
