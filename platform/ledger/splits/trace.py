"""A settled sale told step by step, as plain data that can be stored and worded in any language.

Texts and whole numbers only, in objects and lists; exact fractions are texts "n/d". Codes and parameters, never prose.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from ledger.money import BP, apportion, pct
from ledger.splits.accounts import CHANNEL, REVENUE, TAX, advance, is_payable, payable, reserve
from ledger.splits.lines import EXCLUSIVE, Allocation, LineFacts
from ledger.splits.rounding import apportioned, fraction, percented, rounded
from ledger.splits.rule import Fixed, Group, Member, Percent, ProcessorFee, Split, Tiered
from ledger.splits.sale import LineResult, SaleResult, Taken, channel_weights

FORMAT = "split-trace/1"
SUMS_FORMAT = "split-sums/1"

Step = dict[str, Any]


def trace_sale(result: SaleResult) -> dict[str, Any]:
    """Tell a sale: allocations of order-level amounts, then per order line the rule version and every step."""
    return {
        "format": FORMAT,
        "event": "sale",
        "currency": result.sale.currency,
        "settled_currency": result.sale.settled_currency,
        "allocations": [_allocation(allocation, result) for allocation in result.sale.allocations],
        "lines": [_line(line, result) for line in result.lines],
    }


def sums_of_sale(result: SaleResult) -> dict[str, Any]:
    """Tell of a sale what counters ask, where its trace would tell it: each line's base and what channels' owners took.

    The whole trace follows from the sale and its rules, and is ten times as long.
    """
    return {
        "format": SUMS_FORMAT,
        "settled_currency": result.sale.settled_currency,
        "lines": [{"line": line.facts.id, "steps": [*_sums(line)]} for line in result.lines],
    }


def _sums(line: LineResult) -> Iterator[Step]:
    yield {"code": "base", "amount": line.facts.base}
    for taken in line.taken:
        if not isinstance(taken.step, Split) and taken.step.account == CHANNEL:
            capped = taken.capped or (0,) * len(taken.parts)
            yield {
                "channels": [
                    {"account": payable(channel.party), "amount": part, "capped": kept}
                    for channel, part, kept in zip(line.facts.channels, taken.parts, capped, strict=False)
                    if channel.party is not None
                ]
            }


def _allocation(allocation: Allocation, result: SaleResult) -> dict[str, Any]:
    """Tell how an order-level amount was divided among several lines."""
    rows = apportioned(allocation.total, allocation.weights)
    return {
        "what": allocation.what,
        "clause": allocation.clause,
        "amount": allocation.total,
        "rows": [{"line": line.facts.id, **row} for line, row in zip(result.lines, rows, strict=True)],
    }


def _line(line: LineResult, result: SaleResult) -> dict[str, Any]:
    return {
        "line": line.facts.id,
        "rule": line.rule.id,
        "version": line.rule.version,
        "clause": line.variant.path,
        "steps": [
            *_price(line.facts, result),
            *(step for taken in line.taken for step in _step(taken, line)),
            *_refusals(line),
            *_recoupments(line, result),
        ],
    }


def _price(line: LineFacts, result: SaleResult) -> Iterator[Step]:
    """Tell how the base came about."""
    yield {"code": "list_price", "clause": "sale.list_price", "amount": line.list_price}
    for discount in line.discounts:
        yield {
            "code": "discount",
            "clause": f"sale.{discount.path}",
            "account": discount.borne_by,
            "amount": discount.amount,
        }
    if line.tax:
        yield _tax(line)
    yield {"code": "paid", "clause": "sale", "amount": line.payable}
    if result.sale.settled_currency != result.sale.currency or line.settled != line.payable:
        yield _settlement(line, result)
    yield {
        "code": "base",
        "clause": "sale",
        "settled": line.settled,
        "tax": line.settled_tax,
        "borne": sum(line.borne),
        "amount": line.base,
    }


def _tax(line: LineFacts) -> Step:
    step: Step = {"code": "tax", "clause": "sale.tax", "account": TAX, "mode": line.taxed.mode, "on": line.net}
    rate = line.taxed.rate_bp
    if rate is None:
        return {**step, "amount": line.tax}
    return {**step, "bp": rate, **rounded(line.net * rate, BP if line.taxed.mode == EXCLUSIVE else BP + rate, line.tax)}


def _settlement(line: LineFacts, result: SaleResult) -> Step:
    """Tell what the paid amounts became in the settlement's currency, at the rate settled/paid."""
    sources = [("tax", TAX, line.tax, line.settled_tax)] if line.tax else []
    sources += [("discount", d.borne_by, d.amount, n) for d, n in zip(line.named, line.borne, strict=True)]
    whole = sum(part.facts.payable for part in result.lines), sum(part.facts.settled for part in result.lines)
    paid, settled = (line.payable, line.settled) if line.payable else whole
    return {
        "code": "settlement",
        "clause": "sale.settlement",
        "currency": result.sale.settled_currency,
        "paid": line.payable,
        "amount": line.settled,
        "rows": [
            {"what": what, "account": account, "on": amount, **rounded(amount * settled, paid, posted)}
            for what, account, amount, posted in sources
        ],
    }


