from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

from recommender.engine.config import settings_from
from recommender.engine.content import TAGS, content_of, words
from recommender.engine.data import Interactions
from recommender.engine.errors import ConfigError, DataError
from recommender.engine.evaluate import rank_stage
from recommender.engine.models import get_model
from recommender.engine.models.base import Model
from recommender.engine.models.newcomers import Newcomers
from recommender.engine.split import split_leave_one_out
from tests.recommender.engine.cases import chains
from tests.recommender.engine.conformance import CPU, NOBODY, ModelConformance

TITLES = ("learn python fast", "python for data", "oil painting", "painting flowers", "python on the web")


def described(*, people: int = 20, new: int = 1) -> Interactions:
    """People take items 0 to 3 in a random order; the last `new` titles are of items that nobody took yet."""
    from dataclasses import replace

    rng = np.random.default_rng(1)
    taken = len(TITLES) - new
    histories = [rng.permutation(taken)[: rng.integers(1, 4)] for _ in range(people)]
    table = Interactions.of_histories(histories, item_ids=np.arange(len(TITLES)))
    return replace(table, content=content_of(texts=TITLES, tags=[[] for _ in TITLES]))


def fitted(name: str, table: Interactions, **values: Any) -> Model:
    kind = get_model(name)
    return kind.fit(table, settings=settings_from(kind.Settings, values), device=CPU, rng=np.random.default_rng(0))


class TestHybridConforms(ModelConformance):
    name = "hybrid"
    settings: ClassVar[dict[str, Any]] = {"ridge": 1.0}


class TestContentConforms(ModelConformance):
    """Nothing is described on the checkerboard: popularity answers."""

    name = "content"
    personal = False


class TestNewcomersConforms(ModelConformance):
    name = "newcomers"
    settings: ClassVar[dict[str, Any]] = {"base": {"model": "ease", "settings": {"ridge": 1.0}}, "every": 2}


class TestNewcomersThatTheirBaseKnowsConform(ModelConformance):
    name = "newcomers"
    settings: ClassVar[dict[str, Any]] = {"base": {"model": "hybrid"}, "every": 3, "own": 2.0}


def test_words_are_cut_in_both_languages_and_paired() -> None:
    assert words("Learn Python!") == ["learn", "python", "learn python"]
    assert "绘画" in words("油画 绘画入门")


def test_likeness_is_the_cosine_of_words_and_a_part_of_that_of_tags() -> None:
    tags = [[("topic", "art")], [("topic", "art")], [("topic", "code")], []]
    likeness = content_of(texts=["red apple", "red apple", "blue sky", "blue sky"], tags=tags).similarity()
    assert likeness[0, 1] == pytest.approx(1 + TAGS)
    assert likeness[2, 3] == pytest.approx(1)
    assert likeness[0, 2] == pytest.approx(0)
    np.testing.assert_allclose(likeness, likeness.T)


def test_what_a_single_item_has_says_nothing() -> None:
    assert content_of(texts=["alpha", "beta"], tags=[[], []]).features.shape == (2, 0)


def test_a_description_is_part_of_the_datas_hash() -> None:
    from dataclasses import replace

    table = described()
    other = replace(table, content=content_of(texts=[*TITLES[:-1], "oil painting"], tags=[[] for _ in TITLES]))
    assert len({table.fingerprint(), other.fingerprint(), replace(table, content=None).fingerprint()}) == 3


@pytest.mark.parametrize("name", ["content", "hybrid", "sequence_ease"])
def test_an_item_nobody_took_is_found_by_what_it_is_like(name: str) -> None:
    values = {"ridge": 1.0, "content": 2.0} if name != "content" else {}
    model = fitted(name, described(), **values)
    scores = model.score(np.array([0, 1], dtype=np.int32))
    assert scores[4] > fitted("popularity", described()).score(NOBODY)[4]
    if name == "content":
        assert model.top_k(np.array([0], dtype=np.int32), 1).items.tolist() in ([1], [4])
        assert scores[4] > scores[2]


