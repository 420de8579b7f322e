"""A sale as facts: what was bought, what came off, what tax and fee fell on it, and who brought the buyer.

Order-level amounts are divided among the order's lines here, so that everything after this looks at one line at a time.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ledger.money import BP, PPM, apportion, half_up
from ledger.splits.accounts import POOL, is_party_id, payable
from ledger.splits.lines import (
    EXCLUSIVE,
    INCLUSIVE,
    NO_TAX,
    NO_TAXES,
    NOBODY,
    Allocation,
    ChannelCredit,
    Discount,
    LineFacts,
    Sale,
    Tax,
    divided,
)
from ledger.splits.plain import plain_sale
from ledger.splits.reading import Reader, shown

_INHERITED: Final = ("channel", "channels", "refused", "meter_before", "rule")
"""What an order says for those of its lines that do not say it themselves."""


def parse_sale(raw: object) -> Sale:
    """Read a sale and divide order-level amounts among its lines; EventError names the field that is wrong."""
    return plain_sale(raw) or _read(Reader(raw))


def _read(order: Reader) -> Sale:
    currency = order.currency("currency")
    fee = order.integer("processor_fee", default=0)
    settlement = order.child("settlement") if order.has("settlement") else None
    settled_currency = settlement.currency("currency") if settlement else currency
    log: list[Allocation] = []
    if order.has("lines"):
        lines = _several(order, fee, log)
    else:
        lines = (_line(order, "", _discounts(order), _tax(order), fee),)
    if settlement:
        lines = _converted(settlement, lines, settlement.integer("amount"), log)
    return Sale(currency, settled_currency, lines, order.raw, tuple(log))


def _line(reader: Reader, line_id: str, discounts: tuple[Discount, ...], tax: Tax, fee: int = 0) -> LineFacts:
    list_price = reader.integer("list_price")
    off = sum(discount.amount for discount in discounts) if discounts else 0
    if off > list_price:
        raise reader.fail("discounts_exceed_price", "discounts", discounts=off, price=list_price)
    net = list_price - off
    due = _tax_due(reader, tax, net)
    payable = net + due if tax.mode == EXCLUSIVE else net
    return LineFacts(
        id=line_id,
        path=reader.path,
        list_price=list_price,
        discounts=discounts,
        net=net,
        taxed=tax,
        tax=due,
        payable=payable,
        settled=payable,
        settled_tax=due,
        borne=tuple([d.amount for d in discounts if d.borne_by != POOL]) if discounts else (),
        fee=fee,
        channels=_channels(reader),
        limits=_limits(reader) if reader.has("limits") else (),
        refused=_refused(reader) if reader.has("refused") else NOBODY,
        meter_before=reader.integer("meter_before", default=0),
        rule=reader.text("rule", default=""),
        fields=reader.raw,
    )


def _discounts(reader: Reader) -> tuple[Discount, ...]:
    if not reader.has("discounts"):
        return ()
    return tuple(
        Discount(d.path, d.integer("amount"), POOL if d.text("borne_by") == POOL else d.account("borne_by"))
        for d in reader.items("discounts")
    )


def _tax(reader: Reader) -> Tax:
    if not reader.has("tax"):
        return NO_TAXES
    tax = reader.child("tax")
    mode = tax.text("mode")
    if mode == NO_TAX:
        return NO_TAXES
    if mode not in (EXCLUSIVE, INCLUSIVE):
        raise tax.fail("not_one_of", "mode", allowed=f"{NO_TAX}, {EXCLUSIVE}, {INCLUSIVE}", found=mode)
    if tax.has("amount"):
        return Tax(tax.path, mode, None, tax.integer("amount"))
    return Tax(tax.path, mode, tax.integer("rate_bp"), 0)


def _tax_due(reader: Reader, tax: Tax, net: int) -> int:
    if tax.rate_bp is None:
        due = tax.amount
    elif tax.mode == EXCLUSIVE:
        due = half_up(net * tax.rate_bp, BP)
    else:
        due = half_up(net * tax.rate_bp, BP + tax.rate_bp)
    if tax.mode == INCLUSIVE and due > net:
        raise reader.fail("tax_exceeds_price", "tax", found=due, price=net)
    return due


def _channels(reader: Reader) -> tuple[ChannelCredit, ...]:
    if reader.has("channel"):
        if reader.has("channels"):
            raise reader.fail("conflict", "channel", other="channels")
        return (ChannelCredit(reader.party("channel"), PPM),)
    if not reader.has("channels"):
        return ()
    shares = tuple(
        ChannelCredit(item.party("party") if item.has("party") else None, item.integer("ppm"))
        for item in reader.items("channels")
    )
    total = sum(share.ppm for share in shares)
    if total > PPM:
        raise reader.fail("credits_exceed_all", "channels", found=total, most=PPM)
    return shares


def _limits(reader: Reader) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for item in reader.items("limits"):
        party = item.party("party")
        if party in found:
            raise item.fail("duplicate", "party", found=party)
        found[party] = item.integer("left")
    return tuple(found.items())


def _refused(reader: Reader) -> frozenset[str]:
    found = set()
    for i, name in enumerate(reader.values("refused")):
        if not isinstance(name, str) or not is_party_id(name):
            raise reader.fail("not_a_party", f"refused[{i}]", found=shown(name))
        found.add(payable(name))
    return frozenset(found)


def _several(order: Reader, fee: int, log: list[Allocation]) -> tuple[LineFacts, ...]:
    """Price each line of an order: its own fields where it has them, its part of the order's otherwise."""
    readers = order.items("lines")
    if not readers:
        raise order.fail("empty", "lines")
    _refuse_twice(order, [reader.text("id") for reader in readers])
    if order.has("limits"):
        raise order.fail("conflict", "limits", other="lines")
    prices = [reader.integer("list_price") for reader in readers]
    discounts = [_discounts(reader) for reader in readers]
    if order.has("discounts"):
        shared = _shared_discounts(order, prices, discounts, log)
        discounts = [(*mine, *part) for mine, part in zip(discounts, shared, strict=True)]
    taxes = _shared_tax(order, readers, prices, discounts, log)
    inherited = {key: order.raw[key] for key in _INHERITED if key in order.raw}
    lines = [
        _line(_inheriting(reader, inherited) if inherited else reader, reader.text("id"), off, tax)
        for reader, off, tax in zip(readers, discounts, taxes, strict=True)
    ]
    if not fee:
        return tuple(lines)
    fees = divided(log, "processor_fee", "sale.processor_fee", fee, [line.payable for line in lines])
    return tuple(line._replace(fee=part) for line, part in zip(lines, fees, strict=True))


