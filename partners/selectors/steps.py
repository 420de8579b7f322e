"""The movements of one order line as rows that a reader may see: what left, by which clause, how computed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger.splits.accounts import CHANNEL, CLEARING, GROUP_PREFIX, PROCESSOR_FEES, TAX
from ledger.splits.sale import Detail
from partners.selectors import exact
from partners.selectors.phrases import percent
from partners.selectors.wording import Wording

YOU, PLATFORM, PARTNER, CO_CREATOR, OTHERS = "you", "platform", "partner", "co_creator", "others"

TAX_ROW, PROCESSING, FEE_BORNE, DISCOUNT_BORNE, SHARE, RESERVE = (
    "tax",
    "processing",
    "fee_borne",
    "discount_borne",
    "share",
    "reserve",
)


_SHARING = frozenset({"split", "group"})


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

    `code` says what it is, `side` to whom, `name` the party's name where the reader may know it, `clause` the number in
    the agreement, `formula` how it was computed, in plain figures.
    """

    code: str
    side: str
    name: str
    clause: str
    formula: str
    amount: int

    @property
    def yours(self) -> bool:
        """Whether it is the reader's own."""
        return self.side == YOU


@dataclass(frozen=True, slots=True)
class Cent:
    """How the split fell for one side: the exact amount, the whole units, and the odd one that was left over."""

    side: str
    name: str
    share: str
    exact: str
    floor: int
    odd: int
    amount: int
    why: str


def rows_of(
    details: Sequence[Detail],
    trace: Mapping[str, Any],
    currency: str,
    sight: Sight,
    names: Mapping[str, str],
    wording: Wording | None,
) -> tuple[Row, ...]:
    """Every movement but the money in, in order; those the reader may not see apart are summed by side."""
    steps: Sequence[Mapping[str, Any]] = trace["steps"]
    # What steps took for the fee less the fee itself; what is missing the platform bears.
    fee_net = sum(row.amount for row in details if row.account == PROCESSOR_FEES)
    fee_clause = next((row.clause for row in details if row.account == PROCESSOR_FEES and row.amount > 0), "")
    rows: list[Row] = []
    # The tax comes off before anything is shared, so it is told first.
    for row in sorted(details, key=lambda row: row.account != TAX):
        for code, amount in _told(row, fee_net):
            side = _side(row, sight)
            known = sight.sides or side in {YOU, ""}
            rows.append(
                Row(
                    code=code,
                    side=side if known else OTHERS,
                    name=names.get(row.account.split(":")[1], "") if _may_name(row, side, sight) else "",
                    clause=wording.number_of(fee_clause if code == PROCESSING else row.clause)
                    if wording and known
                    else "",
                    formula=_formula(row, steps, currency, sight) if known else "",
                    amount=amount,
                )
            )
    return tuple(_merged(rows, sight))


def cents_of(trace: Mapping[str, Any], currency: str, sight: Sight, names: Mapping[str, str]) -> tuple[Cent, ...]:
    """How the last units of the split were given out; who may not see names sees the own row alone."""
    found = []
    for step in trace["steps"]:
        if step["code"] not in _SHARING:
            continue
        whole = sum(row["weight"] for row in step["rows"])
        for row in step["rows"]:
            mine = sight.is_mine(row["account"])
            if not row["weight"] or not (sight.names or mine):
                continue
            found.append(
                Cent(
                    side=YOU if mine else _kind(row["account"], shared=True),
                    name=names.get(row["account"].split(":")[1], row["account"].removeprefix(GROUP_PREFIX)),
                    share=exact.share(row["weight"], whole),
                    exact=exact.exact(row["exact"], currency),
                    floor=row["floor"],
                    odd=row["odd"],
                    amount=row["amount"],
                    why=row["why"],
                )
            )
    return tuple(found)


def _told(row: Detail, fee_net: int) -> Iterator[tuple[str, int]]:
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
    else:
        yield (RESERVE if row.clause == "reserve_bp" else SHARE), row.amount


def _side(row: Detail, sight: Sight) -> str:
    if row.account == TAX:
        return ""
    if sight.is_mine(row.account):
        return YOU
    return _kind(row.account, shared=_of_split(row.clause) or row.clause == "reserve_bp")


def _of_split(clause: str) -> bool:
    return ".parties[" in clause or clause.startswith("groups.")


def _kind(account: str, *, shared: bool) -> str:
    if not account.startswith(("party:", GROUP_PREFIX)):
        return PLATFORM
    return CO_CREATOR if shared else PARTNER


def _may_name(row: Detail, side: str, sight: Sight) -> bool:
    return row.account.startswith("party:") and (sight.names or side == YOU)


def _formula(row: Detail, steps: Sequence[Mapping[str, Any]], currency: str, sight: Sight) -> str:
    """How an amount was computed, in plain figures; empty where it was stated, not computed."""
    shared = _shared(row, steps)
    if shared:
        sharing, own = shared
        whole = sum(each["weight"] for each in sharing["rows"])
        base = exact.plain(sharing["before"] if sharing["code"] == "split" else sharing["amount"], currency)
        return f"{exact.share(own['weight'], whole)} × {base} = {exact.exact(own['exact'], currency)}"
    step = next((step for step in steps if step["clause"] == row.clause and _about(step, row)), None)
    if step is None:
        return ""
    if step["code"] == "reserve":
        return f"{percent(step['bp'])} × {exact.plain(step['on'], currency)} = {exact.exact(step['exact'], currency)}"
    if step["code"] == "percent":
        whole_step = f"{percent(step['bp'])} × {exact.plain(step['on'], currency)}"
        if step["account"] != CHANNEL:
            return f"{whole_step} = {exact.exact(step['exact'], currency)}"
        part = next(
            (
                p
                for p in step.get("channels", ())
                if p["account"] == row.account and p["amount"] - p.get("capped", 0) == row.amount
            ),
            None,
        )
        if part is None or not (sight.names or sight.is_mine(row.account)):
            return whole_step
        over = f" − {exact.plain(part['capped'], currency)}" if part.get("capped") else ""
        return f"{exact.credit(part['weight'])} × {exact.plain(_pool(step), currency)} ({whole_step}){over}"
    if step["code"] == "tax" and "bp" in step:
        return f"{percent(step['bp'])}: {exact.exact(step['exact'], currency)}"
    return ""


def _about(step: Mapping[str, Any], row: Detail) -> bool:
    """Whether a step of a row's clause is the row's own; every party's reserve stands under one clause."""
    return bool(step["code"] != "reserve" or (step["account"] == row.account and step["amount"] == row.amount))


def _shared(row: Detail, steps: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """The sharing step behind a share, and the share's own row in it; a group may share in several places."""
    found = [
        (step, part)
        for step in (steps if _of_split(row.clause) else ())
        if step["code"] in _SHARING
        for part in step["rows"]
        if part["clause"] == row.clause
    ]
    return next((pair for pair in found if pair[1]["amount"] == row.amount), found[0] if found else None)


def _pool(step: Mapping[str, Any]) -> int:
    """What a step offered to all channels, unowned ones included."""
    return sum(part["amount"] for part in step["channels"])


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
