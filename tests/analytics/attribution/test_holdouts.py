"""Hold-out tests: lifts and errors to the last digits, and figures set right by them."""

import csv
import gzip
import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from statistics import fmean, variance

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.attribution.errors import AttributionError
from analytics.attribution.holdouts import (
    Arm,
    Factor,
    Group,
    calibrated,
    calibration,
    combined,
    factor_of,
    held_out,
    lift_of_groups,
    lift_of_people,
)
from tests.examples import examples

amounts = st.lists(st.integers(-10, 90), min_size=2, max_size=12)


@pytest.fixture(scope="module")
def hillstrom(shared_data: Path) -> dict[tuple[str, str], Arm]:
    """The arms of a randomised e-mail test: visits and orders as counts, spend in cents."""
    told: dict[tuple[str, str], list[int]] = defaultdict(list)
    with gzip.open(shared_data / "data/attribution/hillstrom_email_holdout.csv.gz", "rt") as file:
        for row in csv.DictReader(file):
            for outcome, unit in (("visit", 1), ("conversion", 1), ("spend", 100)):
                told[row["segment"], outcome].append(int(Decimal(row[outcome]) * unit))
    return {key: Arm.of(amounts) for key, amounts in told.items()}


def test_lifts_and_errors_of_a_real_test_equal_the_reference(
    hillstrom: dict[tuple[str, str], Arm], shared_data: Path
) -> None:
    reference = json.loads((shared_data / "data/attribution/hillstrom_email_holdout.reference.json").read_text())
    for segment, outcomes in reference["lift_vs_holdout"].items():
        for outcome, expected in outcomes.items():
            unit = 100 if outcome == "spend" else 1
            lift = lift_of_people(hillstrom[segment, outcome], hillstrom["No E-Mail", outcome])
            assert lift.per_person / unit == pytest.approx(expected["lift_per_user"], rel=1e-12)
            assert lift.error / unit == pytest.approx(expected["se"], rel=1e-12)
            assert lift.total / unit == pytest.approx(expected["incremental_total"], rel=1e-12)
            assert lift.in_test / unit == pytest.approx(expected["naive_total"], rel=1e-12)
            factor = factor_of(lift, credited=lift.in_test)
            assert factor.factor == pytest.approx(expected["incremental_share_of_naive"], rel=1e-12)


def test_mail_is_paid_what_it_caused_and_not_what_it_met(hillstrom: dict[tuple[str, str], Arm]) -> None:
    lift = lift_of_people(hillstrom["Mens E-Mail", "conversion"], hillstrom["No E-Mail", "conversion"])
    right = calibrated(267, factor_of(lift, credited=267))
    assert (round(right.figure, 1), round(right.error, 1)) == (145.0, 19.6)
    assert right.raw == 267
    assert right.ends == pytest.approx(lift.ends)
    assert right.ends == pytest.approx((106.5, 183.5), abs=0.05)


@given(exposed=amounts, held=amounts)
@settings(max_examples=examples(60))
def test_a_lift_is_the_difference_of_means_with_the_error_of_unequal_variances(
    exposed: list[int], held: list[int]
) -> None:
    lift = lift_of_people(Arm.of(exposed), Arm.of(held))
    assert lift.per_person == pytest.approx(fmean(exposed) - fmean(held), rel=1e-12, abs=1e-12)
    error = (variance(exposed) / len(exposed) + variance(held) / len(held)) ** 0.5
    assert lift.error == pytest.approx(error, rel=1e-12, abs=1e-12)


@given(exposed=amounts, held=amounts)
@settings(max_examples=examples(60))
def test_groups_of_one_person_each_are_people(exposed: list[int], held: list[int]) -> None:
    by_group = lift_of_groups([Group(1, y) for y in exposed], [Group(1, y) for y in held])
    assert by_group == lift_of_people(Arm.of(exposed), Arm.of(held))


def test_what_a_region_did_before_is_not_the_channels_doing() -> None:
    """Each region grows by 10 a thousand people, exposed ones by 15; rich regions stay rich."""
    exposed = [Group(1_000, 115, before=100), Group(2_000, 330, before=300)]
    held = [Group(1_000, 410, before=400), Group(3_000, 90, before=60)]
    lift = lift_of_groups(exposed, held)
    assert (lift.per_person, lift.error, lift.people, lift.in_test) == (0.005, 0.0, 3_000, 445)
    assert lift.total == pytest.approx(15)


