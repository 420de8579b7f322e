"""The second engine's sales: what each line of an order costs, and who shares in it. Plain and exact as `model.py`."""

from fractions import Fraction
from typing import Any

Row = dict[str, Any]
HALF = Fraction(1, 2)
MILLION = 1_000_000
FOR_ALL_LINES = ("channel", "channels", "refused", "meter_before", "rule", "channel_kind")


def half_up(value: Fraction) -> int:
    return (value + HALF).__floor__()


def deal(total: int, weights: list[int], already: list[int] | None = None) -> list[int]:
    """Deal units one at a time to whoever is furthest behind the exact quota.

    Deficits are compared as whole numbers: each is multiplied by the sum of the weights.
    """
    now = list(already or [0] * len(weights))
    whole, parts = total + sum(now), sum(weights)
    for _ in range(total):
        behind = [(whole * w - parts * got, -i) for i, (w, got) in enumerate(zip(weights, now, strict=True)) if w]
        now[-max(behind)[1]] += 1
    return [a - b for a, b in zip(now, already or [0] * len(weights), strict=True)]


def part(amount: int, bp: int) -> int:
    return half_up(Fraction(amount * bp, 10_000))


def scale(amount: int, meter: int, tiers: list[Row]) -> Fraction:
    """Lay an amount on a scale, unit by unit."""
    total = 0
    for unit in range(meter, meter + amount):
        total += next(t["bp"] for t in tiers if t["upto"] is None or unit < t["upto"])
    return Fraction(total, 10_000)


def priced(e: Row) -> list[Row]:
    """Price every line of a sale: tax, what was paid and settled for it, its part of discounts and of the fee."""
    if "lines" not in e:
        return _settled(
            e, [_line(e, e.get("discounts", []), e.get("tax", {"mode": "none"}), e.get("processor_fee", 0))]
        )
    taxes = _taxes(e, offs := _discounts(e))
    lines = []
    for raw, off, tax in zip(e["lines"], offs, taxes, strict=True):
        shared = {key: e[key] for key in FOR_ALL_LINES if key in e}
        if "channel" in raw or "channels" in raw:
            shared = {key: value for key, value in shared.items() if key not in ("channel", "channels")}
        lines.append(_line({**shared, **raw}, off, tax, 0))
    fees = _spread(e.get("processor_fee", 0), [line["paid"] for line in lines])
    return _settled(e, [{**line, "fee": fee} for line, fee in zip(lines, fees, strict=True)])


def _spread(total: int, weights: list[int]) -> list[int]:
    """Deal an amount of the whole order; where nothing has any weight, the first line takes it."""
    return deal(total, weights if any(weights) else [1] + [0] * (len(weights) - 1))


def _discounts(e: Row) -> list[list[Row]]:
    """Each line's own discounts, then its parts of the order's: by list price, or by what is left if that is less."""
    offs = [list(raw.get("discounts", [])) for raw in e["lines"]]
    prices = [raw["list_price"] for raw in e["lines"]]
    for discount in e.get("discounts", []):
        left = [price - sum(d["amount"] for d in off) for price, off in zip(prices, offs, strict=True)]
        parts = _spread(discount["amount"], prices)
        if any(x > room for x, room in zip(parts, left, strict=True)):
            parts = _spread(discount["amount"], left)
        for off, x in zip(offs, parts, strict=True):
            off.append({**discount, "amount": x})
    return offs


def _taxes(e: Row, offs: list[list[Row]]) -> list[Row]:
    """Each line's own tax, or the order's: a rate as it is, an amount dealt over the net prices of those lines."""
    whole = e.get("tax", {"mode": "none"})
    if "amount" not in whole:
        return [raw.get("tax", whole) for raw in e["lines"]]
    nets = [
        0 if "tax" in raw else raw["list_price"] - sum(d["amount"] for d in off)
        for raw, off in zip(e["lines"], offs, strict=True)
    ]
    weights = nets if any(nets) else [0 if "tax" in raw else 1 for raw in e["lines"]]
    dealt = deal(whole["amount"], weights)
    return [raw.get("tax", {**whole, "amount": x}) for raw, x in zip(e["lines"], dealt, strict=True)]


