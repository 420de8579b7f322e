"""Every model against the reference figures computed elsewhere, to 1e-9 relative."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from analytics.attribution.paths import PathTable
from analytics.attribution.reading import read_paths
from analytics.attribution.registry import as_json, attribute

FILES = [
    "pathdata.csv.gz",
    "paths_20ch.csv.gz",
    "touchpoints_july2018.paths_7d.csv.gz",
    "touchpoints_july2018.paths_30d.csv.gz",
    "synth_r1_12_100000.parquet",
    "synth_r1_50_100000.parquet",
    "synth_r1_12_1000000.parquet",
    "synth_r1_50_1000000.parquet",
]
POSITION_KEYS = {
    "first_touch": "first_touch",
    "last_touch": "last_touch",
    "linear": "linear_touch",
    "u_shape": "position_40_20_40",
    "time_decay": "position_decay_halflife7",
    "shapley": "shapley_simplified (=set-linear)",
}


@cache
def loaded(folder: Path, name: str) -> tuple[PathTable, dict[str, Any]]:
    stem = name.removesuffix(".parquet").removesuffix(".csv.gz")
    return read_paths(folder / name), json.loads((folder / f"{stem}.reference.json").read_text())


@pytest.mark.parametrize("model", POSITION_KEYS)
@pytest.mark.parametrize("name", FILES)
def test_position_models_equal_the_reference(shared_data: Path, name: str, model: str) -> None:
    paths, reference = loaded(shared_data / "data/attribution", name)
    found = as_json(paths, attribute(paths, model=model))["channels"]
    expected = reference[POSITION_KEYS[model]]
    assert set(found) == set(expected)
    if "channels" in reference:
        assert list(found) == reference["channels"], "channels stand in order of first appearance"
    for channel, row in expected.items():
        assert found[channel] == pytest.approx(row, rel=1e-9), channel


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("name", FILES)
def test_markov_equals_the_reference(shared_data: Path, name: str, order: int) -> None:
    paths, reference = loaded(shared_data / "data/attribution", name)
    found = as_json(paths, attribute(paths, model="markov", order=order))
    expected = reference[f"markov_order_{order}"]
    assert found["order"] == order
    assert found["p_conversion"] == pytest.approx(expected["p_conversion"], rel=1e-12)
    assert found["value_per_journey"] == pytest.approx(expected["value_per_journey"], rel=1e-12)
    names = {"conversions": "total_conversions", "value": "total_conversion_value"}
    for channel, row in expected["channels"].items():
        mine = {names.get(key, key): value for key, value in found["channels"][channel].items()}
        assert mine == pytest.approx({key: row[key] for key in mine}, rel=1e-9), channel
