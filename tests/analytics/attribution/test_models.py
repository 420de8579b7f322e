"""One suite that every attribution model of the house passes, whatever its formula."""

import random
from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.attribution import markov_windows
from analytics.attribution.errors import AttributionError
from analytics.attribution.markov_windows import tally_steps
from analytics.attribution.paths import PathTable, path_table
from analytics.attribution.registry import ADDITIVE_MODELS, MODELS, Terms, as_json, attribute, compile_models
from tests.analytics.attribution import oracle
from tests.analytics.attribution.conftest import interpreted_form
from tests.analytics.attribution.oracle import Rows
from tests.examples import examples

TERMS = Terms(direct=oracle.DIRECT, weights=tuple(map(float, oracle.WEIGHTS)))
EVERY_MODEL = [(model, 1) for model in MODELS] + [("markov", order) for order in (2, 3, 4)]
HANDING_OUT = [(model, order) for model, order in EVERY_MODEL if model != "counterfactual"]
"""Models that share all there is among channels; counterfactual leaves a baseline, see `test_counterfactual`."""

rows_of_paths = st.lists(
    st.tuples(
        st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(tuple),
        st.integers(0, 5),
        st.integers(-20, 50),
        st.integers(0, 5),
    ),
    min_size=1,
    max_size=8,
).map(lambda rows: [(path, c, v if c else 0, n) for path, c, v, n in rows])

each_model = pytest.mark.parametrize(("model", "order"), EVERY_MODEL)
each_handing_out = pytest.mark.parametrize(("model", "order"), HANDING_OUT)


def table(rows: Rows) -> PathTable:
    paths, conversions, values, nulls = zip(*rows, strict=True)
    return path_table(paths, conversions=conversions, values=values, nulls=nulls)


def credit(rows: Rows, model: str, order: int = 1) -> dict[Any, tuple[float, float]]:
    paths = table(rows)
    result = attribute(paths, model=model, order=order, terms=TERMS)
    assert result.value is not None
    return dict(zip(paths.channels, zip(result.conversions.tolist(), result.value.tolist(), strict=True), strict=True))


def run(rows: Rows, order: int) -> Any:
    return attribute(table(rows), model="markov", order=order).markov


def agree(left: dict[Any, tuple[float, float]], right: dict[Any, tuple[float, float]]) -> None:
    assert left.keys() == right.keys()
    for channel, amounts in left.items():
        assert amounts == pytest.approx(right[channel], rel=1e-9, abs=1e-9)


def clear_effects(rows: Rows, order: int) -> bool:
    """Say whether the shares of value are well defined: no near-cancelling sums of positive and negative value."""
    effects = [float(value) for _, value in oracle.removal_effects(rows, order).values()]
    whole = sum(value for _, c, value, _ in rows if c)
    size = sum(abs(value) for _, c, value, _ in rows if c)
    return abs(whole) > 1e-3 * size and abs(sum(effects)) > 1e-3 * sum(map(abs, effects))


@each_handing_out
@given(rows=rows_of_paths)
@settings(max_examples=examples(24))
def test_all_conversions_and_all_value_are_handed_out(model: str, order: int, rows: Rows) -> None:
    parts = credit(rows, model, order)
    conversions = sum(c for _, c, _, _ in rows)
    assert sum(count for count, _ in parts.values()) == pytest.approx(conversions, rel=1e-12, abs=1e-12)
    if model != "markov" or clear_effects(rows, order):
        value = sum(v for _, _, v, _ in rows)
        assert sum(money for _, money in parts.values()) == pytest.approx(value, rel=1e-9, abs=1e-9)


@each_model
@given(rows=rows_of_paths, seed=st.integers(0, 99))
@settings(max_examples=examples(18))
def test_the_order_of_rows_and_how_they_are_split_change_nothing(model: str, order: int, rows: Rows, seed: int) -> None:
    split: Rows = []
    for path, conversions, value, nulls in rows:
        for _ in range(conversions):
            split.append((path, 1, 0, 0))
        split.append((path, 0, 0, nulls))
        if conversions:
            split[-2] = (path, 1, value, 0)
    random.Random(seed).shuffle(split)
    if model == "markov" and not clear_effects(rows, order):
        rows = [(path, c, c, n) for path, c, _, n in rows]
        split = [(path, c, c, n) for path, c, _, n in split]
    agree(credit(split, model, order), credit(rows, model, order))


