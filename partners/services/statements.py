"""Issuing statements: once for each closed month, all of them together, never again."""

from datetime import date

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.scope import all_rows
from events.choices import EventName
from events.services import NewEvent, events_record
from ledger.selectors import closed_months, last_seal
from partners.errors import StatementError
from partners.models import Statement, StatementMonth
from partners.selectors import merkle
from partners.selectors.statements import month_before, month_leaves, statement_leaves, statements_drafted


@transaction.atomic
def statements_issue(*, month: date) -> StatementMonth:
    """Issue every party's statement of a closed month, named by its first day; an issued month is returned as it is.

    StatementError: the month is not closed, or an earlier closed one is not issued yet. Call it where all rows are
    visible.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('partners.statements'))")
    found = StatementMonth.objects.filter(month=month).first()
    if found is not None:
        return found
    closed = closed_months()
    if month not in closed:
        raise StatementError(
            _("%(month)s is not closed yet; statements follow the close.") % {"month": f"{month:%Y-%m}"}
        )
    issued = set(StatementMonth.objects.values_list("month", flat=True))
    earlier = [one for one in closed if one < month and one not in issued]
    if earlier:
        raise StatementError(
            _("Issue %(month)s first, so that months follow one another.") % {"month": f"{earlier[0]:%Y-%m}"}
        )
    return _issue(month)


def statements_issue_due() -> int:
    """Issue every closed month that was not issued yet, in order; returns how many. Each in its own transaction."""
    with all_rows():
        issued = set(StatementMonth.objects.values_list("month", flat=True))
        due = [month for month in closed_months() if month not in issued]
    for month in due:
        with all_rows():
            statements_issue(month=month)
    return len(due)


def _issue(month: date) -> StatementMonth:
    now = timezone.now()
    drafted = statements_drafted(month=month)
    roots = {key: merkle.root(statement_leaves(body)) for key, body in drafted.items()}
    seal, digest = last_seal()
    before = month_before(month)
    previous = before.root if before else ""
    numbers = [(body["head"]["number"], roots[key]) for key, body in drafted.items()]
    of = StatementMonth.objects.create(
        month=month,
        root=merkle.root(month_leaves(numbers, seal=seal, digest=digest, previous=previous)),
        statements=len(drafted),
        seal_number=seal,
        seal_digest=digest,
        previous=previous,
        issued_at=now,
    )
    rows = Statement.objects.bulk_create(
        [
            Statement(
                of=of,
                place=place,
                number=body["head"]["number"],
                party_id=party,
                currency=currency,
                month=month,
                opening_minor=body["head"]["opening"]["payable"],
                closing_minor=body["head"]["closing"]["payable"],
                lines=len(body["lines"]),
                root=roots[party, currency],
                body=body,
                issued_at=now,
            )
            for place, ((party, currency), body) in enumerate(drafted.items())
        ],
        batch_size=200,
    )
    events_record(
        events=[
            NewEvent(
                name=EventName.STATEMENT_ISSUED,
                key=row.number,
                payload={"statement_id": row.pk, "party_id": row.party_id, "month": f"{month:%Y-%m}"},
            )
            for row in rows
        ]
    )
    return of
