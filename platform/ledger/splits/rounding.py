"""How a rounding fell, in exact fractions: the rows behind "where the last cents went"."""

from collections.abc import Sequence
from math import gcd
from typing import Any

from ledger.money import BP, portions


def fraction(numerator: int, denominator: int) -> str:
    """Write an exact fraction in lowest terms, always with its denominator: "7/2", "3/1"."""
    divisor = gcd(numerator, denominator)
    return f"{numerator // divisor}/{denominator // divisor}"


def rounded(numerator: int, denominator: int, got: int) -> dict[str, Any]:
    """Describe how numerator/denominator became `got`.

    `why`: exact (nothing to round), down, up, half_up (an exact half, which goes up: to the taker), or history (not
    this rounding alone decided: something was undone in between).
    """
    floor, rest = divmod(numerator, denominator)
    due = floor + (2 * rest >= denominator)
    if got != due:
        why = "history"
    elif not rest:
        why = "exact"
    elif due == floor:
        why = "down"
    else:
        why = "half_up" if 2 * rest == denominator else "up"
    return {"exact": fraction(numerator, denominator), "floor": floor, "amount": got, "why": why}


def percented(amount: int, bp: int, got: int) -> dict[str, Any]:
    """Describe `pct(amount, bp) == got`."""
    return rounded(amount * bp, BP, got)


def apportioned(total: int, weights: Sequence[int], already: Sequence[int] | None = None) -> list[dict[str, Any]]:
    """Describe `apportion(total, weights, already)`, one row per line.

    exact: the quota of everything given so far and now; already: given before (left out without history); floor:
    units that filled whole deficits; odd: 0 or 1 unit won by the left-over; left: that left-over; amount = floor + odd.
    `why`: zero_weight; ahead (got more than its quota before, or nothing to give); exact (nothing left over);
    largest_left and smaller_left (won and lost the odd unit); tie_earlier and tie_later (won and lost it against an
    equal left-over, by position).
    """
    rows = portions(total, weights, already)
    scale = sum(weights) or 1
    all_given = total + sum(already or ())
    last_won = min((row.left for row in rows if row.odd), default=-1)
    first_lost = max((row.left for row in rows if not row.odd), default=-1)
    tie = last_won if last_won == first_lost else -1
    result = []
    for i, (row, weight) in enumerate(zip(rows, weights, strict=True)):
        described: dict[str, Any] = {"weight": weight, "exact": fraction(all_given * weight, scale)}
        if already is not None:
            described["already"] = already[i]
        described |= {"floor": row.whole, "odd": row.odd, "left": fraction(max(row.left, 0), scale)}
        described |= {"amount": row.whole + row.odd, "why": _why(row.odd, row.left, weight, tie)}
        result.append(described)
    return result


def _why(odd: int, left: int, weight: int, tie: int) -> str:
    if not weight:
        return "zero_weight"
    if left < 0:
        return "ahead"
    if left == tie:
        return "tie_earlier" if odd else "tie_later"
    if odd:
        return "largest_left"
    return "smaller_left" if left else "exact"