def test_content_changes_nothing_where_nothing_is_described() -> None:
    table = chains()
    plain, hybrid = fitted("ease", table, decay=0.8), fitted("hybrid", table, ridge=100.0)
    np.testing.assert_array_equal(plain.state()["matrix"], hybrid.state()["matrix"])
    assert fitted("content", table).top_k(NOBODY, 1).items.size == 1


def many_described(new: int = 3) -> Interactions:
    """Thirty items in two subjects; the last `new` are of the first subject and nobody took them."""
    from dataclasses import replace

    rng = np.random.default_rng(4)
    histories = [rng.permutation(30 - new)[:5] for _ in range(60)]
    table = Interactions.of_histories(histories, item_ids=np.arange(30))
    texts = [
        f"art course {i % 7}" if i % 2 == 0 or i >= 30 - new else f"code class {'abcde'[i % 5]}" for i in range(30)
    ]
    return replace(table, content=content_of(texts=texts, tags=[[] for _ in texts]))


@pytest.mark.parametrize("every", [2, 5, 10])
def test_newcomers_get_every_nth_place_and_all_others_keep_their_order(every: int) -> None:
    table = many_described()
    base, kept = fitted("ease", table), fitted("newcomers", table, base={"model": "ease"}, every=every)
    history = np.array([0, 2], dtype=np.int32)
    ranked = kept.top_k(history, 40).items.tolist()
    places = [ranked.index(item) + 1 for item in (27, 28, 29)]
    room = [every * k for k in (1, 2, 3) if (every - 1) * k < 25]
    assert sorted(places)[: len(room)] == room
    assert [item for item in ranked if item < 27] == [i for i in base.top_k(history, 40).items.tolist() if i < 27]


def test_a_newcomers_score_is_its_likeness_and_the_place_kept_for_it() -> None:
    table = many_described()
    model = fitted("newcomers", table, base={"model": "ease"}, every=5)
    history, targets = np.array([0, 3, 2], dtype=np.int32), np.arange(30)
    parts, baseline = model.contributions(history, targets)
    np.testing.assert_allclose(parts.sum(axis=0) + baseline, model.score(history), atol=1e-5)
    assert parts[2, 27] > 0
    assert parts[1, 27] == 0


def test_newcomers_of_whom_nothing_is_like_what_was_taken_get_no_place() -> None:
    table, history = many_described(), np.array([1], dtype=np.int32)
    model = fitted("newcomers", table, base={"model": "ease"}, every=5)
    np.testing.assert_array_equal(model.score(history), fitted("ease", table).score(history))


def test_the_base_of_newcomers_is_tuned_and_kept_with_it() -> None:
    stage = split_leave_one_out(many_described()).test
    base = {"model": "blend", "settings": {"components": [{"model": "ease"}, {"model": "item_knn"}]}}
    kind = get_model("newcomers")
    model = kind.fit_tuned(
        stage, settings=settings_from(kind.Settings, {"base": base}), device=CPU, rng=np.random.default_rng(0)
    )
    assert isinstance(model, Newcomers)
    assert sum(model.settings.base["settings"]["coefficients"]) == pytest.approx(1)
    assert rank_stage(model, stage, device=CPU).ranks.size == stage.targets.size


def test_newcomers_within_newcomers_are_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be kept twice"):
        fitted("newcomers", chains(), base={"model": "newcomers"})


def test_a_state_that_does_not_fit_is_refused() -> None:
    model = fitted("newcomers", many_described(), base={"model": "popularity"})
    arrays = {**model.state(), "likeness": np.zeros((2, 2), dtype=np.float32)}
    with pytest.raises(DataError, match="likeness is"):
        Newcomers.from_state(settings=model.settings, item_ids=model.item_ids, arrays=arrays)
