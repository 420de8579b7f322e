"""Experiments: replayed before they start, exposed at render, compared soundly, decided with reasons."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from accounts.models import User
from courses.choices import OrderState
from courses.models import Order
from courses.services import PaidLine, PaidOrder, orders_record
from recommender.choices import ExperimentMethod, ExperimentState, Slot, Source
from recommender.errors import ExperimentRefusedError
from recommender.models import Experiment, Exposure, Impression, ServedList, ServingPolicy
from recommender.selectors.experiments import experiment_figures
from recommender.services import (
    Assigned,
    NewArm,
    NewExperiment,
    arm_for,
    experiment_decide,
    experiment_replay,
    experiment_start,
    experiment_stop,
    experiment_write,
    exposure_record,
)
from tests.cast import Cast
from tests.factories.courses import learner
from tests.recommender import shelves

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    cache.clear()


def draft(**more: Any) -> Experiment:
    arms = [NewArm(name="Now"), NewArm(name="Popular", figures={"popular": 2.0})]
    return experiment_write(new=NewExperiment(**{"name": "Popular?", "hypothesis": "Because.", "arms": arms, **more}))


def shown(ids: list[int], people: list[User]) -> None:
    """Lists of two places, the second one drawn from two; every other first place was opened."""
    for number, person in enumerate(people):
        served = ServedList.objects.create(user=person, slot=Slot.HOME)
        for position, course in enumerate(ids[number % 2 : number % 2 + 2], 1):
            Impression.objects.create(
                served=served,
                position=position,
                course_id=course,
                source=Source.POPULAR,
                score=1,
                propensity=0.5,
                clicked_at=timezone.now() if position == 1 and number % 2 else None,
            )


def started(**more: Any) -> Experiment:
    ids = shelves.courses(4)
    shown(ids, [learner() for _n in range(4)])
    experiment = draft(**more)
    experiment_replay(experiment_id=experiment.pk)
    return experiment_start(experiment_id=experiment.pk, reason="It looks harmless.")


def test_it_is_replayed_first_started_once_stopped_and_decided_each_with_a_reason(cast: Cast) -> None:
    experiment = draft()
    assert experiment.planned_people > 10_000
    act: dict[str, Any] = {"experiment_id": experiment.pk, "by": cast.marco}
    with pytest.raises(ExperimentRefusedError, match="Replay it offline first"):
        experiment_start(**act, reason="now")
    with pytest.raises(ExperimentRefusedError, match="nothing can be replayed"):
        experiment_replay(**act)
    shown(shelves.courses(4), [learner() for _n in range(4)])
    replay = experiment_replay(**act).replay
    assert [row["arm"] for row in replay["arms"]] == ["Now", "Popular"]
    assert replay["arms"][0]["places"] == 8
    with pytest.raises(ExperimentRefusedError, match="Say why"):
        experiment_start(**act, reason=" ")
    experiment_start(**act, reason="It looks harmless.")
    with pytest.raises(ExperimentRefusedError, match="is Running; this step needs one that is Draft"):
        experiment_start(**act, reason="again")
    experiment_stop(**act, reason="Long enough.")
    other = draft().arms.all()[0]
    with pytest.raises(ExperimentRefusedError, match="another experiment"):
        experiment_decide(**act, arm_id=other.pk, reason="x")
    chosen = experiment.arms.all()[0]
    experiment_decide(**act, arm_id=chosen.pk, reason="No difference.")
    experiment.refresh_from_db()
    assert experiment.state == ExperimentState.DECIDED
    log = [(row.act, row.reason, row.by) for row in experiment.decisions.all()]
    assert log[1:] == [
        ("start", "It looks harmless.", cast.marco),
        ("stop", "Long enough.", cast.marco),
        ("decide", "No difference.", cast.marco),
    ]
    assert ServingPolicy.objects.filter(is_trial=False).count() == 0  # no reader outside goes by an arm's figures
    with pytest.raises(ExperimentRefusedError, match="two arms"):
        draft(arms=[NewArm(name="alone")])
    with pytest.raises(ExperimentRefusedError, match="no number of people"):
        draft(rate_ppm=0)


def test_experiments_of_a_layer_take_what_is_free(cast: Cast) -> None:
    first = started(share_bp=6_000)
    second = draft(share_bp=5_000)
    experiment_replay(experiment_id=second.pk)
    with pytest.raises(ExperimentRefusedError, match="no room for 50"):
        experiment_start(experiment_id=second.pk, reason="x")
    third = draft(share_bp=4_000)
    experiment_replay(experiment_id=third.pk)
    assert experiment_start(experiment_id=third.pk, reason="x").first_bucket == 6_000
    people = [learner() for _n in range(40)]
    found = {arm_for(user=person, visitor_key=None, slot=Slot.HOME).experiment_id for person in people}  # type: ignore[union-attr]  # the layer is full
    assert found == {first.pk, third.pk}
    assert arm_for(user=people[0], visitor_key=None, slot=Slot.COURSE) is None
    assert arm_for(user=None, visitor_key=None, slot=Slot.HOME) is None


def test_the_arm_is_the_same_at_every_visit_and_exposed_once_when_a_list_is_shown(cast: Cast) -> None:
    started()
    client = cast.client_of(cast.lee)
    for _visit in range(2):
        assert client.get("/suggestions/home/").status_code == 200
    exposure = Exposure.objects.get()
    assigned = arm_for(user=cast.lee, visitor_key=None, slot=Slot.HOME)
    assert assigned is not None
    assert (exposure.user, exposure.arm_id, exposure.unit) == (cast.lee, assigned.arm_id, assigned.unit)
    assert ServedList.objects.filter(user=cast.lee).last().policy_id == (assigned.policy and assigned.policy.pk)  # type: ignore[union-attr]  # two were made


def expose(experiment: Experiment, people: dict[int, list[User]]) -> None:
    for place, arm in enumerate(experiment.arms.all()):
        for person in people.get(place, []):
            exposure_record(
                assigned=Assigned(experiment.pk, arm.pk, None, None, f"{person.pk:040d}"),
                user=person,
                visitor_key=None,
                answer_ms=5 + person.pk % 3,
            )


def buy(people: list[User], *, days: int, prefix: str) -> None:
    ids = shelves.courses(1, topic=prefix)
    orders_record(
        orders=[
            PaidOrder(
                provider="test",
                external_id=f"{prefix}-{n}",
                code=f"{prefix.upper()}-{n}",
                currency="CNY",
                lines=[PaidLine(course_id=ids[0], list_minor=1000)],
                placed_at=timezone.now() + timedelta(days=days),
                buyer_id=person.pk,
            )
            for n, person in enumerate(people)
        ]
    )


@pytest.mark.parametrize("method", ExperimentMethod.values)
def test_who_bought_after_they_saw_it_counts_and_what_they_bought_before_is_taken_away(method: str) -> None:
    experiment = started(method=method)
    people = [learner() for _n in range(24)]
    buy(people[:3] + people[12:15], days=-5, prefix="early")
    expose(experiment, {0: people[:12], 1: people[12:]})
    buy(people[:3] + people[12:20], days=1, prefix="late")
    figures = experiment_figures(experiment=experiment)
    assert [(row.sums.n, row.sums.y, row.sums.x) for row in figures.arms] == [(12, 3, 3), (12, 8, 3)]
    treated = figures.arms[1]
    assert treated.difference is not None
    assert treated.difference.estimate == pytest.approx(5 / 12)
    assert treated.saved > 0.1
    assert not figures.is_skewed
    assert [one.kind for one in treated.guardrails] == ["refunds", "latency", "gini"]
    assert treated.guardrails[0].verdict == "holds"
    assert Order.objects.filter(state=OrderState.PAID).count() == 17


def test_sizes_that_chance_does_not_make_forbid_to_choose_the_new_arm(cast: Cast) -> None:
    experiment = started()
    people = [learner() for _n in range(30)]
    expose(experiment, {0: people[:28], 1: people[28:]})
    experiment_stop(experiment_id=experiment.pk, reason="Odd.")
    assert experiment_figures(experiment=experiment).is_skewed
    old, new = experiment.arms.all()
    with pytest.raises(ExperimentRefusedError, match="not what chance does"):
        experiment_decide(experiment_id=experiment.pk, arm_id=new.pk, reason="x")
    page = cast.client_of(cast.marco).get(f"/marketing/experiments/{experiment.pk}/").content.decode()
    assert "Something sorts people" in page
    experiment_decide(experiment_id=experiment.pk, arm_id=old.pk, reason="Something sorts people.")


def test_what_was_decided_is_never_rewritten(cast: Cast) -> None:
    started()
    with connection.cursor() as cursor, pytest.raises(Exception, match=r"never changed|permission denied"):
        cursor.execute("UPDATE recommender_decisionlog SET reason = 'other'")


def test_marketers_write_run_and_read_an_experiment_without_a_script(cast: Cast) -> None:
    shown(shelves.courses(4), [learner() for _n in range(4)])
    marco, home = cast.client_of(cast.marco), "/marketing/experiments/"
    assert "Which way of suggesting sells more?" in marco.get(home).content.decode()
    asked = {"name": "Popular?", "hypothesis": "Because.", "slot": "home", "method": "always", "share": "100",
             "rate": "3", "lift": "10"}  # fmt: skip
    assert marco.post(home, asked).status_code == 422
    assert "is no name = number" in marco.post(home, {**asked, "figures": "tail: 1"}).content.decode()
    assert marco.post(home, {**asked, "figures": "tale = 1"}).status_code == 422
    url = marco.post(home, {**asked, "figures": "popular = 2\n"}).headers["Location"]
    assert "Replay it offline first" in marco.post(url, {"act": "start", "reason": "x"}).content.decode()
    assert "Clicks a place" in marco.post(url, {"act": "replay"}, follow=True).content.decode()
    marco.post(url, {"act": "start", "reason": "Harmless"})
    experiment = Experiment.objects.get()
    people = [learner() for _n in range(12)]
    expose(experiment, {0: people[:6], 1: people[6:]})
    buy([*people[:2], *people[6:10]], days=1, prefix="late")
    page = marco.get(url).content.decode()
    for words in ("Buyers against the first arm", "Guardrails", "Decision log", "Harmless", "Stop it"):
        assert words in page
    sheet = marco.get(f"/marketing/experiments/{experiment.pk}.csv").content.decode()
    assert "Now" not in sheet
    assert sheet.count("\r\n") == 3
    marco.post(url, {"act": "stop", "reason": "Enough"})
    marco.post(url, {"act": "decide", "reason": "Same", "arm": experiment.arms.all()[0].pk})
    assert marco.get(home).status_code == 200
    finn = cast.client_of(cast.finn)
    assert finn.get(url).status_code == 200
    assert finn.post(url, {"act": "stop"}).status_code == 403
    assert finn.post(home, asked).status_code == 403
    desk = cast.client_of(cast.mei).get(f"/admin/recommender/experiment/{experiment.pk}/change/").content.decode()
    assert "Decided it" in desk
