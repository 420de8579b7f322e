"""What every model owes, whatever it learns: inherit `ModelConformance` and set `settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from recommender.engine.additive import Ledger
from recommender.engine.artefact import read_artefact, write_artefact
from recommender.engine.config import settings_from, settings_to
from recommender.engine.data import Interactions
from recommender.engine.errors import DataError
from recommender.engine.models import MODELS, get_model
from recommender.engine.models.base import Model
from recommender.engine.serve import Recommender
from tests.recommender.engine.cases import SIDE, checkerboard

CPU = torch.device("cpu")
NOBODY = np.empty(0, dtype=np.int32)


class ModelConformance:
    """The suite. `personal` says that the model listens to the history, `drift` how far rounding may carry a model
    that was fitted on the accelerator from the one fitted here: closed forms hardly, gradient descent further.
    """

    name: ClassVar[str]
    settings: ClassVar[dict[str, Any]] = {}
    personal: ClassVar[bool] = True
    drift: ClassVar[float] = 1e-4

    def fit(self, interactions: Interactions, *, seed: int = 0) -> Model:
        kind = get_model(self.name)
        return kind.fit(
            interactions,
            settings=settings_from(kind.Settings, self.settings),
            device=CPU,
            rng=np.random.default_rng(seed),
        )

    def weighted(self) -> Interactions:
        """A lopsided table with weights and an item nobody took."""
        rng = np.random.default_rng(3)
        users, items = rng.integers(0, 12, 90), rng.integers(0, 10, 90)
        return Interactions.build(
            users=users, items=items, times=np.arange(90), weights=rng.uniform(0.2, 2, 90), item_ids=range(11)
        )

    def test_it_is_registered_under_its_name(self) -> None:
        assert MODELS[self.name].name == self.name

    def test_the_checkerboards_missing_diagonal_is_recommended_first(self) -> None:
        board = checkerboard()
        model = self.fit(board)
        for user in range(SIDE):
            best = model.top_k(board.history(user), 1)
            if self.personal:
                assert best.items.tolist() == [user]
            assert best.items[0] not in board.history(user)

    def test_items_already_taken_are_never_returned_and_all_others_are(self) -> None:
        board = checkerboard()
        model = self.fit(board)
        for user in range(SIDE):
            history = board.history(user)
            ranked = model.top_k(history, 100)
            assert sorted([*ranked.items, *history]) == list(range(SIDE))

    def test_scores_descend_and_equal_scores_go_by_index(self) -> None:
        model = self.fit(self.weighted())
        ranked = model.top_k(np.array([1, 4], dtype=np.int32), 11)
        pairs = list(zip(-ranked.scores, ranked.items, strict=True))
        assert pairs == sorted(pairs)

    def test_an_empty_history_is_answered_by_popularity(self) -> None:
        users = [0, 1, 2, 3, 0, 1, 2, 0, 1, 0]
        items = [3, 3, 3, 3, 1, 1, 1, 0, 0, 2]
        model = self.fit(Interactions.build(users=users, items=items, item_ids=range(5)))
        assert model.top_k(NOBODY, 5).items.tolist() == [3, 1, 0, 2, 4]

    def test_a_history_of_which_nothing_was_learned_is_answered_by_popularity(self) -> None:
        users = [0, 1, 2, 3, 0, 1, 2, 0, 1, 0]
        items = [3, 3, 3, 3, 1, 1, 1, 0, 0, 2]
        model = self.fit(Interactions.build(users=users, items=items, item_ids=range(6)))
        assert model.top_k(np.array([5], dtype=np.int32), 4).items.tolist() == [3, 1, 0, 2]

    def test_unknown_ids_in_a_history_change_nothing(self) -> None:
        served = Recommender(self.fit(checkerboard()))
        known = served.recommend([100, 104], k=4)
        assert served.recommend([100, 999_999, 104, -5], k=4) == known
        assert served.recommend([7, 8], k=4) == served.recommend([], k=4)

    def test_a_batch_equals_its_single_answers(self) -> None:
        table = self.weighted()
        model = self.fit(table)
        users = np.arange(table.n_users)
        together = model.score_batch(table, users, device=CPU).numpy()
        items, scores = model.top_k_batch(table, users, 4, device=CPU)
        for user in range(table.n_users):
            history, weights = table.history(user), table.history_weights(user)
            alone = model.top_k(history, 4, weights=weights)
            np.testing.assert_array_equal(together[user], model.score(history, weights))
            np.testing.assert_array_equal(items[user][items[user] >= 0], alone.items)
            np.testing.assert_array_equal(scores[user][items[user] >= 0], alone.scores)

    def test_the_accelerators_path_agrees_with_the_single_answers(self) -> None:
        table = self.weighted().keep(np.arange(len(self.weighted())) > 5)
        assert table.lengths.min() == 0
        model = self.fit(table)
        users = np.arange(table.n_users)
        expected = model.score_batch(table, users, device=CPU).numpy()
        together = model._score_together(table, users, device=CPU).numpy()
        np.testing.assert_allclose(together, expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.gpu
    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
    def test_a_model_fitted_on_the_accelerator_ranks_alike(self) -> None:  # cuda-only
        table, kind, device = self.weighted(), get_model(self.name), torch.device("cuda")
        settings = settings_from(kind.Settings, self.settings)
        there = kind.fit(table, settings=settings, device=device, rng=np.random.default_rng(0))
        users = np.arange(table.n_users)
        np.testing.assert_allclose(
            there.score_batch(table, users, device=device).cpu().numpy(),
            self.fit(table).score_batch(table, users, device=CPU).numpy(),
            rtol=self.drift,
            atol=self.drift / 10,
        )

    def test_a_batch_returns_only_candidates(self) -> None:
        table = self.weighted()
        model = self.fit(table)
        mask = np.zeros(11, dtype=np.bool_)
        mask[[2, 5, 10]] = True
        items, scores = model.top_k_batch(table, np.arange(table.n_users), 4, device=CPU, candidates=mask)
        assert set(items.flatten().tolist()) <= {-1, 2, 5, 10}
        assert np.isneginf(scores[items < 0]).all()
        single = model.top_k(table.history(0), 4, candidates=mask, weights=table.history_weights(0))
        assert single.items.tolist() == [item for item in items[0].tolist() if item >= 0]

    def test_contributions_and_baseline_add_up_to_the_score(self) -> None:
        table = self.weighted()
        model = self.fit(table)
        targets = np.arange(11)
        for user in range(table.n_users):
            history, weights = table.history(user), table.history_weights(user)
            parts, baseline = model.contributions(history, targets, weights)
            assert parts.shape == (history.size, 11)
            np.testing.assert_allclose(parts.sum(axis=0) + baseline, model.score(history, weights), rtol=0, atol=1e-5)

    def test_where_sums_over_people_suffice_somebody_taken_away_was_never_there(self) -> None:
        kind, table = get_model(self.name), self.weighted()
        settings = settings_from(kind.Settings, self.settings)
        if not kind.additive(settings):
            with pytest.raises(DataError, match="not solved from sums"):
                Ledger.of(self.name, table, settings=settings, device=CPU)
            with pytest.raises(NotImplementedError):
                Model.moments(table, settings=settings, device=CPU)
            with pytest.raises(NotImplementedError):
                Model.from_moments({}, settings=settings, item_ids=table.item_ids)
            return
        one = table.user_ids == 4
        sums = Ledger.of(self.name, table, settings=settings, device=CPU)
        sums.change(gone=table.of_people(one))
        never = self.fit(table.of_people(~one))
        for user in range(table.n_users):
            np.testing.assert_allclose(
                sums.solve().score(table.history(user)), never.score(table.history(user)), rtol=1e-5, atol=1e-6
            )

    def test_the_same_seed_gives_the_same_bytes(self, tmp_path: Path) -> None:
        for place in ("one", "two"):
            write_artefact(tmp_path / place, self.fit(self.weighted(), seed=7), data_sha256="d", code_version="v")
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()

    def test_a_model_read_back_scores_the_same(self, tmp_path: Path) -> None:
        model, path = self.fit(self.weighted()), tmp_path / "model"
        written = write_artefact(path, model, data_sha256="data", code_version="1.2")
        again, info = read_artefact(path, sha256=written.sha256)
        assert info == written
        assert settings_to(again.settings) == settings_to(model.settings)
        assert again.item_ids.tolist() == list(range(11))
        history = np.array([2, 3, 9], dtype=np.int32)
        np.testing.assert_array_equal(again.score(history), model.score(history))
        assert again.top_k(NOBODY, 3).items.tolist() == model.top_k(NOBODY, 3).items.tolist()

    def test_settings_survive_their_own_mapping(self) -> None:
        kind = get_model(self.name)
        settings = settings_from(kind.Settings, self.settings)
        assert settings_from(kind.Settings, settings_to(settings)) == settings

    def test_scoring_hands_out_a_fresh_array(self) -> None:
        model = self.fit(self.weighted())
        before = model.score(NOBODY)
        model.score(NOBODY)[:] = 9
        np.testing.assert_array_equal(model.score(NOBODY), before)

    def test_a_catalogue_of_one_item_works(self) -> None:
        model = self.fit(Interactions.build(users=[1, 2], items=[5, 5]))
        assert np.isfinite(model.score(NOBODY)).all()
        assert model.top_k(NOBODY, 3).items.tolist() == [0]
        assert model.top_k(np.array([0], dtype=np.int32), 3).items.size == 0

    def test_nothing_to_learn_from_is_refused(self) -> None:
        with pytest.raises(DataError, match="no interactions"):
            self.fit(Interactions.build(users=[], items=[], item_ids=[1, 2]))

    def test_progress_is_told_to_the_end(self) -> None:
        kind = get_model(self.name)
        told: list[tuple[str, int, int]] = []
        kind.fit(
            checkerboard(),
            settings=settings_from(kind.Settings, self.settings),
            device=CPU,
            rng=np.random.default_rng(0),
            progress=lambda *step: told.append(step),
        )
        assert told[-1][0] == "fit"
        assert told[-1][1] == told[-1][2]