def _line(raw: Row, off: list[Row], tax: Row, fee: int) -> Row:
    net = raw["list_price"] - sum(d["amount"] for d in off)
    due = 0
    if tax["mode"] != "none":
        below = 10_000 + (tax.get("rate_bp", 0) if tax["mode"] == "inclusive" else 0)
        due = tax["amount"] if "amount" in tax else half_up(Fraction(net * tax["rate_bp"], below))
    named = [d for d in off if d["borne_by"] != "pool"]
    return {
        "id": raw.get("id", ""), "raw": raw, "paid": net + due if tax["mode"] == "exclusive" else net, "tax": due,
        "named": [d["borne_by"] for d in named], "borne": [d["amount"] for d in named], "fee": fee,
    }  # fmt: skip


def _settled(e: Row, lines: list[Row]) -> list[Row]:
    """Turn prices into the currency of the postings, each line at its own rate; a free line at the order's."""
    paid = sum(line["paid"] for line in lines)
    parts = [line["paid"] for line in lines]
    if "settlement" in e:
        parts = deal(e["settlement"]["amount"], parts)
    for line, settled in zip(lines, parts, strict=True):
        rate = Fraction(1)
        if "settlement" in e:
            rate = Fraction(settled, line["paid"]) if line["paid"] else Fraction(e["settlement"]["amount"], paid)
        line["settled"], line["tax"] = settled, half_up(line["tax"] * rate)
        line["borne"] = [half_up(x * rate) for x in line["borne"]]
    return lines


def shared_out(line: Row, rule: Row, e: Row) -> list[tuple[str, int]]:
    """Run a rule's steps on what one line brought: who has which share, in order, tax first."""
    base = line["settled"] - line["tax"] + sum(line["borne"])
    return [(account, x) for account, x in [("tax:payable", line["tax"]), *_steps(line, rule, e, base)] if x]


def _steps(line: Row, rule: Row, e: Row, base: int) -> list[tuple[str, int]]:
    raw, found = line["raw"], []
    steps = rule.get("steps") or next(
        v["steps"] for v in rule["variants"] if all(raw.get(k, e.get(k)) == x for k, x in v["when"].items())
    )
    left = base
    owners = raw.get("channels", [{"party": raw["channel"], "ppm": MILLION}] if "channel" in raw else [])
    room = {limit["party"]: limit["left"] for limit in raw.get("limits", [])}
    for step in steps[:-1]:
        wanted = min(left, _wanted(step, left, base, line["fee"], raw.get("meter_before", 0)))
        taken = [(step.get("account", "platform:processor_fees"), wanted)]
        if taken[0][0] == "channel":
            taken = _brought(owners, wanted, room)
        found += taken
        left -= sum(amount for _, amount in taken)
    for account, amount in _members(rule, steps[-1]["parties"], left):
        kept = part(amount, rule.get("reserve_bp", 0)) if account.startswith("party:") else 0
        found += [(account, amount - kept), (f"{account}:reserve", kept)]
    barred = {f"party:{name}{end}" for name in raw.get("refused", []) for end in ("", ":reserve")}
    return [("platform:revenue" if account in barred else account, amount) for account, amount in found]


def _wanted(step: Row, left: int, base: int, fee: int, meter: int) -> int:
    if step["take"] == "fixed":
        return int(step["amount"])
    if step["take"] == "percent":
        return part(base if step.get("of") == "base" else left, step["bp"])
    if step["take"] == "processor_fee":
        return fee
    if step["mode"] == "marginal":
        return half_up(scale(left, meter, step["tiers"]))
    return part(left, next(t["bp"] for t in step["tiers"] if t["upto"] is None or meter < t["upto"]))


def _brought(owners: list[Row], amount: int, room: dict[str, int]) -> list[tuple[str, int]]:
    """What each owned channel takes of a step; the rest was never taken. `room` shrinks by it."""
    if not owners:
        return []
    ppm = [owner["ppm"] for owner in owners]
    taken = []
    for owner, due in zip(owners, deal(amount, [*ppm, MILLION - sum(ppm)]), strict=False):
        if owner["party"]:
            got = min(due, room.get(owner["party"], due))
            if owner["party"] in room:
                room[owner["party"]] -= got
            taken.append((f"party:{owner['party']}", got))
    return taken


def _members(rule: Row, members: list[Row], amount: int) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    for member, got in zip(members, deal(amount, [m["weight"] for m in members]), strict=True):
        kind, _, name = member["account"].partition(":")
        found += _members(rule, rule["groups"][name], got) if kind == "group" else [(member["account"], got)]
    return found
