"""The movements of one order line as rows that a reader may see: what left, by which clause, how computed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.splits.accounts import CLEARING, GROUP_PREFIX, PROCESSOR_FEES, REVENUE, TAX
from ledger.splits.lines import EXCLUSIVE
from ledger.splits.sale import Detail
from partners.selectors import exact
from partners.selectors.formulas import SHARING, fee_formula, formula_of, is_of_split, tax_formula
from partners.selectors.wording import Wording

YOU, PLATFORM, PARTNER, CO_CREATOR, OTHERS = "you", "platform", "partner", "co_creator", "others"

TAX_ROW, TAX_ON_TOP, PROCESSING, FEE_BORNE, DISCOUNT_BORNE, SHARE, RESERVE, REFUSED = (
    "tax",
    "tax_on_top",
    "processing",
    "fee_borne",
    "discount_borne",
    "share",
    "reserve",
    "refused",
)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a reader may see: the party by code; other parties by name; the other sides of the agreement at all."""

    code: str
    names: bool
    sides: bool

    def is_mine(self, account: str) -> bool:
        """Whether an account is the reader's payable, reserve or advance."""
        return account == f"party:{self.code}" or account.startswith(f"party:{self.code}:")


@dataclass(frozen=True, slots=True)
class Row:
    """One way that money went. `amount` in minor units leaves the stream; negative: that side pays it in.

    `code` says what it is, `side` to whom, `name` the party's name where the reader may know it (of REFUSED: who did
    not get it), `clause` the number in the agreement, `formula` how it was computed, in plain figures; `rate` of a tax.
    """

    code: str
    side: str
    name: str
    clause: str
    formula: str
    amount: int
    rate: str = ""

    @property
    def yours(self) -> bool:
        """Whether it is the reader's own."""
        return self.side == YOU


@dataclass(frozen=True, slots=True)
class Cent:
    """How a sharing fell for one side: the exact amount, the whole units, and the odd one that was left over.

    `left` is the remainder that competed for it, in parts of the smallest unit.
    """

    side: str
    name: str
    share: str
    exact: str
    floor: int
    odd: int
    amount: int
    left: str
    why: str


@dataclass(frozen=True, slots=True)
class Sharing:
    """One division by weights. `base` and `over` (the units left over) in minor units; `won`: remainders that got them.

    `group` names the group that was divided. `rows` are those the reader may see; `tie`: equal remainders were decided
    by the order of the sides.
    """

    base: int
    group: str
    rows: tuple[Cent, ...]
    over: int
    won: tuple[str, ...]
    tie: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A settled line as it is told: place `at` in the trace of its sale."""

    details: Sequence[Detail]
    trace: Mapping[str, Any]
    at: int
    currency: str

    @property
    def steps(self) -> Sequence[Mapping[str, Any]]:
        """The line's own steps."""
        found: Sequence[Mapping[str, Any]] = self.trace["lines"][self.at]["steps"]
        return found


def rows_of(told: Told, sight: Sight, names: Mapping[str, str], wording: Wording | None) -> tuple[Row, ...]:
    """Every movement but the money in, in order; those the reader may not see apart are summed by side.

    What pays an advance back goes from one account of its party to another, so it is no way out and left out.
    """
    details = [row for row in told.details if not _repays(row)]
    # What steps took for the fee less the fee itself; what is missing the platform bears.
    fee_net = sum(row.amount for row in details if row.account == PROCESSOR_FEES)
    fee_clause = next((row.clause for row in details if row.account == PROCESSOR_FEES and row.amount > 0), "")
    rows: list[Row] = []
    # The tax comes off before anything is shared, so it is told first.
    for row in sorted(details, key=lambda row: row.account != TAX):
        refused = _refused(row, told.steps)
        for code, amount in _told(row, fee_net, refused=bool(refused)):
            side = _side(row, sight)
            known = sight.sides or side in {YOU, ""}
            clause = fee_clause if code == PROCESSING else row.clause
            rows.append(
                Row(
                    code=_taxed(code, told),
                    side=side if known else OTHERS,
                    name=_name(refused or row.account, sight, names),
                    clause=wording.number_of(clause) if wording and known else "",
                    formula=_formula(code, row, told, sight) if known else "",
                    amount=amount,
                    rate=tax_formula(told.trace, told.at, told.currency)[0] if code == TAX_ROW else "",
                )
            )
    return tuple(_merged(rows, sight))


def sharings_of(told: Told, sight: Sight, names: Mapping[str, str]) -> tuple[Sharing, ...]:
    """How the last units of every sharing were given out; who may not see names sees the own row alone.

    A sharing of which the reader may see no row is left out.
    """
    found = (_sharing(step, told.currency, sight, names) for step in told.steps if step["code"] in SHARING)
    return tuple(one for one in found if one.rows)


