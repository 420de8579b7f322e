"""What the demo's agreements say: most alike, some with tiers, reserves or caps, so that each clause is met."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts.models import Party
from ledger.money import exponent
from partners.choices import MeterPeriod
from portal.demo.simulate import DemoCourse


@dataclass(frozen=True, slots=True)
class DemoTerms:
    """A course's rule and the clauses beside it."""

    rule: Mapping[str, Any]
    reserve_days: int = 90
    meter: str = MeterPeriod.EVER
    caps: Sequence[Mapping[str, Any]] = ()


def terms_of(course: DemoCourse, parties: Sequence[Party], *, platform_bp: int = 3_000) -> DemoTerms:
    """Every fifth course keeps a reserve, every seventh has tiers by the year, every fourth caps its partners."""
    rule: dict[str, Any] = {
        "steps": [
            {"take": "processor_fee"},
            {"take": "percent", "account": "channel", "bp": 1_500 if course.index % 3 else 2_000, "of": "base"},
            _platform(course, platform_bp),
            {
                "take": "split",
                "parties": [
                    {"account": f"party:{party.code}", "weight": weight}
                    for party, weight in zip(parties, _weights(parties), strict=True)
                ],
            },
        ]
    }
    if course.index % 5 == 4:
        rule["reserve_bp"] = 1_000
    unit = 10 ** exponent(course.currency)
    cap = {"per": "month", "minor": 1_500 * unit, "currency": course.currency}
    return DemoTerms(
        rule=rule,
        reserve_days=60,
        meter=MeterPeriod.YEAR if course.index % 7 == 3 else MeterPeriod.EVER,
        caps=[cap] if course.index % 4 == 1 else (),
    )


def _platform(course: DemoCourse, bp: int) -> dict[str, Any]:
    """The school's part: a share of the base, or one that falls as the course sells."""
    if course.index % 7 != 3:
        return {"take": "percent", "account": "platform:revenue", "bp": bp, "of": "base"}
    unit = 10 ** exponent(course.currency)
    return {
        "take": "tiered",
        "account": "platform:revenue",
        "mode": "marginal",
        "tiers": [
            {"upto": 10_000 * unit, "bp": bp},
            {"upto": 30_000 * unit, "bp": bp - 500},
            {"upto": None, "bp": bp - 1_000},
        ],
    }


def _weights(parties: Sequence[Party]) -> tuple[int, ...]:
    return {1: (100,), 2: (70, 30), 3: (60, 25, 15)}[len(parties)]
