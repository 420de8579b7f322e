"""All that a batch of sales needs to know, read in a constant number of queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from django.db import connection

from accounts.models import Party, Seat
from ledger.selectors import BookRule, book_rule
from ledger.splits.rule import ProcessorFee
from partners.choices import MembershipState
from partners.models import AgreementVersion, Channel, Membership
from partners.selectors.terms import HOUSE_RULE, in_force_at, rule_party_codes, versions_by_scope
from partners.services.facts import SaleFacts, SaleLine


@dataclass(frozen=True, slots=True)
class LineTerms:
    """What one line is settled under. `version` None: no agreement was in force."""

    version: AgreementVersion | None
    rule: BookRule
    party_ids: tuple[int, ...]
    pays_channels: bool


@dataclass(slots=True)
class Context:
    """The rows behind a batch of sales."""

    versions: Mapping[tuple[str, str], Sequence[AgreementVersion]]
    codes: Mapping[int, str]
    ids: Mapping[str, int]
    own: Mapping[int, frozenset[int]]
    members: frozenset[int]
    kinds: Mapping[int, str]
    _terms: dict[int | None, LineTerms] = field(default_factory=dict)

    def terms_of(self, sale: SaleFacts, line: SaleLine) -> LineTerms:
        """The version in force for a line at the instant of its order, with its rule read."""
        version = in_force_at(self.versions.get((line.item_kind, line.item_id), ()), sale.placed_at)
        key = version.pk if version else None
        found = self._terms.get(key)
        if found is None:
            raw = version.rule if version else HOUSE_RULE
            rule = book_rule(body=raw)
            pays = any(
                not isinstance(take, ProcessorFee) and take.account == "channel"
                for variant in rule.rule.variants
                for take in variant.takes
            )
            parties = tuple(self.ids[code] for code in rule_party_codes(raw)) if version else ()
            found = self._terms[key] = LineTerms(version, rule, parties, pays)
        return found

    def buyers_parties(self, sale: SaleFacts) -> frozenset[int]:
        """Parties in which the buyer has a seat."""
        return self.own.get(sale.buyer_id, frozenset()) if sale.buyer_id is not None else frozenset()


def context_of(sales: Sequence[SaleFacts]) -> Context:
    """Lock the agreements against a change of their ranges, then read versions, parties, seats, members, channels."""
    items: dict[str, set[str]] = {}
    for sale in sales:
        for line in sale.lines:
            items.setdefault(line.item_kind, set()).add(line.item_id)
    _hold_agreements(items)
    versions = {
        (kind, scope_id): rows
        for kind, ids in items.items()
        for scope_id, rows in versions_by_scope(scope_kind=kind, scope_ids=ids).items()
    }
    named = {code for rows in versions.values() for row in rows for code in rule_party_codes(row.rule)}
    named |= {sale.discount_bearer.split(":")[1] for sale in sales if sale.discount_bearer.startswith("party:")}
    codes = _party_codes(named, set(_party_ids(sales)))
    own: dict[int, set[int]] = {}
    buyers = {sale.buyer_id for sale in sales if sale.buyer_id is not None}
    for user, party in Seat.objects.filter(user__pk__among=buyers).values_list("user_id", "party_id"):
        own.setdefault(user, set()).add(party)
    members = Membership.objects.filter(party__pk__among=codes, state=MembershipState.APPROVED)
    channels = {c.channel_id for sale in sales for row in sale.credits.values() for c in row if c.channel_id}
    channels |= {sale.coupon_channel_id for sale in sales if sale.coupon_channel_id}
    return Context(
        versions=versions,
        codes=codes,
        ids={code: pk for pk, code in codes.items()},
        own={user: frozenset(parties) for user, parties in own.items()},
        members=frozenset(members.values_list("party_id", flat=True)),
        kinds=dict(Channel.objects.filter(pk__in=channels).values_list("pk", "kind")),
    )


def _hold_agreements(items: Mapping[str, set[str]]) -> None:
    """Keep `version_put_in_force` waiting until this batch is committed; other batches are not held up."""
    with connection.cursor() as cursor:
        for kind, ids in items.items():
            cursor.execute(
                "SELECT id FROM partners_agreement WHERE scope_kind = %s AND scope_id = ANY (%s) ORDER BY id"
                " FOR KEY SHARE",
                [kind, sorted(ids)],
            )


def _party_ids(sales: Sequence[SaleFacts]) -> Iterable[int]:
    """Every party that the facts name."""
    for sale in sales:
        for parts in sale.credits.values():
            yield from (credit.owner_id for credit in parts if credit.owner_id is not None)
        yield from (pk for pk in (sale.link_owner_id, sale.coupon_owner_id) if pk is not None)
        yield from sale.touched
        for line in sale.lines:
            yield from line.item_party_ids


def _party_codes(codes: set[str], ids: set[int]) -> dict[int, str]:
    rows = Party.objects.filter(code__among=codes) | Party.objects.filter(pk__among=ids)
    return dict(rows.values_list("pk", "code"))
