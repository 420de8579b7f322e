"""Cases: a course bought in one way, at one price, after one journey. A year's orders are many copies of some cases."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ledger.money import half_up, pct
from portal.large.world import OWNED, World

VAT_BP, FEE_BP, COUPON_BP = 600, 60, 1_000


class CaseTouch(NamedTuple):
    """A touch so many minutes before the order. `channel` and `owner` are places in the world; -1 is nobody's."""

    minutes: int
    channel: int
    owner: int


@dataclass(frozen=True, slots=True)
class Case:
    """Amounts in minor units of CNY, tax included; the touches oldest first, all within the look-back."""

    course: int
    list_minor: int
    discount_minor: int
    tax_minor: int
    fee_minor: int
    touches: tuple[CaseTouch, ...]


def draw_cases(world: World, *, each: int, seed: int) -> Iterator[Case]:
    """Draw `each` cases of every course: one order in three came by itself, one in ten at a lower price."""
    draw = random.Random(seed)  # noqa: S311 - the same business for the same seed
    for course, price in enumerate(world.prices):
        for number in range(each):
            off = pct(price, COUPON_BP) if number % 10 == 9 else 0
            paid = price - off
            yield Case(
                course=course,
                list_minor=price,
                discount_minor=off,
                tax_minor=half_up(paid * VAT_BP, 10_000 + VAT_BP),
                fee_minor=pct(paid, FEE_BP),
                touches=_touches(draw, len(world.bringers)),
            )


def _touches(draw: random.Random, bringers: int) -> tuple[CaseTouch, ...]:
    count = draw.choices((0, 1, 2, 3, 4), weights=(34, 31, 20, 10, 5))[0]
    found = []
    for _unused in range(count):
        owned = draw.random() < 0.35
        found.append(
            CaseTouch(
                minutes=draw.randrange(5, 29 * 24 * 60),
                channel=OWNED if owned else draw.randrange(OWNED),
                owner=draw.randrange(bringers) if owned else -1,
            )
        )
    return tuple(sorted(found, reverse=True))
