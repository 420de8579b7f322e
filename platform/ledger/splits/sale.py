"""What one sale pays to whom: tax, then the steps of the rule on what is left, then the split."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ledger.money import PPM, apportion, pct
from ledger.splits.accounts import CHANNEL, CLEARING, PROCESSOR_FEES, REVENUE, TAX, advance, is_payable, reserve
from ledger.splits.facts import parse_sale
from ledger.splits.lines import LineFacts, Sale
from ledger.splits.rule import Group, Member, Rule, Split, Take, Variant, final_parties


class Posting(NamedTuple):
    """A net change of one account in one currency: positive is credit, negative debit, minor units."""

    account: str
    currency: str
    amount: int


class Detail(NamedTuple):
    """One movement before netting: which order line it belongs to and which clause or fact it comes from.

    `hold_days`: on a sale's payable shares, days of 86,400 s from the order until they count as available. None: it
    counts at once, whenever one asks.
    """

    account: str
    currency: str
    amount: int
    line: str
    clause: str
    hold_days: int | None = None


class Share(NamedTuple):
    """A line of the split: `amount` (> 0, minor units) earned by `account` under the clause at `clause`.

    Clauses of the rule read `steps[1].parties[0]` or `reserve_bp`; the tax, which no rule decides, reads `sale.tax`.
    """

    account: str
    amount: int
    clause: str


class Advance(NamedTuple):
    """A party's open advance: what is still to be recouped, and how much of each share goes to it, in bp."""

    outstanding: int
    recoup_bp: int


class Taken(NamedTuple):
    """What one step did: asked for `wanted` of `before`; `parts` went to its takers (unowned channels: stayed).

    `capped`: per part what a limit kept from it; that stayed too. Empty where no limit was near.
    """

    step: Take | Split
    before: int
    wanted: int
    after: int
    parts: tuple[int, ...]
    capped: tuple[int, ...] = ()


class Refused(NamedTuple):
    """A share of the split that its party may not have (an own purchase): the platform got it under the same clause."""

    account: str
    amount: int
    clause: str


class Recouped(NamedTuple):
    """The part of share number `share` that pays back its party's advance, of `wanted` by rate."""

    share: int
    wanted: int
    amount: int


class LineResult(NamedTuple):
    """One order line under one rule version: its shares in order, and how they came about."""

    facts: LineFacts
    rule: Rule
    variant: Variant
    shares: tuple[Share, ...]
    taken: tuple[Taken, ...]
    recouped: tuple[Recouped, ...]
    refused: tuple[Refused, ...] = ()

    def credits(self, account: str) -> int:
        """Return what the sale credited to `account` by shares, after recoupment."""
        gross = sum(share.amount for share in self.shares if share.account == account)
        return gross - sum(back.amount for back in self.recouped if self.shares[back.share].account == account)

    def has_part(self, account: str) -> bool:
        """Tell whether the waterfall that ran gives `account` (or `channel`) a part of such a sale, whatever was left.

        A weight of zero is none, nor is a rate of 0 bp, such as that of a tier.
        """
        for taken in self.taken:
            if isinstance(taken.step, Split):
                if any(party.account == account for party in final_parties(taken.step.parties, earning=True)):
                    return True
            elif taken.step.account == account and taken.step.gives(taken.before, self.facts):
                return True
        return False


class SaleResult(NamedTuple):
    """A settled sale. `details` are all its movements, `advances` is what was open before it."""

    sale: Sale
    lines: tuple[LineResult, ...]
    details: tuple[Detail, ...]
    advances: Mapping[str, Advance]

    @property
    def postings(self) -> tuple[Posting, ...]:
        """The movements net per account, zeros left out; they sum to zero."""
        return net(self.details)

    @property
    def shares(self) -> tuple[Share, ...]:
        """The shares of all lines, in order."""
        return tuple(share for line in self.lines for share in line.shares)

    def trace(self) -> dict[str, Any]:
        """Return every step as plain data (texts, whole numbers, lists, objects); see docs/reference/splits.md."""
        from ledger.splits.trace import trace_sale

        return trace_sale(self)

    def sums(self) -> dict[str, Any]:
        """Return the few sums of the trace that counters ask for."""
        from ledger.splits.trace import sums_of_sale

        return sums_of_sale(self)


class NoRuleError(LookupError):
    """No version was in force when the order was placed, or none of its variants is for this sale."""


NO_ADVANCES: Mapping[str, Advance] = {}


def sale_lines(
    rule: Rule | Sequence[Rule], sale: Mapping[str, Any] | Sale, *, advances: Mapping[str, Advance] = NO_ADVANCES
) -> SaleResult:
    """Settle one sale under one rule version (or one per order line), in integers.

    `sale` is the sale event's facts, `advances` the open advances by payable account, in the currency of the postings.
    NoRuleError if no variant matches; EventError names a field that is wrong.
    """
    facts = sale if isinstance(sale, Sale) else parse_sale(sale)
    rules = [rule] * len(facts.lines) if isinstance(rule, Rule) else rule
    open_now = {account: a.outstanding for account, a in advances.items()} if advances else {}
    lines = tuple(
        [
            _settle(line_rule, facts, line, advances, open_now)
            for line_rule, line in zip(rules, facts.lines, strict=True)
        ]
    )
    return SaleResult(facts, lines, tuple(_details(facts.settled_currency, lines)), advances)


def _settle(
    rule: Rule, sale: Sale, line: LineFacts, advances: Mapping[str, Advance], open_now: dict[str, int]
) -> LineResult:
    variant = rule.variant_for(line.fields, sale.fields)
    if variant is None:
        raise NoRuleError
    shares = [Share(TAX, line.settled_tax, "sale.tax")] if line.settled_tax else []
    taken = _run(variant, line, shares, rule.reserve_bp)
    refused = _refuse(line.refused, shares) if line.refused else ()
    recouped = _recoup(shares, advances, open_now) if open_now else ()
    return LineResult(line, rule, variant, tuple(shares), tuple(taken), recouped, refused)


