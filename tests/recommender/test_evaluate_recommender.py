import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command


@pytest.fixture
def courses(tmp_path: Path) -> Path:
    """Walks round a circle of nine courses: what follows is known, what is popular is not."""
    folder = tmp_path / "courses"
    folder.mkdir()
    walks = [" ".join(str((start + step) % 9) for step in range(4)) for start in range(45)]
    (folder / "sequences.txt").write_text("\n".join(walks) + "\n")
    return folder


def evaluated(folder: Path, models: str, *, protocol: str = "p1", **options: Any) -> dict[str, Any]:
    out = folder.parent / "out.json"
    call_command("evaluate_recommender", folder, protocol=protocol, models=models, out=out, **options)
    return json.loads(out.read_text())  # type: ignore[no-any-return]


def test_every_model_gets_its_figures_its_cost_and_what_it_was_made_of(courses: Path) -> None:
    told = evaluated(courses, "popularity,sequence_ease,best")["models"]
    assert list(told) == ["popularity", "sequence_ease", "best"]
    assert told["sequence_ease"]["metrics"]["hr@1"] == 1.0
    assert told["popularity"]["metrics"]["hr@1"] < 0.5
    assert told["best"]["metrics"]["hr@1"] == 1.0
    for figures in told.values():
        names = figures["metrics"].keys()
        assert {"hr@10", "ndcg@10", "recall@20", "ndcg@20", "mrr", "coverage@10", "gini@10", "tail100_hr@10"} <= names
        assert figures["standard_errors"].keys() == names
        assert figures["fit_cpu_seconds"] >= 0
        assert figures["peak_mb"] > 0
    assert told["best"]["model"] != "popularity"


def test_what_was_odd_about_the_data_is_told(courses: Path) -> None:
    path = courses / "sequences.txt"
    path.write_text(path.read_text() + "1 2 2 3\n")
    assert evaluated(courses, "popularity")["findings"] == {"repeated_rows": 1}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"models": "sasrek"}, "--models: 'sasrek' is no model; known: popularity"),
        ({"models": ""}, "--models: '' is no model"),
        ({"models": "ease", "budget": "soon"}, "--budget must be a number of CPU seconds above 0, not 'soon'"),
        ({"models": "ease", "protocol": "p7"}, "unknown protocol 'p7'; known: p1, p3, split, given"),
        ({"models": "ease", "protocol": "split"}, "there is neither train.txt nor train.txt.gz"),
        ({"models": "ease", "test_from": "2020-01-01"}, "--valid-from and --test-from are for protocol p3"),
    ],
)
def test_bad_input_is_one_sentence_and_writes_nothing(courses: Path, options: dict[str, Any], sentence: str) -> None:
    out = courses.parent / "out.json"
    with pytest.raises(CommandError) as told:
        call_command("evaluate_recommender", courses, out=out, **{"protocol": "p1", **options})
    assert sentence in str(told.value)
    assert not out.exists()


def test_a_leak_ends_it(courses: Path) -> None:
    (courses / "train.txt").write_text("1 4 5 6\n2 5 6\n")
    (courses / "test.txt").write_text("1 6\n2 7\n")
    with pytest.raises(CommandError, match="the data give their answers away"):
        evaluated(courses, "popularity", protocol="split")
