"""Serving: ids in, ids and reasons out, without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from recommender.engine.artefact import write_artefact
from recommender.engine.data import Interactions
from recommender.engine.errors import ArtefactError
from recommender.engine.explain import explain
from recommender.engine.models.ease import Ease, EaseSettings
from recommender.engine.models.linear import LinearModel
from recommender.engine.models.popularity import Popularity, PopularitySettings
from recommender.engine.serve import Recommender, cached_recommender, open_recommender
from tests.recommender.engine.cases import checkerboard

CPU = torch.device("cpu")


def ease(**values: float) -> Ease:
    settings = EaseSettings(ridge=1.0, **values)  # type: ignore[arg-type]
    return Ease.fit(checkerboard(), settings=settings, device=CPU, rng=np.random.default_rng(0))


@pytest.fixture
def served() -> Recommender:
    return Recommender(ease())


def run(code: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_importing_the_serving_module_loads_neither_torch_nor_numpy() -> None:
    code = "import sys, recommender.engine.serve; print(sorted({'torch', 'numpy', 'scipy'} & set(sys.modules)))"
    assert run(code) == "[]"


def test_recommending_from_a_file_never_loads_torch(tmp_path: Path) -> None:
    write_artefact(tmp_path / "model", ease(), data_sha256="", code_version="")
    code = (
        "import sys; from pathlib import Path; from recommender.engine.serve import open_recommender\n"
        "best = open_recommender(Path(sys.argv[1])).recommend([102, 104, 106], k=1)[0]\n"
        "print(best.item_id, len(best.reasons), 'torch' in sys.modules, 'scipy' in sys.modules)"
    )
    assert run(code, str(tmp_path / "model")) == "100 2 False False"


def test_a_new_event_changes_the_next_answer(served: Recommender) -> None:
    assert served.recommend([102, 104], k=2)[0].item_id in {100, 106}
    assert served.recommend([102, 104, 101, 103], k=1)[0].item_id in {105, 107}


def test_nothing_taken_or_excluded_or_not_allowed_is_returned(served: Recommender) -> None:
    everything = {item.item_id for item in served.recommend([102], k=50)}
    assert everything == set(range(100, 108)) - {102}
    fewer = served.recommend([102], k=50, exclude=[100, 107, 55], allowed=served.allow([100, 103, 104, 102, 999]))
    assert {item.item_id for item in fewer} == {103, 104}


def test_a_history_with_a_repeat_counts_it_at_its_latest_place(served: Recommender) -> None:
    assert served.recommend([102, 104, 102], k=5) == served.recommend([104, 102], k=5)
    weighted = served.recommend([102, 104, 102], k=5, weights=[9.0, 0.5, 2.0])
    assert weighted == served.recommend([104, 102], k=5, weights=[0.5, 2.0])


def test_weights_matter(served: Recommender) -> None:
    light = served.recommend([101, 104], k=1, weights=[0.01, 1.0])[0].item_id
    heavy = served.recommend([101, 104], k=1, weights=[10.0, 1.0])[0].item_id
    assert light % 2 == 0
    assert heavy % 2 == 1


def test_reasons_are_the_largest_parts_of_the_score(served: Recommender) -> None:
    model = served.model
    assert isinstance(model, LinearModel)
    best = served.recommend([102, 104, 106], k=1)[0]
    assert best.item_id == 100
    assert [reason.item_id for reason in best.reasons] == [106, 104]
    assert best.reasons[0].contribution == pytest.approx(model.matrix[6, 0])
    assert best.reasons[1].contribution == pytest.approx(0.7071 * model.matrix[4, 0])
    assert sum(reason.contribution for reason in best.reasons) < best.score


def test_reasons_can_be_left_out_without_changing_the_list(served: Recommender) -> None:
    with_reasons, without = (served.recommend([102, 105], k=6, reasons=count) for count in (2, 0))
    assert [item.item_id for item in with_reasons] == [item.item_id for item in without]
    assert [item.score for item in with_reasons] == pytest.approx([item.score for item in without], abs=1e-5)
    assert all(item.reasons == () for item in without)


def test_a_popular_item_has_no_reason_in_the_history() -> None:
    table = Interactions.build(users=[1, 2], items=[10, 11])
    model = Popularity.fit(table, settings=PopularitySettings(), device=CPU, rng=np.random.default_rng(0))
    best = Recommender(model).recommend([10], k=5)
    assert [(item.item_id, item.reasons) for item in best] == [(11, ())]


def test_only_what_raised_the_score_is_a_reason() -> None:
    """Histories of the other colour lower an item's score and explain nothing."""
    model = ease()
    history = np.array([1, 2], dtype=np.int32)
    for found in explain(model, history, np.arange(8)):
        parts, baseline = model.contributions(history, np.array([found.item]))
        assert found.score == pytest.approx(float(parts.sum() + baseline[0]), abs=1e-6)
        assert found.baseline == pytest.approx(float(baseline[0]))
        assert {reason.item for reason in found.reasons} == {
            int(item) for item, part in zip(history, parts[:, 0], strict=True) if part > 0
        }


def test_an_altered_file_is_refused_and_a_good_one_opened_once(tmp_path: Path) -> None:
    path = tmp_path / "model"
    written = write_artefact(path, ease(), data_sha256="d", code_version="c")
    with pytest.raises(ArtefactError, match="digest"):
        open_recommender(path, sha256="0" * 64)
    first = cached_recommender(path, written.sha256)
    assert first is cached_recommender(path, written.sha256)
    assert first.info == written
