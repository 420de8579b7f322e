import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
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
        assert figures["standard_errors"].keys() == figures["intervals"].keys() == names
        assert all(
            low - 1e-9 <= figures["metrics"][name] <= high + 1e-9 for name, (low, high) in figures["intervals"].items()
        )
        assert figures["fit_cpu_seconds"] >= 0
        assert figures["peak_mb"] > 0
    assert told["best"]["model"] != "popularity"


def test_what_was_odd_about_the_data_is_told(courses: Path) -> None:
    path = courses / "sequences.txt"
    path.write_text(path.read_text() + "1 2 2 3\n")
    assert evaluated(courses, "popularity")["findings"] == {"repeated_rows": 1}


def test_odd_files_give_the_figures_of_a_plain_count(tmp_path: Path) -> None:
    """Huge scattered ids, compressed CRLF lines that end in blanks, empty lines, repeats, people who are only asked."""
    rng = np.random.default_rng(4)
    people, items = np.sort(rng.choice(10**17, 60, replace=False)).tolist(), rng.choice(10**12, 30, replace=False)
    past = {user: rng.choice(items[:28], rng.integers(1, 8), replace=False).tolist() for user in people}
    asked = {user: [item for item in rng.choice(items, 2) if item not in past[user]] for user in people[:50]}
    asked = {user: list(dict.fromkeys(own)) for user, own in asked.items() if own} | {10**18: [items[29], items[3]]}
    folder = tmp_path / "odd"
    folder.mkdir()
    lines = "".join(f"{user} {' '.join(map(str, [*own, own[0]]))} \t\r\n\r\n" for user, own in past.items())
    (folder / "train.txt.gz").write_bytes(gzip.compress(lines.encode()))
    (folder / "test.txt").write_text("\n".join(f"{user} {' '.join(map(str, own))}" for user, own in asked.items()))
    told = evaluated(folder, "popularity", protocol="split")
    taken = {item: sum(item in own for own in past.values()) for item in items}
    found: dict[str, list[float]] = {"hr@10": [], "mrr": [], "recall@20": [], "ndcg@20": []}
    for user, own in asked.items():
        rest = [count for item, count in taken.items() if item not in past.get(user, [])]
        ranks = np.array([1 + np.sum(np.array(rest) > taken[i]) + 0.5 * (rest.count(taken[i]) - 1) for i in own])
        gains = np.where(ranks <= 20, 1 / np.log2(ranks + 1), 0).sum()
        found["hr@10"].append(float((ranks <= 10).any()))
        found["mrr"].append(1 / ranks.min())
        found["recall@20"].append((ranks <= 20).mean())
        found["ndcg@20"].append(gains / (1 / np.log2(np.arange(len(own)) + 2)).sum())
    figures = told["models"]["popularity"]["metrics"]
    assert {name: figures[name] for name in found} == pytest.approx({k: np.mean(v) for k, v in found.items()})
    assert told["findings"] == {"repeated_rows": 60}


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


@pytest.mark.filterwarnings("ignore")  # TensorBoard warns of libraries of its own
def test_each_model_leaves_a_board_where_one_is_asked_for(courses: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    boards = courses.parent / "boards"
    told = evaluated(courses, "popularity,sequence_ease", boards=boards)["models"]
    for name, figures in told.items():
        events = EventAccumulator(str(boards / name)).Reload()
        assert events.Scalars("test/ndcg@10")[0].value == pytest.approx(figures["metrics"]["ndcg@10"])
        assert any(b"hparams" in path.read_bytes() for path in (boards / name).iterdir())
    (courses.parent / "taken").write_text("")
    with pytest.raises(CommandError, match="cannot be written"):
        evaluated(courses, "popularity", boards=courses.parent / "taken")


def test_lists_that_were_cut_by_characters_end_it_with_what_was_found(courses: Path) -> None:
    (courses / "sequences.txt").write_text("".join(f"{100 + n} {20 + n} {200 + 10 * n + 3}\n" for n in range(8)))
    with pytest.raises(CommandError, match=r"truncated_target \(8\): histories end with the first digits of the item"):
        evaluated(courses, "popularity")


def test_a_leak_ends_it(courses: Path) -> None:
    (courses / "train.txt").write_text("1 4 5 6\n2 5 6\n")
    (courses / "test.txt").write_text("1 6\n2 7\n")
    with pytest.raises(CommandError, match="the data give their answers away"):
        evaluated(courses, "popularity", protocol="split")
