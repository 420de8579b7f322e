"""Who can be paid at a cut-off, how much, and why others are not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.db import connection
from django.utils import timezone

from accounts.models import Party
from accounts.selectors import payout_details_now
from ledger.choices import ItemState, LeftOut
from ledger.errors import NoRateError
from ledger.models import PayoutHold, PayoutItem
from ledger.money import pct
from ledger.selectors.balances import party_balances
from ledger.selectors.rates import RateTable, RateUsed, converted_at, rate_table


@dataclass(frozen=True, slots=True)
class RunTerms:
    """What a run pays by, in minor units of its currency."""

    currency: str
    cut_off: datetime
    minimum: int = 0
    increment: int = 1
    withholding_bp: int = 0


@dataclass(frozen=True, slots=True)
class Payable:
    """One party at a cut-off: what it is paid, or (`reason`) why nothing. `available` may be negative."""

    party_id: int
    available: int
    reason: str = ""
    amount: int = 0
    withheld: int = 0
    sent_currency: str = ""
    sent: int = 0
    rate: str = ""
    rate_day: date | None = None
    rate_source: str = ""
    details_id: int | None = None

    @property
    def state(self) -> ItemState:
        """What an item of it begins as."""
        return ItemState.INELIGIBLE if self.reason else ItemState.PROPOSED


def payables(*, terms: RunTerms, parties: Collection[int] | None = None, but_run: int | None = None) -> list[Payable]:
    """Say for every party with something available, or too little, what a run would pay it; in a few queries.

    `but_run`: items of that run do not count as another payout under way. Call it where all rows are visible.
    """
    balances = party_balances(parties=parties, at=terms.cut_off, visible_to=None)
    available = {row.party_id: row.available for row in balances if row.currency == terms.currency and row.available}
    facts = _Facts.read(terms, list(available), but_run)
    return [facts.payable(party, amount) for party, amount in available.items()]


def unsettled_lines(*, currency: str, cut_off: datetime, parties: Collection[int]) -> dict[int, int]:
    """How many postings a payout at `cut_off` would settle, by party."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT p.party_id, count(*) FROM ledger_posting p
            JOIN ledger_account a ON a.id = p.account_id AND a.code NOT LIKE 'party:%%:%%'
            JOIN ledger_journalentry e ON e.id = p.entry_id AND e.kind <> 'payout'
            WHERE p.party_id = ANY (%s) AND p.currency = %s AND (p.matures_at IS NULL OR p.matures_at <= %s)
                AND NOT EXISTS (SELECT 1 FROM ledger_payoutclaim c WHERE c.posting_id = p.id)
            GROUP BY p.party_id
            """,
            [sorted(parties), currency, cut_off],
        )
        return dict(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class _Facts:
    """What decides about parties beside their balance, read for all of them at once."""

    terms: RunTerms
    parties: dict[int, Party]
    details: dict[int, int]
    held: frozenset[int]
    elsewhere: frozenset[int]
    refused: frozenset[int]
    rates: dict[str, RateTable]

    @classmethod
    def read(cls, terms: RunTerms, ids: Sequence[int], but_run: int | None) -> "_Facts":
        parties = Party.objects.in_bulk(ids)
        details = {party: row.pk for party, row in payout_details_now(party_ids=ids).items()}
        items = PayoutItem.objects.filter(party__in=ids, currency=terms.currency).exclude(run=but_run)
        live = items.filter(state__in=[ItemState.PROPOSED, ItemState.APPROVED])
        ended = items.filter(state__in=[ItemState.SENT, ItemState.ARRIVED, ItemState.FAILED])
        last = ended.order_by("party", "-pk").distinct("party").values_list("party", "state", "details")
        others = {party.currency for party in parties.values()} - {terms.currency}
        day = timezone.localtime(terms.cut_off).date()
        return cls(
            terms,
            parties,
            details,
            held=frozenset(PayoutHold.objects.filter(party__in=ids, lifted_at=None).values_list("party_id", flat=True)),
            elsewhere=frozenset(live.values_list("party_id", flat=True)),
            refused=frozenset(p for p, state, to in last if state == ItemState.FAILED and details.get(p) == to),
            rates={quote: rate_table(quote=quote, bases=[terms.currency], until=day) for quote in others},
        )

    def payable(self, party: int, available: int) -> Payable:
        found = Payable(party, available, details_id=self.details.get(party), sent_currency=self.terms.currency)
        reason = self._reason(party, available)
        if reason:
            return replace(found, reason=str(reason))
        amount = available // self.terms.increment * self.terms.increment
        withheld = pct(amount, self.terms.withholding_bp)
        currency = self.parties[party].currency
        found = replace(found, amount=amount, withheld=withheld, sent=amount - withheld)
        if currency == self.terms.currency:
            return found
        try:
            rate = self._rate(currency)
        except NoRateError:
            return replace(found, reason=str(LeftOut.NO_RATE), amount=0, withheld=0, sent=0)
        sent = converted_at(amount_minor=amount - withheld, base=self.terms.currency, quote=currency, rate=rate)
        return replace(
            found, sent_currency=currency, sent=sent, rate=rate.rate, rate_day=rate.day, rate_source=rate.source
        )

    def _reason(self, party: int, available: int) -> LeftOut | None:
        """The first thing that stands in the way."""
        checks = (
            (LeftOut.NEGATIVE, available < 0),
            (LeftOut.MINIMUM, available < max(self.terms.minimum, self.terms.increment)),
            (LeftOut.ELSEWHERE, party in self.elsewhere),
            (LeftOut.CLOSED, self.parties[party].closed_at is not None),
            (LeftOut.ON_HOLD, party in self.held),
            (LeftOut.NO_DETAILS, party not in self.details),
            (LeftOut.REFUSED, party in self.refused),
        )
        return next((reason for reason, holds in checks if holds), None)

    def _rate(self, currency: str) -> RateUsed:
        return self.rates[currency].rate(self.terms.currency, timezone.localtime(self.terms.cut_off).date())
