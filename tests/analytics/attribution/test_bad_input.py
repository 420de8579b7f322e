"""What every model of the registry makes of input that is out of the ordinary: one suite for all of them.

The table in `docs/reference/attribution.md` says the same in words.
"""

from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.attribution.errors import AttributionError, PathFileError
from analytics.attribution.paths import PathTable, path_table
from analytics.attribution.reading import read_paths
from analytics.attribution.registry import MODELS, Attribution, Terms, as_json, attribute
from tests.examples import examples

EVERY = [(model, 1) for model in MODELS] + [("markov", 3)]
each_model = pytest.mark.parametrize(("model", "order"), EVERY)
TERMS = Terms(direct=("a", "direct"), weights=(1.0, 0.0, 2.0, 3.0), recency=True)


def run(paths: PathTable, model: str, order: int) -> Attribution:
    """A model's answer, which is always finite, read-only in no way that hurts, and fit for JSON."""
    found = attribute(paths, model=model, order=order, terms=TERMS)
    assert np.isfinite(found.conversions).all()
    assert found.value is None or np.isfinite(found.value).all()
    assert list(as_json(paths, found)["channels"]) == [str(channel) for channel in paths.channels]
    return found


def handed_out(found: Attribution) -> tuple[float, float]:
    """All conversions and value that a model accounts for, the baseline with them."""
    if found.counterfactual is not None:
        caused = found.counterfactual
        assert caused.added[1] is not None
        assert caused.baseline[1] is not None
        return (
            float(caused.added[0].sum()) + caused.baseline[0],
            float(caused.added[1].sum()) + caused.baseline[1],
        )
    assert found.value is not None
    return float(found.conversions.sum()), float(found.value.sum())


@each_model
def test_single_touches_take_what_is_theirs(model: str, order: int) -> None:
    found = run(path_table(["a", "b"], conversions=[3, 1], values=[30, 5], nulls=[7, 9]), model, order)
    assert handed_out(found) == pytest.approx((4, 35))
    if model != "counterfactual":
        assert found.conversions.tolist() == pytest.approx([3, 1])


@each_model
def test_a_path_of_four_hundred_touches_over_a_hundred_channels_is_accounted_for(model: str, order: int) -> None:
    long = [f"c{(7 * i) % 119}" for i in range(402)]
    found = run(path_table([long, ["c0"]], conversions=[2, 3], values=[20, 30], nulls=[1, 9]), model, order)
    assert handed_out(found) == pytest.approx((5, 50))


@each_model
def test_a_table_without_journeys_that_did_not_convert_is_accounted_for(model: str, order: int) -> None:
    found = run(path_table(["ab", "b", "ba"], conversions=[2, 3, 1], values=[1, 2, 3]), model, order)
    assert handed_out(found) == pytest.approx((6, 6))


@each_model
def test_without_a_conversion_nothing_is_credited(model: str, order: int) -> None:
    found = run(path_table(["ab", "b"], conversions=[0, 0], values=[0, 0], nulls=[5, 4]), model, order)
    assert found.conversions.tolist() == [0, 0]
    assert handed_out(found) == (0, 0)


@each_model
def test_an_empty_table_has_no_channel_to_credit(model: str, order: int) -> None:
    found = run(path_table([], conversions=[], values=[]), model, order)
    assert found.conversions.tolist() == []
    assert handed_out(found) == (0, 0)


@each_model
def test_a_channel_seen_on_no_journey_is_named_and_credited_nothing(model: str, order: int) -> None:
    paths = path_table(["ab", "cz", "b"], conversions=[2, 0, 1], values=[4, 0, 1], nulls=[3, 0, 5])
    credit = dict(zip(paths.channels, run(paths, model, order).conversions.tolist(), strict=True))
    assert (credit["c"], credit["z"]) == (0, 0)


@each_model
def test_negative_value_is_shared_like_any_other(model: str, order: int) -> None:
    found = run(path_table(["ab", "b", "c"], conversions=[2, 1, 1], values=[-9, 4, 8], nulls=[3, 2, 1]), model, order)
    assert handed_out(found) == pytest.approx((4, 3))
    assert found.value is not None


@each_model
def test_value_beyond_what_conversions_bring_is_accounted_for_where_paths_tell_of_it(model: str, order: int) -> None:
    found = run(path_table(["ab", "b"], conversions=[2, 0], values=[10, 6], nulls=[1, 4]), model, order)
    assert handed_out(found) == pytest.approx((2, 16))


@each_model
@pytest.mark.parametrize("names", [("a>b", "> c"), ("a,b", 'say "x"'), ("付费搜索", "a_1"), (" > ", "")])
def test_channels_are_keys_whatever_their_names_hold(model: str, order: int, names: tuple[str, str]) -> None:
    plain = run(path_table([[0, 1], [1]], conversions=[2, 1], values=[4, 1], nulls=[3, 5]), model, order)
    named = run(path_table([names, names[1:]], conversions=[2, 1], values=[4, 1], nulls=[3, 5]), model, order)
    if not set(names) & set(TERMS.direct):
        assert plain.conversions.tolist() == named.conversions.tolist()


@each_model
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_name_with_the_separators_sign_inside_survives_its_file(
    model: str, order: int, form: str, tmp_path: Path
) -> None:
    import pyarrow as pa
    from pyarrow import csv, parquet

    columns = pa.table({"path": ["x>y > a,b", "a,b"], "total_conversions": [2, 1], "total_null": [3, 4]})
    file = tmp_path / f"t.{form}"
    (csv.write_csv if form == "csv" else parquet.write_table)(columns, file)
    paths = read_paths(file)
    assert paths.channels == ("x>y", "a,b")
    run(paths, model, order)


@pytest.mark.parametrize("path", ["", "  ", "a > > b", "a > ", " > a"])
def test_an_empty_path_or_touch_is_refused_with_its_place(path: str, tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text(f"path,total_conversions\na,1\n{path},1\n")
    with pytest.raises(PathFileError, match=r"t\.csv, row 3, column path: .* is empty"):
        read_paths(file)
    with pytest.raises(AttributionError, match="at least one touch"):
        path_table(["a", ""], conversions=[1, 1])


tables = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["a", "b", "c", "direct"]), min_size=1, max_size=9),
        st.sampled_from([0.0, 0.5, 1.0, 7.0, 1e6]),
        st.sampled_from([0.0, -3.0, 12.5, 1e7]),
        st.sampled_from([0.0, 1.0, 9.0, 1e6]),
    ),
    max_size=6,
)


@each_model
@given(rows=tables)
@settings(max_examples=examples(20), deadline=None)
def test_whatever_a_table_holds_the_answer_is_finite_and_accounts_for_every_conversion(
    model: str, order: int, rows: list[Any]
) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], []]
    paths = path_table(columns[0], conversions=columns[1], values=columns[2], nulls=columns[3])
    conversions, value = handed_out(run(paths, model, order))
    assert conversions == pytest.approx(sum(columns[1]), rel=1e-9, abs=1e-9)
    assert isfinite(value)