def _step(taken: Taken, line: LineResult) -> Iterator[Step]:
    step = taken.step
    if isinstance(step, Split):
        yield from _split(step, taken, line)
        return
    told: Step = {"code": _code(taken), "clause": step.path, "account": step.account}
    told |= _asked(taken, line)
    if taken.wanted > taken.before:
        told["cap"] = "remaining"
    if step.account == CHANNEL:
        told |= _channel_rows(taken, line)
    yield {**told, "took": taken.before - taken.after, "before": taken.before, "after": taken.after}


def _code(taken: Taken) -> str:
    step = taken.step
    if isinstance(step, Fixed):
        return "fixed"
    if isinstance(step, Percent):
        return "percent"
    return "processor_fee" if isinstance(step, ProcessorFee) else "tiered"


def _asked(taken: Taken, line: LineResult) -> Step:
    """Tell what the step asked for and how that was rounded."""
    step = taken.step
    if isinstance(step, Percent):
        on = line.facts.base if step.of_base else taken.before
        return {
            "of": "base" if step.of_base else "remaining",
            "on": on,
            "bp": step.bp,
            **percented(on, step.bp, taken.wanted),
        }
    if isinstance(step, Tiered):
        meter = line.facts.meter_before
        told: Step = {"mode": "marginal" if step.marginal else "cliff", "meter_before": meter, "on": taken.before}
        if not step.marginal:
            bp = step.tier_at(meter).bp
            return {**told, "bp": bp, **percented(taken.before, bp, taken.wanted)}
        laid = step.laid(taken.before, meter)
        told["rows"] = [{"on": part, "bp": bp, "exact": fraction(part * bp, BP)} for part, bp in laid]
        return {**told, **rounded(sum(part * bp for part, bp in laid), BP, taken.wanted)}
    return {"amount": taken.wanted}


def _channel_rows(taken: Taken, line: LineResult) -> Step:
    """Tell how a step's amount was shared by credit; parts without an owner stay in what remains."""
    if not taken.parts:
        return {"skipped": "no_channel"}
    owners = [*(payable(c.party) if c.party is not None else "" for c in line.facts.channels), ""]
    rows = apportioned(sum(taken.parts), channel_weights(line.facts))
    told = [{"account": owner, "stays": 0 if owner else 1, **row} for owner, row in zip(owners, rows, strict=True)]
    for row, capped in zip(told, taken.capped, strict=False):
        if capped:
            row["capped"] = capped
    return {"channels": told if told[-1]["weight"] else told[:-1]}


def _split(step: Split, taken: Taken, line: LineResult) -> Iterator[Step]:
    """Tell how what remained was shared, what groups made of their parts, then what was kept in reserve."""
    yield {
        "code": "split",
        "clause": step.path,
        "rows": _shared(step.parties, taken.before, step.weights),
        "took": taken.before,
        "before": taken.before,
        "after": 0,
    }
    given = list(zip(step.parties, taken.parts, strict=True))
    yield from _groups(given)
    bp = line.rule.reserve_bp
    for account, amount in _final(given) if bp else ():
        if amount and is_payable(account):
            kept = percented(amount, bp, pct(amount, bp))
            yield {
                "code": "reserve",
                "clause": "reserve_bp",
                "from": account,
                "account": reserve(account),
                "on": amount,
                "bp": bp,
                **kept,
            }


def _shared(members: Sequence[Member], amount: int, weights: Sequence[int]) -> list[Step]:
    """Tell a portion for every member."""
    rows = apportioned(amount, weights)
    return [{"clause": who.path, "account": who.account, **row} for who, row in zip(members, rows, strict=True)]


def _groups(given: Sequence[tuple[Member, int]]) -> Iterator[Step]:
    """Tell how each group divided what it got; a group's own groups right after it."""
    for member, amount in given:
        if isinstance(member, Group) and amount:
            rows = _shared(member.members, amount, member.weights)
            yield {"code": "group", "clause": member.path, "account": member.account, "amount": amount, "rows": rows}
            yield from _groups(list(zip(member.members, apportion(amount, member.weights), strict=True)))


def _final(given: Sequence[tuple[Member, int]]) -> Iterator[tuple[str, int]]:
    """Return who got how much in the end, before anything is kept in reserve."""
    for member, amount in given:
        if isinstance(member, Group):
            yield from _final(list(zip(member.members, apportion(amount, member.weights), strict=True)))
        else:
            yield member.account, amount


def _refusals(line: LineResult) -> Iterator[Step]:
    """Tell which shares went to the platform because their party bought its own."""
    for account, amount, clause in line.refused:
        yield {"code": "refused", "clause": clause, "from": account, "account": REVENUE, "took": amount}


def _recoupments(line: LineResult, result: SaleResult) -> Iterator[Step]:
    for back in line.recouped:
        share = line.shares[back.share]
        bp = result.advances[share.account].recoup_bp
        told: Step = {
            "code": "recoup",
            "clause": share.clause,
            "from": share.account,
            "account": advance(share.account),
        }
        told |= {"on": share.amount, "bp": bp, **percented(share.amount, bp, back.wanted)}
        if back.wanted > back.amount:
            told["cap"] = "outstanding"
        yield {**told, "took": back.amount}
