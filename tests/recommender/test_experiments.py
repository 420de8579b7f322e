"""Experiments: replayed before they start, exposed at render, compared soundly, decided with reasons."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from accounts.models import User
from accounts.services import consent_record
from courses.choices import OrderState
from courses.models import Course, Order
from courses.services import PaidLine, PaidOrder, enrolment_give, orders_record
from recommender.choices import ExperimentKind, ExperimentMethod, ExperimentState, Slot, Source, Stage
from recommender.errors import ExperimentRefusedError
from recommender.models import Experiment, Exposure, Impression, ServedList, ServingPolicy, TrainingRun
from recommender.selectors.experiments import experiment_figures
from recommender.services import (
    Assigned,
    NewArm,
    NewExperiment,
    arm_for,
    arm_promote,
    arm_rollback,
    click_record,
    course_dismiss,
    experiment_decide,
    experiment_replay,
    experiment_start,
    experiment_stop,
    experiment_write,
    exposure_record,
    personal_set,
    suggest,
    suggest_tried,
    suggestions_mail,
)
from tests.cast import Cast
from tests.factories.courses import creator, learner
from tests.recommender import shelves

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    cache.clear()


def draft(**more: Any) -> Experiment:
    arms = [NewArm(name="Now"), NewArm(name="Popular", figures={"popular": 2.0})]
    return experiment_write(new=NewExperiment(**{"name": "Popular?", "hypothesis": "Because.", "arms": arms, **more}))


def shown(ids: list[int], people: list[User], *, slot: str = Slot.HOME) -> None:
    """Lists of two places, the second one drawn from two; every other first place was opened."""
    for number, person in enumerate(people):
        served = ServedList.objects.create(user=person, slot=slot)
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
    ids = list(Course.objects.values_list("pk", flat=True)) or shelves.courses(4)
    shown(ids, [learner() for _n in range(4)], slot=more.get("slot", Slot.HOME))
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


def test_an_arm_that_suggests_as_was_suggested_replays_to_what_was_logged(cast: Cast) -> None:
    ids = [*shelves.courses(6), *shelves.courses(6, topic="new", days=1)]
    people = [learner() for _n in range(10)]
    for number, person in enumerate(people):
        shelves.looked(person, ids[number % 3])
        suggest(user=person, visitor_key=None, slot=Slot.HOME)
    assert Impression.objects.filter(propensity__lt=1).count() == 10  # the last place of four is drawn
    drawn = Impression.objects.filter(position=4)
    assert {click_record(code=place.served.code, position=4, visitor_key=None) for place in drawn}
    for place in drawn.select_related("served"):  # what they did then must not change what they would have been shown
        course_dismiss(user=people[0], course_id=place.course_id)
        enrolment_give(user=User.objects.get(pk=place.served.user_id or 0), course_id=place.course_id)
    personal_set(user=people[1], wanted=False)
    arms = experiment_replay(experiment_id=draft().pk).replay["arms"]
    assert arms[0]["places"] == 36
    assert arms[0]["ips"] == pytest.approx(arms[0]["logged"], rel=0.05)


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
    assert treated.guardrails[2].low is None
    shown(shelves.courses(3, topic="made", makers=[(creator(name).pk,) for name in ("A", "B", "C")]), people)
    unequal = experiment_figures(experiment=experiment).arms[1].guardrails[2]
    assert unequal.low is not None
    assert unequal.low <= unequal.change <= unequal.high  # type: ignore[operator] # both ends or none
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
    asked = {"name": "Popular?", "hypothesis": "Because.", "slot": "home", "kind": "split", "method": "always",
             "share": "100", "rate": "3", "lift": "10"}  # fmt: skip
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


def test_mails_and_programs_are_places_like_any_other(
    cast: Cast, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    mailed, asked = started(slot=Slot.MAIL), started(slot=Slot.API, layer="programs")
    consent_record(user=cast.lee, purpose="mail", granted=True)
    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.EmailMultiAlternatives.send", lambda _mail: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            suggestions_mail(user_id=cast.lee.pk)
    assert not Exposure.objects.exists()  # what was not sent exposed nobody
    assert suggestions_mail(user_id=cast.lee.pk)
    assert cast.client_of(cast.lee).get("/api/v1/recommendations/").status_code == 200
    for experiment, slot in ((mailed, Slot.MAIL), (asked, Slot.API)):
        exposure, own = Exposure.objects.get(experiment=experiment), arm_for(user=cast.lee, visitor_key=None, slot=slot)
        assert own is not None
        assert (exposure.user, exposure.arm_id, exposure.unit) == (cast.lee, own.arm_id, own.unit)
        assert [row.sums.n for row in experiment_figures(experiment=experiment).arms].count(1) == 1
    assert len(mailoutbox) == 1


def test_two_arms_share_a_list_and_each_place_says_which_brought_it(cast: Cast) -> None:
    shelves.courses(12)
    shelves.courses(2, topic="new", days=1)
    with pytest.raises(ExperimentRefusedError, match="two arms"):
        draft(kind=ExperimentKind.MIXED, arms=[NewArm(name=name) for name in "abc"])
    experiment = started(kind=ExperimentKind.MIXED)
    assert experiment.planned_people == 783
    old, new = experiment.arms.all()
    people = [learner() for _n in range(20)]
    lists = [suggest_tried(user=person, visitor_key=None, slot=Slot.HOME).choices for person in people]
    assert all(len({choice.course for choice in one}) == 4 for one in lists)
    again = suggest_tried(user=people[0], visitor_key=None, slot=Slot.HOME).choices
    assert [choice.arm for choice in again] == [choice.arm for choice in lists[0]]
    places = Impression.objects.filter(served__user__in=people)
    assert not Exposure.objects.exists()
    assert places.filter(position=1, arm=old).exists()  # a coin says who begins: never, one in 2^20
    assert places.filter(position=1, arm=new).exists()
    assert {place.arm_id is None for place in places.filter(source=Source.EXPLORE)} <= {True}
    assert not places.exclude(source=Source.EXPLORE).filter(arm=None).exists()
    assert not places.filter(propensity__lt=0.25 * 0.5).exclude(source=Source.EXPLORE).exists()
    empty = experiment_figures(experiment=experiment)
    assert (empty.people, empty.preference.decided, empty.preference.share.p) == (20, 0, 1.0)  # type: ignore[union-attr]  # it is mixed
    for place in places.filter(arm=new):
        click_record(code=place.served.code, position=place.position, visitor_key=None)
    figures = experiment_figures(experiment=experiment)
    found = figures.preference
    assert found is not None
    assert (found.wins, found.losses, found.ties) == (20, 0, 0)
    assert found.share.low > 0.5 > found.share.p
    assert [row.sums.y for row in figures.arms] == [0, places.filter(arm=new).count()]
    often = [ServedList(user=people[0] if n % 2 else None, slot=Slot.HOME) for n in range(200)]
    begun: dict[str, Any] = {"position": 1, "arm": new, "course": places[0].course, "source": "popular", "score": 1.0}
    Impression.objects.bulk_create(Impression(served=one, **begun) for one in ServedList.objects.bulk_create(often))
    told = experiment_figures(experiment=experiment)  # one who comes often has thrown one coin, and is one reader
    assert (told.ratio_p, told.people, told.preference) == (figures.ratio_p, 20, found)
    assert [one.kind for one in figures.arms[1].guardrails] == ["refunds", "gini"]
    page = cast.client_of(cast.marco).get(f"/marketing/experiments/{experiment.pk}/").content.decode()
    for words in ("Readers who prefer it", "20 with a preference, 783 needed", "100.0%"):
        assert words in re.sub(r"<[^>]+>", "", page)
    sheet = cast.client_of(cast.marco).get(f"/marketing/experiments/{experiment.pk}.csv").content.decode()
    assert sheet.count("\r\n") == 3
    desk = cast.client_of(cast.mei).get(f"/admin/recommender/experiment/{experiment.pk}/change/").content.decode()
    assert "Refunded orders" in desk
    assert "prefer it" in desk


def decided(arms: list[NewArm], cast: Cast) -> Experiment:
    experiment = started(arms=arms)
    experiment_stop(experiment_id=experiment.pk, reason="Enough.")
    chosen = experiment.arms.all()[1]
    return experiment_decide(experiment_id=experiment.pk, arm_id=chosen.pk, reason="It sells more.", by=cast.marco)


def test_the_winner_s_figures_serve_after_one_confirmed_click_and_one_click_takes_them_back(cast: Cast) -> None:
    experiment = decided([NewArm(name="Now"), NewArm(name="Popular", figures={"popular": 2.0})], cast)
    marco, url = cast.client_of(cast.marco), f"/marketing/experiments/{experiment.pk}/"
    assert "popular = 2" in marco.get(url).content.decode()
    marco.post(url, {"act": "promote"})
    assert not ServingPolicy.objects.filter(is_trial=False).exists()  # not confirmed
    assert (
        "Go back to what served before"
        in marco.post(url, {"act": "promote", "sure": "on"}, follow=True).content.decode()
    )
    assert ServingPolicy.objects.filter(is_trial=False).latest("pk").values == {"popular": 2.0}
    assert marco.post(url, {"act": "promote", "sure": "on"}).status_code == 409  # once
    marco.post(url, {"act": "rollback"})
    assert ServingPolicy.objects.filter(is_trial=False).latest("pk").values == {}
    assert [(row.act, row.by) for row in experiment.decisions.order_by("-pk")[:2]] == [
        ("rollback", cast.marco),
        ("promote", cast.marco),
    ]
    arm_promote(experiment_id=experiment.pk, by=cast.marco)
    ServingPolicy.objects.create(values={"tail": 0.5}, note="since")
    with pytest.raises(ExperimentRefusedError, match="Something newer serves"):
        arm_rollback(experiment_id=experiment.pk, by=cast.marco)


@pytest.mark.usefixtures("own_folder")
def test_a_winning_model_passes_gate_and_digest_and_is_promoted_by_who_may(cast: Cast) -> None:
    ids = shelves.courses(6)
    better, now = shelves.live(ids), shelves.live(ids)
    experiment = decided([NewArm(name="Now"), NewArm(name="Better", run_id=better.pk)], cast)
    marco, olga = cast.client_of(cast.marco), cast.client_of(cast.olga)
    url, desk = f"/marketing/experiments/{experiment.pk}/", f"/admin/recommender/experiment/{experiment.pk}/"
    sure = {"act": "promote", "sure": "on"}
    assert "by an operator" in marco.get(url).content.decode()
    assert "Your role does not" in marco.post(url, sure).content.decode()
    assert cast.client_of(cast.mei).post(f"{desk}move/", sure).status_code == 403
    worse = {"valid": {"ndcg@10": {"value": 0.1}}}
    TrainingRun.objects.filter(pk=now.pk).update(metrics={"valid": {"ndcg@10": {"value": 0.2}}})
    TrainingRun.objects.filter(pk=better.pk).update(metrics=worse)
    assert "ndcg@10 fell too far" in olga.get(f"{desk}change/").content.decode()
    with pytest.raises(ExperimentRefusedError, match="The gate holds"):
        arm_promote(experiment_id=experiment.pk, by=cast.olga)
    TrainingRun.objects.filter(pk=better.pk).update(metrics={}, artefact_sha256="0" * 64)
    with pytest.raises(ExperimentRefusedError, match="cannot serve"):
        arm_promote(experiment_id=experiment.pk, by=cast.olga)
    assert TrainingRun.objects.get(stage=Stage.LIVE).pk == now.pk
    TrainingRun.objects.filter(pk=better.pk).update(artefact_sha256=better.artefact_sha256)
    assert "becomes the model that serves" in olga.get(f"{desk}change/").content.decode()
    olga.post(f"{desk}move/", sure)
    assert TrainingRun.objects.get(stage=Stage.LIVE).pk == better.pk
    assert experiment.decisions.latest("pk").seen["run_before"] == now.pk
    olga.post(f"{desk}move/", {"act": "rollback"})
    assert TrainingRun.objects.get(stage=Stage.LIVE).pk == now.pk
    with pytest.raises(ExperimentRefusedError, match="nothing to take back"):
        arm_rollback(experiment_id=experiment.pk, by=cast.olga)