def test_people_who_did_nothing_count() -> None:
    assert Arm.of([2, 1], people=5) == Arm.of([2, 1, 0, 0, 0]) == Arm(5, 3, 5)


def test_intervals_hold_the_true_lift_about_as_often_as_they_say() -> None:
    draw, inside = np.random.Generator(np.random.PCG64(3)), 0
    for _world in range(400):
        exposed, held = (draw.binomial(4_000, rate) for rate in (0.06, 0.05))
        low, high = lift_of_people(*(Arm(4_000, int(c), int(c)) for c in (exposed, held))).ends
        inside += int(low <= 0.01 * 4_000 <= high)
    assert 0.92 * 400 <= inside <= 0.98 * 400


def test_who_is_held_out_is_drawn_by_hash_anew_for_each_test() -> None:
    people = range(20_000)
    first, second = ({p for p in people if held_out(p, test=name, share_bp=1_000)} for name in ("spring", "autumn"))
    assert all(1_850 < len(held) < 2_150 for held in (first, second))
    assert 140 < len(first & second) < 260, "tests are independent"
    assert first == {p for p in people if held_out(p, test="spring", share_bp=1_000)}
    assert first < {p for p in people if held_out(p, test="spring", share_bp=2_000)}, "a larger share keeps the smaller"


def test_errors_of_the_credit_and_of_the_lift_both_enter() -> None:
    lift = lift_of_people(Arm(100, 30, 30), Arm(100, 20, 20))
    alone, both = factor_of(lift, credited=40), factor_of(lift, credited=40, credited_error=8)
    assert alone.factor == both.factor == pytest.approx(0.25)
    assert both.error == pytest.approx((alone.error**2 + (0.25 * 8 / 40) ** 2) ** 0.5)
    figure = calibrated(80, Factor(0.5, 0.1), raw_error=4)
    assert (figure.figure, figure.error) == pytest.approx((40, (8**2 + 2**2) ** 0.5))


def test_several_tests_of_one_channel_are_weighed_by_their_precision() -> None:
    both = combined([Factor(0.4, 0.1), Factor(0.8, 0.2)])
    assert (both.factor, both.error) == pytest.approx((0.48, (1 / 125) ** 0.5))
    alone, sure = combined([Factor(0.4, 0.1)]), combined([Factor(0.4, 0.1), Factor(0.9, 0.0), Factor(0.7, 0.0)])
    assert (alone.factor, alone.error) == pytest.approx((0.4, 0.1))
    assert (sure.factor, sure.error) == pytest.approx((0.8, 0.0))


def test_a_channel_without_a_test_is_said_to_be_not_tested() -> None:
    told = calibration({"mail": 80, "search": 50}, {"mail": [Factor(0.5, 0.1)]}, errors={"mail": 4})
    assert told == {"mail": calibrated(80, Factor(0.5, 0.1), raw_error=4), "search": None}


def test_what_no_test_can_say_is_refused() -> None:
    fine = Arm(2, 1, 1)
    with pytest.raises(AttributionError, match="the held-out arm has 1 people, at least two"):
        lift_of_people(fine, Arm(1, 0, 0))
    with pytest.raises(AttributionError, match="the exposed arm's sum of squares is too small"):
        lift_of_people(Arm(2, 4, 1), fine)
    with pytest.raises(AttributionError, match="the exposed side has 1 groups"):
        lift_of_groups([Group(5, 1)], [Group(5, 1)] * 2)
    with pytest.raises(AttributionError, match="a group of the held-out side has no people"):
        lift_of_groups([Group(5, 1)] * 2, [Group(5, 1), Group(0, 0)])
    with pytest.raises(AttributionError, match="needs something credited in the test, not 0"):
        factor_of(lift_of_people(fine, fine), credited=0)
    with pytest.raises(AttributionError, match="no test was given"):
        combined([])
    with pytest.raises(AttributionError, match="holds out 1 to 9999 of 10000 people, not 0"):
        held_out(1, test="a", share_bp=0)