def _inheriting(line: Reader, inherited: Mapping[str, Any]) -> Reader:
    own = dict(line.raw)
    if line.has("channel") or line.has("channels"):
        inherited = {key: value for key, value in inherited.items() if key not in ("channel", "channels")}
    return Reader({**inherited, **own}, line.path)


def _shared_discounts(
    order: Reader, prices: Sequence[int], own: Sequence[Sequence[Discount]], log: list[Allocation]
) -> list[list[Discount]]:
    """Divide order-level discounts over list prices; where a line is too cheap for that, over what is still due."""
    room = [max(0, price - sum(d.amount for d in off)) for price, off in zip(prices, own, strict=True)]
    parts: list[list[Discount]] = [[] for _ in prices]
    for discount in _discounts(order):
        if discount.amount > sum(room):
            raise order.fail("discounts_exceed_price", "discounts", discounts=discount.amount, price=sum(room))
        fits = all(a <= left for a, left in zip(apportion(discount.amount, prices), room, strict=True))
        amounts = divided(log, "discount", f"sale.{discount.path}", discount.amount, prices if fits else room)
        for i, amount in enumerate(amounts):
            room[i] -= amount
            parts[i].append(discount._replace(amount=amount))
    return parts


def _shared_tax(
    order: Reader,
    readers: Sequence[Reader],
    prices: Sequence[int],
    discounts: Sequence[Sequence[Discount]],
    log: list[Allocation],
) -> list[Tax]:
    """Give each line its own tax or the order's: a rate as it is, an amount divided over those lines' net prices."""
    shared = _tax(order)
    own = [_tax(reader) if reader.has("tax") else None for reader in readers]
    if shared.rate_bp is None and shared.amount:
        if all(own):
            raise order.fail("conflict", "tax", other="lines[*].tax")
        nets = [max(0, price - sum(d.amount for d in off)) for price, off in zip(prices, discounts, strict=True)]
        weights = [0 if tax else net for tax, net in zip(own, nets, strict=True)]
        weights = weights if any(weights) else [0 if tax else 1 for tax in own]
        amounts = divided(log, "tax", "sale.tax", shared.amount, weights)
        return [tax or shared._replace(amount=amount) for tax, amount in zip(own, amounts, strict=True)]
    return [tax or shared for tax in own]


def _converted(
    settlement: Reader, lines: tuple[LineFacts, ...], amount: int, log: list[Allocation]
) -> tuple[LineFacts, ...]:
    """Give each line its part S of the settled amount, and its tax and borne discounts at S/P.

    A free line has no rate of its own; what others bear of it is converted at the whole order's.
    """
    paid = sum(line.payable for line in lines)
    if not paid:
        if amount or any(part for line in lines for part in line.borne):
            raise settlement.fail("nothing_paid", "amount")
        return lines
    parts = [amount]
    if len(lines) > 1:
        parts = divided(log, "settlement", "sale.settlement", amount, [line.payable for line in lines])
    return tuple(
        _settled(line, part, (part, line.payable) if line.payable else (amount, paid))
        for line, part in zip(lines, parts, strict=True)
    )


def _settled(line: LineFacts, amount: int, rate: tuple[int, int]) -> LineFacts:
    n, d = rate
    return line._replace(
        settled=amount,
        settled_tax=half_up(line.tax * n, d),
        borne=tuple(half_up(part * n, d) for part in line.borne),
    )


def _refuse_twice(order: Reader, ids: Sequence[str]) -> None:
    for i, line_id in enumerate(ids):
        if line_id in ids[:i]:
            raise order.fail("duplicate", f"lines[{i}].id", found=line_id)