def _sharing(step: Mapping[str, Any], currency: str, sight: Sight, names: Mapping[str, str]) -> Sharing:
    whole = sum(row["weight"] for row in step["rows"])
    won = [row for row in step["rows"] if row["odd"]]
    rows = []
    for row in step["rows"]:
        mine = sight.is_mine(row["account"])
        if row["weight"] and (sight.names or mine):
            rows.append(
                Cent(
                    side=YOU if mine else _kind(row["account"], shared=True),
                    name=names.get(row["account"].split(":")[1], row["account"].removeprefix(GROUP_PREFIX)),
                    share=exact.share(row["weight"], whole),
                    exact=exact.exact(row["exact"], currency),
                    floor=row["floor"],
                    odd=row["odd"],
                    amount=row["amount"],
                    left=exact.remainder(row["left"]),
                    why=row["why"],
                )
            )
    return Sharing(
        base=step["before"] if step["code"] == "split" else step["amount"],
        group=step["account"].removeprefix(GROUP_PREFIX) if step["code"] == "group" else "",
        rows=tuple(rows),
        over=sum(row["odd"] for row in step["rows"]),
        won=tuple(exact.remainder(row["left"]) for row in won),
        tie=any(row["why"] in {"tie_earlier", "tie_later"} for row in step["rows"]),
    )


def _repays(row: Detail) -> bool:
    """Whether a movement pays an advance back: out of the party's payable, into its advance."""
    if row.account.endswith(":advance"):
        return True
    return row.amount < 0 and row.account.startswith("party:") and ".discounts[" not in row.clause


def _refused(row: Detail, steps: Sequence[Mapping[str, Any]]) -> str:
    """The account that would have had a share which went to the platform; else empty."""
    if row.account != REVENUE or not is_of_split(row.clause):
        return ""
    found = (step["from"] for step in steps if step["code"] == "refused" and step["clause"] == row.clause)
    return str(next(found, ""))


def _told(row: Detail, fee_net: int, *, refused: bool) -> Iterator[tuple[str, int]]:
    """What a movement is called, and the amount that leaves the stream by it."""
    if row.account == CLEARING or (row.account == PROCESSOR_FEES and row.amount > 0):
        return
    if row.account == PROCESSOR_FEES:
        yield PROCESSING, -row.amount
        if fee_net:
            yield FEE_BORNE, fee_net
    elif row.account == TAX:
        yield TAX_ROW, row.amount
    elif ".discounts[" in row.clause:
        yield DISCOUNT_BORNE, row.amount
    elif refused:
        yield REFUSED, row.amount
    else:
        yield (RESERVE if row.clause == "reserve_bp" else SHARE), row.amount


def _taxed(code: str, told: Told) -> str:
    on_top = code == TAX_ROW and any(s["code"] == "tax" and s["mode"] == EXCLUSIVE for s in told.steps)
    return TAX_ON_TOP if on_top else code


def _side(row: Detail, sight: Sight) -> str:
    if row.account == TAX:
        return ""
    if sight.is_mine(row.account):
        return YOU
    return _kind(row.account, shared=is_of_split(row.clause) or row.clause == "reserve_bp")


def _kind(account: str, *, shared: bool) -> str:
    if not account.startswith(("party:", GROUP_PREFIX)):
        return PLATFORM
    return CO_CREATOR if shared else PARTNER


def _name(account: str, sight: Sight, names: Mapping[str, str]) -> str:
    """What the party of an account is called, where the reader may know."""
    if not account.startswith("party:") or not (sight.names or sight.is_mine(account)):
        return ""
    return names.get(account.split(":")[1], "")


def _formula(code: str, row: Detail, told: Told, sight: Sight) -> str:
    if code == PROCESSING:
        return fee_formula(told.trace, told.at, told.currency)
    if code in {FEE_BORNE, DISCOUNT_BORNE}:
        return ""
    owner = sight.names or sight.is_mine(row.account)
    return formula_of(row, told.trace, told.at, told.currency, names_owner=owner)


def _merged(rows: Sequence[Row], sight: Sight) -> Iterator[Row]:
    """Sum what the reader may not see apart: by side and kind for a side of the agreement, all of it for others."""
    if sight.names:
        yield from rows
        return
    sums: dict[tuple[str, str, str], Row] = {}
    for i, row in enumerate(rows):
        apart = row.side in {YOU, PLATFORM, ""} and not (row.side == PLATFORM and not sight.sides)
        key = (row.code, row.side, str(i)) if apart else (row.code if sight.sides else SHARE, row.side, "")
        before = sums.get(key)
        if before is None:
            sums[key] = row if apart else Row(key[0], row.side, "", row.clause, "", row.amount)
        else:
            sums[key] = Row(before.code, before.side, "", before.clause, "", before.amount + row.amount)
    yield from sums.values()
