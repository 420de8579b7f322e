"""All that a batch of sales needs to know, read in a constant number of queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from accounts.columns import numbers, texts
from accounts.statements import Statement, fetch
from ledger.selectors import BookRule, book_rule
from partners.choices import MembershipState
from partners.selectors.terms import HOUSE_RULE, ValidVersion, Versions, party_codes, valid_at, valid_versions
from partners.selectors.weighing import Weighing, weighing_of
from partners.services.facts import SaleFacts, SaleLine


@dataclass(frozen=True, slots=True)
class LineTerms:
    """What one line is settled under. `version` None: no agreement was in force."""

    version: ValidVersion | None
    rule: BookRule
    party_ids: tuple[int, ...]
    asked: Weighing | None


@dataclass(slots=True)
class Context:
    """The rows behind a batch of sales."""

    versions: Versions
    codes: Mapping[int, str]
    ids: Mapping[str, int]
    own: Mapping[int, frozenset[int]]
    members: frozenset[int]
    kinds: Mapping[int, str]
    _terms: dict[int | None, LineTerms] = field(default_factory=dict)

    def terms_of(self, sale: SaleFacts, line: SaleLine) -> LineTerms:
        """The version in force for a line at the instant of its order, with its rule read."""
        version = valid_at(self.versions[line.item_kind, line.item_id], sale.placed_at)
        key = version.pk if version else None
        found = self._terms.get(key)
        if found is None:
            rule = version.book if version else book_rule(body=HOUSE_RULE)
            parties = tuple(self.ids[code] for code in party_codes(rule.rule)) if version else ()
            found = self._terms[key] = LineTerms(version, rule, parties, weighing_of(version) if version else None)
        return found

    def buyers_parties(self, sale: SaleFacts) -> frozenset[int]:
        """Parties in which the buyer has a seat."""
        return self.own.get(sale.buyer_id, frozenset()) if sale.buyer_id is not None else frozenset()


def context_of(sales: Sequence[SaleFacts], *, versions: Versions | None) -> Context:
    """Hold the agreements against a change of their ranges, then read versions, parties, seats, members, channels.

    `versions` were held before in this transaction.
    """
    held: Versions = versions or {}
    missing = {(line.item_kind, line.item_id) for sale in sales for line in sale.lines} - held.keys()
    if missing:
        held = {**held, **valid_versions(items=missing, hold=True)}
    named = {code for rows in held.values() for row in rows for code in party_codes(row.book.rule)}
    named |= {sale.discount_bearer.split(":")[1] for sale in sales if sale.discount_bearer.startswith("party:")}
    return _read(sales, held, named)


_ROWS = Statement(
    "rows_of_sales",
    """
    SELECT 'party', p.id, p.code,
        (SELECT m.id FROM partners_membership m WHERE m.party_id = p.id AND m.state = %(approved)s) IS NOT NULL, NULL
    FROM accounts_party p WHERE p.code = ANY (%(codes)s::text[]) OR p.id = ANY (%(parties)s::bigint[])
    UNION ALL SELECT 'seat', user_id, NULL, NULL, party_id FROM accounts_seat WHERE user_id = ANY (%(buyers)s::bigint[])
    UNION ALL SELECT 'channel', id, kind, NULL, NULL FROM partners_channel WHERE id = ANY (%(channels)s::bigint[])
    """,
)
"""Parties, and whether each is an approved member; the parties in which buyers have seats; the kinds of channels."""


def _read(sales: Sequence[SaleFacts], versions: Versions, codes: set[str]) -> Context:
    """Read the rows that the facts name, and parties by code, in one query."""
    channels = {c.channel_id for sale in sales for row in sale.credits.values() for c in row if c.channel_id}
    channels |= {sale.coupon_channel_id for sale in sales if sale.coupon_channel_id}
    named = {
        "approved": MembershipState.APPROVED.value,
        "codes": texts(codes),
        "parties": numbers(set(_party_ids(sales))),
        "buyers": numbers({sale.buyer_id for sale in sales if sale.buyer_id is not None}),
        "channels": numbers(channels),
    }
    parties: dict[int, tuple[str, bool]] = {}
    seats: dict[int, set[int]] = {}
    kinds: dict[int, str] = {}
    for what, pk, text, member, party in fetch((_ROWS, named)):
        if what == "party":
            parties[pk] = text, member
        elif what == "seat":
            seats.setdefault(pk, set()).add(party)
        else:
            kinds[pk] = text
    return Context(
        versions=versions,
        codes={pk: code for pk, (code, _member) in parties.items()},
        ids={code: pk for pk, (code, _member) in parties.items()},
        own={user: frozenset(those) for user, those in seats.items()},
        members=frozenset(pk for pk, (_code, member) in parties.items() if member),
        kinds=kinds,
    )


def _party_ids(sales: Sequence[SaleFacts]) -> Iterable[int]:
    """Every party that the facts name."""
    for sale in sales:
        for parts in sale.credits.values():
            yield from (credit.owner_id for credit in parts if credit.owner_id is not None)
        yield from (pk for pk in (sale.link_owner_id, sale.coupon_owner_id) if pk is not None)
        yield from sale.touched
        yield from sale.flagged
        for line in sale.lines:
            yield from line.item_party_ids
