"""Places that follow demand more evenly."""

from __future__ import annotations

import numpy as np

from recommender.engine.data import Interactions
from recommender.engine.evaluate import evaluate
from recommender.engine.models.blend import Blend
from recommender.engine.split import split_leave_one_out
from tests.recommender.engine.conformance import CPU
from tests.recommender.engine.test_models import fitted


def test_places_are_evened_without_looking_at_what_is_asked_for() -> None:
    rng = np.random.default_rng(0)
    users, liked = np.repeat(np.arange(60), 6), np.minimum(rng.geometric(0.12, 360), 25)
    table = Interactions.build(users=users, items=liked, item_ids=range(26))
    stage = split_leave_one_out(table).test
    parts = [{"model": "ease", "settings": {"ridge": 1.0}}, {"model": "popularity"}]
    asked = {"components": parts, "coefficients": [0.5, 0.5]}
    plain = fitted("blend", stage.train, **asked)
    even = fitted("blend", stage.train, **asked, evenness=0.8)
    spread = [evaluate(of, stage, device=CPU, rng=rng, replicates=2)["gini@10"].value for of in (plain, even)]
    assert spread[1] < spread[0] - 0.05
    assert isinstance(even, Blend)
    again = Blend.from_state(settings=even.settings, item_ids=even.item_ids, arrays=even.state())
    np.testing.assert_array_equal(again.score(table.history(0)), even.score(table.history(0)))
    parts_of, baseline = even.contributions(table.history(0), np.arange(26))
    np.testing.assert_allclose(parts_of.sum(axis=0) + baseline, even.score(table.history(0)), atol=1e-4)
    assert not Blend.additive(even.settings)
    tuned = Blend.fit_tuned(stage, settings=even.settings, device=CPU, rng=np.random.default_rng(0))
    assert np.ptp(tuned.offsets) > 0
