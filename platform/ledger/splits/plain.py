"""Sales of the shape that most have, read in one go.

Whatever has another shape, or may be wrong, is left to `ledger.splits.facts`, which reads field by field and says what
is wrong where; both read the same of what both can read.
"""

from typing import Any, Final

from ledger.money import EXPONENTS, PPM
from ledger.splits.accounts import POOL, is_known, is_party_id
from ledger.splits.lines import (
    EXCLUSIVE,
    INCLUSIVE,
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

_ORDER: Final = {"currency", "processor_fee", "lines"}
_LINE: Final = {"id", "list_price", "discounts", "tax", "channels", "channel_kind", "brought_by"}


def plain_sale(raw: Any) -> Sale | None:
    """A sale of the shape that most have, read in one go; None where it is of another, or something may be wrong."""
    if type(raw) is not dict or raw.keys() != _ORDER or type(raw["lines"]) is not list:
        return None
    currency, fee = raw["currency"], raw["processor_fee"]
    found = [_line(row, f"lines[{i}]") for i, row in enumerate(raw["lines"])]
    lines = tuple([line for line in found if line is not None])
    named = type(currency) is str and currency in EXPONENTS and len({line.id for line in lines}) == len(found) > 0
    if not named or not _whole(fee):
        return None
    log: list[Allocation] = []
    fees = divided(log, "processor_fee", "sale.processor_fee", fee, [line.payable for line in lines]) if fee else ()
    priced = tuple([line._replace(fee=part) for line, part in zip(lines, fees, strict=True)]) if fees else lines
    return Sale(currency, currency, priced, raw, tuple(log))


def _line(row: Any, path: str) -> LineFacts | None:
    if type(row) is not dict or not row.keys() <= _LINE:
        return None
    name: Any = row.get("id")
    price: Any = row.get("list_price")
    discounts = _discounts(row.get("discounts"), path)
    taxed, channels = _tax(row.get("tax"), path), _channels(row.get("channels"))
    if type(name) is not str or not name or not _whole(price) or discounts is None or taxed is None or channels is None:
        return None
    net = price - sum([discount.amount for discount in discounts])
    if net < 0 or (taxed.mode == INCLUSIVE and taxed.amount > net):
        return None
    payable = net + taxed.amount if taxed.mode == EXCLUSIVE else net
    borne = tuple([d.amount for d in discounts if d.borne_by != POOL]) if discounts else ()
    due = taxed.amount
    return LineFacts(
        name, path, price, discounts, net, taxed, due, payable, payable, due, borne, 0, channels, (), NOBODY, 0, "", row
    )


def _discounts(rows: Any, path: str) -> tuple[Discount, ...] | None:
    if rows is None:
        return ()
    if (
        type(rows) is not list
        or len(rows) != 1
        or type(rows[0]) is not dict
        or rows[0].keys() != {"amount", "borne_by"}
    ):
        return None
    amount, bearer = rows[0]["amount"], rows[0]["borne_by"]
    fine = _whole(amount) and type(bearer) is str and (bearer == POOL or is_known(bearer))
    return (Discount(f"{path}.discounts[0]", amount, bearer),) if fine else None


def _tax(tax: Any, path: str) -> Tax | None:
    if tax is None:
        return NO_TAXES
    if type(tax) is not dict or tax.keys() != {"mode", "amount"}:
        return None
    fine = _whole(tax["amount"]) and tax["mode"] in (INCLUSIVE, EXCLUSIVE)
    return Tax(f"{path}.tax", tax["mode"], None, tax["amount"]) if fine else None


def _channels(rows: Any) -> tuple[ChannelCredit, ...] | None:
    if rows is None:
        return ()
    if type(rows) is not list:
        return None
    found = []
    for row in rows:
        party = row.get("party") if type(row) is dict else 0
        if not (party is None or (type(party) is str and is_party_id(party))) or not _whole(row.get("ppm")):
            return None
        found.append(ChannelCredit(party, row["ppm"]))
    return tuple(found) if sum([credit.ppm for credit in found]) <= PPM else None


def _whole(value: Any) -> bool:
    return type(value) is int and value >= 0
