"""Days in the books: all of them follow one calendar."""

from django.conf import settings

from ledger.selectors.proofs.registry import Proof, register


def days_sql(zone: str) -> str:
    """Return the entries whose day in the books is not the one that a time zone gives: (row, what).

    That day is the day of the entry's instant, or, where that month or a later one was closed by then, the day on which
    it was booked.
    """
    quoted = zone.replace("'", "''")
    return f"""
        SELECT 'entry ' || e.id, 'stands on ' || e.booked_on || ', by the calendar of {quoted} it happened on ' || d.day
        FROM ledger_journalentry e
        CROSS JOIN LATERAL (SELECT (e.occurred_at AT TIME ZONE '{quoted}')::date AS day) d
        WHERE e.booked_on <> d.day AND NOT (
            e.booked_on = (e.recorded_at AT TIME ZONE '{quoted}')::date
            AND EXISTS (SELECT 1 FROM ledger_closedperiod c WHERE c.month >= date_trunc('month', d.day)::date))
        """  # noqa: S608 - only the setting of the time zone is put in


register(
    Proof(
        "I9-days",
        "Every entry stands on the day of its instant, or on that of its booking where the month was closed",
        days_sql(settings.TIME_ZONE),
    )
)
