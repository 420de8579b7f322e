"""How an amount of a settled line was computed, in plain figures: the same text in every language."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ledger.money import half_up
from ledger.splits.accounts import CHANNEL, TAX
from ledger.splits.lines import EXCLUSIVE
from ledger.splits.sale import Detail
from partners.selectors import exact
from partners.selectors.phrases import percent

SHARING = frozenset({"split", "group"})
"""Steps that divide something by weights."""

HIGHEST_RATE = 40
"""Whole percents of tax that are tried on an order which states its tax alone."""

Step = Mapping[str, Any]


def formula_of(row: Detail, trace: Step, at: int, currency: str, *, names_owner: bool) -> str:
    """How a movement of line `at` of a trace was computed; empty where it was stated, not computed.

    `names_owner`: the reader may know what a channel's owner got of the pool.
    """
    steps: Sequence[Step] = trace["lines"][at]["steps"]
    if row.account == TAX:
        return tax_formula(trace, at, currency)[1]
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
    if step["code"] == "tiered":
        return _tiered(step, currency)
    if step["code"] != "percent":
        return ""
    whole_step = f"{percent(step['bp'])} × {exact.plain(step['on'], currency)}"
    if step["account"] != CHANNEL:
        return f"{whole_step} = {exact.exact(step['exact'], currency)}"
    return _of_pool(row, step, whole_step, currency) if names_owner else whole_step


def tax_formula(trace: Step, at: int, currency: str) -> tuple[str, str]:
    """The rate of a line's tax and how the tax was computed; both empty where neither is known.

    An order that states its tax alone has the rate, in whole percents, that gives exactly what it states.
    """
    lines = [_taxed(line["steps"]) for line in trace["lines"]]
    here = lines[at]
    if here is None:
        return "", ""
    step, on = here
    bp = step.get("bp")
    if bp is None:
        told = [line for line in lines if line is not None]
        due, whole = sum(step["amount"] for step, _on in told), sum(on for _step, on in told)
        rates = [rate for rate in range(1, HIGHEST_RATE + 1) if half_up(whole * rate, _over(step, rate)) == due]
        if len(rates) != 1 or len(told) != len(lines):
            return "", ""
        bp = rates[0] * 100
    if any(each["code"] == "settlement" for each in trace["lines"][at]["steps"]):
        return percent(bp), ""  # it was computed in the learner's currency and settled in another
    rate = percent(bp).removesuffix("%")
    if step["mode"] == EXCLUSIVE:
        return percent(bp), f"{exact.plain(on, currency)} × {rate}% = {exact.exact(f'{on * bp}/10000', currency)}"
    over = percent(10_000 + bp).removesuffix("%")
    told_exactly = exact.exact(f"{on * bp}/{10_000 + bp}", currency)
    return percent(bp), f"{exact.plain(on, currency)} × {rate} ÷ {over} = {told_exactly}"


def fee_formula(trace: Step, at: int, currency: str) -> str:
    """A line's part of the fee of its order; empty where the order has one line, which bears all of it."""
    told = next((row for row in trace["allocations"] if row["what"] == "processor_fee"), None)
    if told is None or len(told["rows"]) < 2:
        return ""
    whole = sum(row["weight"] for row in told["rows"])
    part = told["rows"][at]
    paid, of, fee = (exact.plain(amount, currency) for amount in (part["weight"], whole, told["amount"]))
    return f"{fee} × {paid} ÷ {of} = {exact.exact(part['exact'], currency)}"


def _taxed(steps: Sequence[Step]) -> tuple[Step, int] | None:
    """The tax step of a line, and what the tax is on."""
    step = next((step for step in steps if step["code"] == "tax"), None)
    return (step, step["on"]) if step else None


def _over(step: Step, rate: int) -> int:
    return 100 if step["mode"] == EXCLUSIVE else 100 + rate


def _tiered(step: Step, currency: str) -> str:
    if "bp" in step:
        return f"{percent(step['bp'])} × {exact.plain(step['on'], currency)} = {exact.exact(step['exact'], currency)}"
    laid = " + ".join(f"{percent(row['bp'])} × {exact.plain(row['on'], currency)}" for row in step["rows"])
    return f"{laid} = {exact.exact(step['exact'], currency)}"


def _of_pool(row: Detail, step: Step, whole_step: str, currency: str) -> str:
    fits = (part for part in step.get("channels", ()) if part["account"] == row.account)
    part = next((part for part in fits if part["amount"] - part.get("capped", 0) == row.amount), None)
    if part is None:
        return whole_step
    pool = sum(each["amount"] for each in step["channels"])
    over = f" − {exact.plain(part['capped'], currency)}" if part.get("capped") else ""
    return f"{exact.credit(part['weight'])} × {exact.plain(pool, currency)} ({whole_step}){over}"


def _about(step: Step, row: Detail) -> bool:
    """Whether a step of a row's clause is the row's own; every party's reserve stands under one clause."""
    return bool(step["code"] != "reserve" or (step["account"] == row.account and step["amount"] == row.amount))


def _shared(row: Detail, steps: Sequence[Step]) -> tuple[Step, Step] | None:
    """The sharing step behind a share, and the share's own row in it; a group may share in several places.

    What stays in reserve was taken off the share, so a row that equals the amount comes first, else the clause's own.
    """
    found = list(_sharings(row, steps)) if is_of_split(row.clause) else []
    return next((pair for pair in found if pair[1]["amount"] == row.amount), found[0] if found else None)


def _sharings(row: Detail, steps: Sequence[Step]) -> Iterator[tuple[Step, Step]]:
    for step in steps:
        if step["code"] in SHARING:
            yield from ((step, part) for part in step["rows"] if part["clause"] == row.clause)


def is_of_split(clause: str) -> bool:
    """Whether a clause's path is that of a share of the split, not of a step before it."""
    return ".parties[" in clause or clause.startswith("groups.")