def _refuse(parties: frozenset[str], shares: list[Share]) -> tuple[Refused, ...]:
    """Give the platform what the line's refused parties would have got, reserve included."""
    found = []
    for i, (account, amount, clause) in enumerate(shares):
        if account.removesuffix(":reserve") in parties:
            found.append(Refused(account, amount, clause))
            shares[i] = Share(REVENUE, amount, clause)
    return tuple(found)


def _run(variant: Variant, line: LineFacts, shares: list[Share], reserve_bp: int) -> list[Taken]:
    """Run the steps on what remains, starting from the base; add what they take to `shares`, zero amounts left out."""
    base = remaining = line.base
    taken: list[Taken] = []
    limits = dict(line.limits) if line.limits else {}
    for step in variant.takes:
        wanted = step.wanted(remaining, base, line)
        amount = min(wanted, remaining)
        capped: tuple[int, ...] = ()
        if step.account == CHANNEL:
            parts, amount, capped = _to_channels(line, amount, step.path, shares, limits)
        else:
            parts = (amount,)
            if amount:
                shares.append(Share(step.account, amount, step.path))
        taken.append(Taken(step, remaining, wanted, remaining - amount, parts, capped))
        remaining -= amount
    split = variant.split
    amounts = apportion(remaining, split.weights)
    for party, amount in zip(split.parties, amounts, strict=True):
        _give(party, amount, reserve_bp, shares)
    taken.append(Taken(split, remaining, remaining, 0, tuple(amounts)))
    return taken


def _give(member: Member, amount: int, reserve_bp: int, shares: list[Share]) -> None:
    """Add a member's share, less what its reserve keeps; a group divides it again among its own members."""
    if isinstance(member, Group):
        for inner, part in zip(member.members, apportion(amount, member.weights), strict=True):
            _give(inner, part, reserve_bp, shares)
        return
    kept = pct(amount, reserve_bp) if reserve_bp and is_payable(member.account) else 0
    if amount > kept:
        shares.append(Share(member.account, amount - kept, member.path))
    if kept:
        shares.append(Share(reserve(member.account), kept, "reserve_bp"))


def _to_channels(
    line: LineFacts, amount: int, path: str, shares: list[Share], limits: dict[str, int]
) -> tuple[tuple[int, ...], int, tuple[int, ...]]:
    """Divide a step's amount over the channels' credits; return all parts, what owned channels really take, what not.

    Credit that belongs to no owner, and what is missing to a million, is a part too (the last), but is not taken. What
    lies above an owner's limit is not taken either; `limits` is what each may still take of this line.
    """
    if not line.channels:
        return (), 0, ()
    parts = apportion(amount, channel_weights(line))
    capped = [0] * len(parts)
    taken = 0
    for i, (channel, part) in enumerate(zip(line.channels, parts, strict=False)):
        if channel.party is None or not part:
            continue
        got = min(part, limits.get(channel.party, part))
        capped[i] = part - got
        if channel.party in limits:
            limits[channel.party] -= got
        if got:
            shares.append(Share(f"party:{channel.party}", got, path))
            taken += got
    return tuple(parts), taken, tuple(capped) if any(capped) else ()


def channel_weights(line: LineFacts) -> list[int]:
    """Return the ppm of each channel in order, and last what is attributed to none of them."""
    credited = [channel.ppm for channel in line.channels]
    return [*credited, PPM - sum(credited)]


def _recoup(shares: Sequence[Share], advances: Mapping[str, Advance], open_now: dict[str, int]) -> tuple[Recouped, ...]:
    """Let each payable share pay back its party's advance by rate, while something of the advance is open."""
    recouped = []
    for i, share in enumerate(shares):
        left = open_now.get(share.account, 0)
        if left > 0:
            wanted = pct(share.amount, advances[share.account].recoup_bp)
            amount = min(left, wanted)
            open_now[share.account] = left - amount
            recouped.append(Recouped(i, wanted, amount))
    return tuple(recouped)


def net(details: Sequence[Detail]) -> tuple[Posting, ...]:
    """Sum movements per account and currency, in order of first appearance, zeros left out."""
    sums: dict[tuple[str, str], int] = {}
    for account, currency, amount, _line, _clause, _hold in details:
        key = account, currency
        sums[key] = sums.get(key, 0) + amount
    return tuple([Posting(account, currency, amount) for (account, currency), amount in sums.items() if amount])


def _details(cur: str, lines: Sequence[LineResult]) -> list[Detail]:
    """List every single movement of a sale, in order: money in, fee, borne discounts, shares, recoupments."""
    found: list[Detail] = []
    for facts, rule, _variant, shares, _taken, recouped, _refused in lines:
        line, fee, hold = facts.id, facts.fee, rule.hold_days
        found.append(Detail(CLEARING, cur, fee - facts.settled, line, "sale"))
        if fee:
            found.append(Detail(PROCESSOR_FEES, cur, -fee, line, "sale.processor_fee"))
        if facts.borne:
            for discount, borne in zip(facts.named, facts.borne, strict=True):
                found.append(Detail(discount.borne_by, cur, -borne, line, f"sale.{discount.path}"))
        found += [
            Detail(account, cur, amount, line, clause, hold if is_payable(account) else None)
            for account, amount, clause in shares
        ]
        for i, _wanted, amount in recouped:
            account, _amount, clause = shares[i]
            found.append(Detail(account, cur, -amount, line, clause, hold))
            found.append(Detail(advance(account), cur, amount, line, clause))
    return [detail for detail in found if detail.amount]