@each_model
@given(rows=rows_of_paths)
@settings(max_examples=examples(18))
def test_renaming_channels_renames_the_credit(model: str, order: int, rows: Rows) -> None:
    names = {"a": 7, "b": 3, "c": 11, "d": 2}
    renamed: Any = [(tuple(names[channel] for channel in path), c, v, n) for path, c, v, n in rows]
    agree({names[k]: v for k, v in credit(rows, model, order).items()}, credit(renamed, model, order))


@pytest.mark.parametrize("model", ADDITIVE_MODELS)
@given(rows=rows_of_paths)
@settings(max_examples=examples(32))
def test_position_models_equal_their_formula_in_exact_fractions(model: str, rows: Rows) -> None:
    expected = {k: (float(c), float(v)) for k, (c, v) in oracle.position_credit(rows, model).items()}
    agree(expected, credit(rows, model))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@given(rows=rows_of_paths)
@settings(max_examples=examples(24))
def test_markov_equals_removal_by_elimination_in_exact_fractions(order: int, rows: Rows) -> None:
    found = run(rows, order)
    p, v = oracle.absorbed(rows, order, None)
    assert found.p_conversion == pytest.approx(float(p), rel=1e-12)
    assert found.value_per_journey == pytest.approx(float(v), rel=1e-9, abs=1e-9)
    effects = list(oracle.removal_effects(rows, order).values())
    assert found.removal_effect_conversions == pytest.approx([float(e) for e, _ in effects], rel=1e-9, abs=1e-12)
    if clear_effects(rows, order):
        assert found.removal_effect_value == pytest.approx([float(e) for _, e in effects], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@given(rows=rows_of_paths)
@settings(max_examples=examples(24))
def test_markov_keeps_the_averages_of_its_input_for_every_order(order: int, rows: Rows) -> None:
    found = run(rows, order)
    journeys = sum(c + n for _, c, _, n in rows) or 1
    assert found.p_conversion == pytest.approx(sum(c for _, c, _, _ in rows) / journeys, rel=1e-12, abs=1e-300)
    value = sum(v for _, c, v, _ in rows if c)
    assert found.value_per_journey == pytest.approx(value / journeys, rel=1e-9, abs=1e-9)
    assert np.all((found.removal_effect_conversions >= 0) & (found.removal_effect_conversions <= 1))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@given(rows=rows_of_paths, seed=st.integers(0, 99))
@settings(max_examples=examples(24))
def test_markovs_invariants_hold_to_twelve_digits_where_nothing_cancels(order: int, rows: Rows, seed: int) -> None:
    rows = [(path, c, abs(value), n) for path, c, value, n in rows]
    found, turned = run(rows, order), run(random.Random(seed).sample(rows, len(rows)), order)
    journeys = sum(c + n for _, c, _, n in rows) or 1
    value = sum(value for _, _, value, _ in rows)
    assert found.value_per_journey == pytest.approx(value / journeys, rel=1e-12, abs=1e-300)
    assert found.value.sum() == pytest.approx(value, rel=1e-12, abs=1e-12)
    for name in ("removal_effect_conversions", "removal_effect_value", "conversions", "value"):
        ordered = (
            dict(zip(table(rows).channels, getattr(found, name).tolist(), strict=True)),
            dict(zip(table(random.Random(seed).sample(rows, len(rows))).channels, getattr(turned, name), strict=True)),
        )
        assert ordered[0] == pytest.approx(ordered[1], rel=1e-12, abs=1e-12), name
        assert name not in ("removal_effect_conversions", "removal_effect_value") or np.all(
            (getattr(found, name) >= -1e-15) & (getattr(found, name) <= 1 + 1e-12)
        )


@given(rows=rows_of_paths, more=st.integers(1, 9), at=st.integers(0, 7))
@settings(max_examples=examples(18))
def test_a_journey_more_that_did_not_convert_never_raises_the_chance(rows: Rows, more: int, at: int) -> None:
    path, conversions, value, nulls = rows[at % len(rows)]
    fewer = run(rows, 1).p_conversion
    assert run([*rows, (path, 0, 0, more)], 1).p_conversion <= fewer * (1 + 1e-12)
    assert (path, conversions, value, nulls) in rows


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_channel_on_every_path_has_removal_effect_one(order: int) -> None:
    found = run([(("a", "b"), 3, 3, 1), (("b",), 1, 5, 4), (("c", "a", "b", "a"), 0, 0, 2)], order)
    assert found.removal_effect_conversions[1] == pytest.approx(1, rel=1e-14)
    assert found.removal_effect_conversions[1] <= 1


@each_handing_out
def test_one_channel_takes_everything(model: str, order: int) -> None:
    agree(credit([(("a",), 2, 10, 3), (("a", "a", "a"), 1, -4, 0)], model, order), {"a": (3.0, 6.0)})


@each_model
def test_without_conversions_nobody_is_credited(model: str, order: int) -> None:
    assert credit([(("a", "b"), 0, 0, 5), (("b",), 0, 0, 1)], model, order) == {"a": (0.0, 0.0), "b": (0.0, 0.0)}


@each_model
def test_rows_of_no_journeys_name_their_channels_and_nothing_more(model: str, order: int) -> None:
    parts = credit([(("a", "b"), 1, 5, 1), (("z", "a"), 0, 0, 0)], model, order)
    assert parts.pop("z") == (0.0, 0.0)
    agree(parts, credit([(("a", "b"), 1, 5, 1)], model, order))


@each_handing_out
def test_a_path_of_four_hundred_touches_is_one_like_any_other(model: str, order: int) -> None:
    long = tuple("abc"[i % 3] for i in range(400))
    rows: Rows = [(long, 2, 30, 1), (("a",), 1, 1, 5)]
    if model == "markov":
        effects = [effect for effect, _ in oracle.removal_effects(rows, order).values()]
        expected = [float(3 * effect / sum(effects)) for effect in effects]
    else:
        expected = [float(conversions) for conversions, _ in oracle.position_credit(rows, model).values()]
    assert [count for count, _ in credit(rows, model, order).values()] == pytest.approx(expected, rel=1e-9)


@each_handing_out
def test_without_a_value_column_there_is_no_value(model: str, order: int) -> None:
    paths = path_table([("a", "b"), ("b",)], conversions=[1, 2])
    found = attribute(paths, model=model, order=order)
    assert found.value is None
    assert found.conversions.sum() == pytest.approx(3)
    assert as_json(paths, found)["channels"]["a"]["value"] is None


@each_model
def test_repeating_the_same_call_gives_the_same_bytes(model: str, order: int) -> None:
    rows = [(("a", "b", "a", "c"), 3, 17, 4), (("c", "d"), 1, 2, 9), (("b", "d", "a"), 2, 5, 1)]
    first, second = (attribute(table(rows), model=model, order=order) for _ in range(2))
    assert first.conversions.tobytes() == second.conversions.tobytes()


@pytest.mark.usefixtures("interpreted")
@each_handing_out
@pytest.mark.parametrize("with_value", [True, False])
def test_the_kernels_mean_the_same_compiled_and_interpreted(model: str, order: int, with_value: bool) -> None:
    random_rows = random.Random(11)
    gathered: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
    for _ in range(200):
        path = tuple(random_rows.choice("abcdefgh") for _ in range(random_rows.randint(1, 9)))
        counts = gathered[path]
        counts[random_rows.choice([0, 2, 2])] += 1
        counts[1] = counts[0] * 7
    gathered["z", "a"] = [0, 0, 0]
    rows = [(path, c, v, n) for path, (c, v, n) in gathered.items()]
    paths = table(rows)
    if not with_value:
        paths = PathTable(paths.channels, paths.codes, paths.starts, paths.conversions, paths.nulls)
    found = attribute(paths, model=model, order=order, terms=TERMS)
    expected = expected_by_oracle(rows, model, order)
    assert found.conversions == pytest.approx(expected, rel=1e-9)


def expected_by_oracle(rows: Rows, model: str, order: int) -> list[float]:
    if model != "markov":
        return [float(conversions) for conversions, _ in oracle.position_credit(rows, model).values()]
    return power_iteration(rows, order)  # too many states to eliminate in fractions


def power_iteration(rows: Rows, order: int) -> list[float]:
    """Removal effects by walking the chain step by step until nothing is left on the way."""
    steps: dict[Any, dict[Any, float]] = defaultdict(lambda: defaultdict(float))
    for path, conversions, _, nulls in rows:
        states: list[Any] = ["START", *oracle.windows(path, order)]
        for here, there in pairwise(states):
            steps[here][there] += conversions + nulls
        steps[states[-1]]["CONVERTED"] += conversions
        steps[states[-1]]["NULL"] += nulls
    chances = {
        here: {there: weight / sum(out.values()) for there, weight in out.items() if weight}
        for here, out in steps.items()
        if sum(out.values())
    }

    def converted(without: str | None) -> float:
        mass, done = {"START": 1.0}, 0.0
        while sum(mass.values()) > 1e-17:
            after: dict[Any, float] = defaultdict(float)
            for here, amount in mass.items():
                for there, chance in chances[here].items():
                    if there == "CONVERTED":
                        done += amount * chance
                    elif there != "NULL" and without not in there:
                        after[there] += amount * chance
            mass = after
        return done

    channels = dict.fromkeys(channel for path, *_ in rows for channel in path)
    whole = converted(None)
    effects = [1 - converted(channel) / whole for channel in channels]
    total = sum(c for _, c, _, _ in rows)
    return [effect / sum(effects) * total for effect in effects]


@pytest.mark.parametrize("order", [1, 2])
def test_where_value_cancels_out_it_is_shared_by_the_effects_of_conversions(order: int) -> None:
    found = run([(("a", "b"), 1, 10, 1), (("a",), 2, -10, 0)], order)
    assert found.removal_effect_value.tolist() == [0.0, 0.0]
    assert found.value.tolist() == [0.0, 0.0]
    assert found.conversions.sum() == pytest.approx(3)


def test_value_without_a_conversion_is_scaled_in_but_teaches_markov_nothing() -> None:
    found = run([(("a",), 1, 10, 1), (("b",), 0, 6, 1)], 1)
    assert found.value_per_journey == pytest.approx(10 / 3)
    assert found.value.tolist() == pytest.approx([16.0, 0.0])


def test_negative_value_reaches_the_channels_of_its_path() -> None:
    parts = credit([(("a", "b"), 1, -10, 0), (("b",), 1, 4, 0)], "linear")
    agree(parts, {"a": (0.5, -5.0), "b": (1.5, -1.0)})


def test_more_channels_than_one_block_are_solved_alike() -> None:
    rows: Rows = [((f"c{i}", f"c{(i * 7) % 80}"), 1 + i % 3, i, i % 5) for i in range(80)]
    two = run(rows, 2)
    expected = oracle_two_touch_effects(rows)
    assert two.removal_effect_conversions == pytest.approx(expected, rel=1e-12)


def test_more_steps_than_the_first_table_holds_are_counted_all() -> None:
    rows: Rows = [((f"c{i}", f"d{j}"), (i * j) % 3, 1, 1) for i in range(200) for j in range(200)]
    assert run(rows, 2).removal_effect_conversions == pytest.approx(oracle_two_touch_effects(rows), rel=1e-12)


@pytest.mark.parametrize("form", ["compiled", "interpreted"])
@pytest.mark.parametrize("order", [2, 3])
def test_steps_are_counted_alike_in_an_array_and_by_interning(
    form: str, order: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "interpreted":
        request.getfixturevalue("interpreted")
    rows: Rows = [
        (("a", "b", "a", "c"), 3, 17, 4),
        (("c",), 1, 2, 9),
        (("b", "b", "d"), 2, 5, 1),
        (("d", "a"), 0, 0, 0),
        (("a", "b", "a", "c"), 0, 0, 8),
    ]
    draw = random.Random(2)
    rows += [(tuple(draw.choices("abcdefghij", k=6)), draw.randint(0, 2), 3, 1) for _ in range(60)]
    direct = run(rows, order)
    monkeypatch.setattr(markov_windows, "DIRECT", 0)
    interned = run(rows, order)
    for name in ("removal_effect_conversions", "removal_effect_value", "conversions", "value"):
        assert getattr(direct, name).tobytes() == getattr(interned, name).tobytes()


def test_the_iteration_ends_also_where_rounding_never_comes_to_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: Rows = [(("a", "b", "a", "c"), 3, 17, 4), (("c", "d"), 1, 2, 9), (("b", "d", "a"), 2, 5, 1)]
    rested = run(rows, 2)
    monkeypatch.setattr(markov_windows, "TOLERANCE", -1.0)
    monkeypatch.setattr(markov_windows, "CLOSE", -1.0)
    assert run(rows, 2).removal_effect_conversions == pytest.approx(rested.removal_effect_conversions, rel=1e-12)


def test_a_table_of_steps_that_is_too_small_says_so() -> None:
    paths = table([(("a", "b", "c", "d"), 1, 1, 1)])
    arguments = (paths.codes, paths.starts, paths.weights, 5, 1)
    for tally in (tally_steps, interpreted_form(tally_steps)):
        assert tally(*arguments, np.full(4, -1), np.zeros(4)) == -1
        assert tally(*arguments, np.full(8, -1), np.zeros(8)) == 4
    crowded = table([(tuple("abcdefghijklmno"), 1, 1, 1)])  # steps that fall on one another's places
    arguments = (crowded.codes, crowded.starts, crowded.weights, 16, 1)
    for tally in (tally_steps, interpreted_form(tally_steps)):
        assert tally(*arguments, np.full(32, -1), np.zeros(32)) == 15


def oracle_two_touch_effects(rows: Rows) -> list[float]:
    """With paths of at most two touches an order-2 chain is the table itself: count the conversions that saw each."""
    seen: dict[str, int] = defaultdict(int)
    for path, conversions, _, _ in rows:
        for channel in dict.fromkeys(path):
            seen[channel] += conversions
    total = sum(conversions for _, conversions, _, _ in rows)
    return [conversions / total for conversions in seen.values()]


def test_an_unknown_model_is_refused_with_the_choice() -> None:
    with pytest.raises(AttributionError, match=r"unknown model 'guess', choose among first_touch, .*markov"):
        attribute(table([(("a",), 1, 1, 1)]), model="guess")


def test_an_order_below_one_is_refused() -> None:
    with pytest.raises(AttributionError, match="at least 1, not 0"):
        run([(("a",), 1, 1, 1)], 0)


def test_an_order_whose_windows_cannot_be_numbered_is_refused() -> None:
    with pytest.raises(AttributionError, match="markov of order 40 over 2 channels has too many states"):
        run([(("a", "b"), 1, 1, 1)], 40)


def test_more_channels_than_an_inverse_can_hold_are_refused() -> None:
    paths = path_table([(i,) for i in range(4097)], conversions=[1] * 4097)
    with pytest.raises(AttributionError, match="at most 4096 channels, this table has 4097"):
        attribute(paths, model="markov")


@pytest.mark.parametrize(("model", "order"), [("linear", 1), ("linear", 2), ("markov", 2)])
def test_models_that_were_compiled_before_are_compiled_at_once(model: str, order: int) -> None:
    compile_models([model], order=order)
    assert credit([(("a", "b"), 2, 4, 1)], model, order)["a"][0] == pytest.approx(1)
