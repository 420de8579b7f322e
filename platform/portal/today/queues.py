"""What waits, queue by queue, and for whom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.choices import Role
from accounts.models import User
from accounts.rules import MATRIX, may
from accounts.selectors import Waiting
from courses.selectors import waiting as orders
from events.selectors import deliveries_parked
from ledger.selectors import waiting as books
from partners.selectors import waiting as programme

Count = Callable[[User], Waiting]


@dataclass(frozen=True, slots=True)
class _Kind:
    """A queue: how it is counted, what it is called, whose rows they are, and what a person must be allowed to do."""

    count: Count
    title: str | Promise
    model: str
    action: str
    query: tuple[tuple[str, str], ...] = ()
    page: str = ""


_KINDS: Sequence[_Kind] = (
    _Kind(
        books.runs_waiting,
        _("Payout runs to be approved"),
        "ledger.payoutrun",
        "approve",
        (("state__exact", "waiting"),),
    ),
    _Kind(
        orders.refunds_requested,
        _("Refunds to be decided"),
        "courses.refund",
        "approve",
        (("state__exact", "requested"),),
    ),
    _Kind(orders.disputes_open, _("Disputes to be answered"), "courses.dispute", "change", (("state__exact", "open"),)),
    _Kind(programme.claims_overdue, _("Claims overdue"), "partners.claim", "decide"),
    _Kind(programme.claims_soon, _("Claims due within two days"), "partners.claim", "decide"),
    _Kind(
        programme.claims_to_decide,
        _("Claims to be decided"),
        "partners.claim",
        "decide",
        (("state__exact", "review"),),
    ),
    _Kind(
        programme.claims_appealed,
        _("Appeals to be decided"),
        "partners.claim",
        "decide",
        (("state__exact", "appealed"),),
    ),
    _Kind(
        programme.claims_to_confirm,
        _("Accepted claims to be confirmed"),
        "partners.claim",
        "confirm",
        (("state__exact", "confirming"),),
    ),
    _Kind(
        programme.adjustments_requested,
        _("Adjustments to be approved"),
        "partners.adjustment",
        "approve",
        (("state__exact", "requested"),),
    ),
    _Kind(
        programme.versions_accepted,
        _("Agreements to be put in force"),
        "partners.agreementversion",
        "approve",
        (("state__exact", "accepted"),),
    ),
    _Kind(
        programme.versions_proposed,
        _("Agreements that a party has not answered"),
        "partners.agreementversion",
        "propose",
        (("state__exact", "proposed"),),
    ),
    _Kind(programme.leaves_asked, _("Co-creators who want to leave"), "partners.agreementversion", "propose"),
    _Kind(
        programme.advances_prepared,
        _("Advances to be paid"),
        "partners.advance",
        "approve",
        (("state__exact", "prepared"),),
    ),
    _Kind(
        programme.guarantees_proposed,
        _("Guarantees to be approved"),
        "partners.guarantee",
        "approve",
        (("approved_by__isempty", "1"),),
    ),
    _Kind(
        programme.creators_applied,
        _("Creators who want to join"),
        "partners.creator",
        "change",
        (("state__exact", "applied"),),
    ),
    _Kind(
        programme.partners_applied,
        _("Partners who want to join"),
        "partners.partner",
        "change",
        (("state__exact", "applied"),),
    ),
    _Kind(
        books.payouts_on_their_way,
        _("Payouts on their way"),
        "ledger.payoutrun",
        "send",
        (("state__exact", "done"),),
    ),
    _Kind(books.payouts_refused, _("Payouts that came back"), "ledger.payoutrun", "send", (("state__exact", "done"),)),
    _Kind(books.holds_placed, _("Payouts on hold"), "ledger.payouthold", "place", (("lifted_at__isempty", "1"),)),
    _Kind(
        books.months_to_close,
        _("Months to be closed"),
        "ledger.closedperiod",
        "close",
        page="admin:ledger_closedperiod_open",
    ),
    _Kind(
        lambda _reader: deliveries_parked(),
        _("News that could not be handled"),
        "events.delivery",
        "retry",
        (("state__exact", "parked"),),
    ),
)


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits of one kind, where it is worked on, and who can: the reader, or people of these roles."""

    title: str | Promise
    url: str
    count: int
    since: datetime | None
    own: int
    yours: bool
    roles: list[str | Promise]


def queues_of(reader: User) -> list[Queue]:
    """Queues that hold something and that the reader may see, those the reader can work on first."""
    found = [_queue(kind, reader) for kind in _KINDS if may(reader, "view", kind.model)]
    return sorted((queue for queue in found if queue.count), key=lambda queue: not queue.yours)


def _queue(kind: _Kind, reader: User) -> Queue:
    waits = kind.count(reader)
    app, _dot, name = kind.model.partition(".")
    address = reverse(kind.page or f"admin:{app}_{name}_changelist")
    roles = [role for role in Role if kind.action in MATRIX[kind.model].get(str(role), ())]
    return Queue(
        title=kind.title,
        url=f"{address}?{urlencode(kind.query)}" if kind.query else address,
        count=waits.count,
        since=waits.since,
        own=waits.own,
        yours=may(reader, kind.action, kind.model) and waits.count > waits.own,
        roles=[role.label for role in roles],
    )
