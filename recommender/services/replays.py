"""Offline replay: what an arm would have got, judged by the lists that were shown and how probable each place was."""

from dataclasses import replace
from typing import Any

from django.db.models import Q

from courses.choices import EventKind
from courses.models import BehaviourEvent, Enrolment
from recommender.choices import Refusal
from recommender.models import Arm, Dismissal, Experiment, Impression, ServedList
from recommender.selectors import ReaderFacts, reader_facts, shelf_at
from recommender.selectors.readers import ACTS, COURSES
from recommender.services.serving import policy_of, recommender_of
from recommender.services.serving_rank import places_for

MOST_LISTS = 300
"""The latest lists that are looked at: enough for an interval, few enough for a minute."""


def arms_replay(*, experiment: Experiment) -> dict[str, Any] | None:
    """Clicks a place under each arm, by IPS and SNIPS with 95 % intervals; None where nothing was shown.

    An arm's probability of a place is what the serving pipeline gives it for the reader as they stood at that instant:
    what they did, bought, gave back or waved away since then is taken away. An arm that suggests as was suggested
    replays to what was logged. Lists of people who want nothing personal by now are left out.
    """
    from recommender.engine.experiments.replay import replay

    lists = list(
        ServedList.objects.filter(slot=experiment.slot, user__isnull=False)
        .select_related("user")
        .order_by("-served_at")[:MOST_LISTS]
    )
    shown: dict[int, list[Impression]] = {}
    for place in Impression.objects.filter(served__in=lists).order_by("served", "position"):
        shown.setdefault(place.served_id, []).append(place)
    if not shown:
        return None
    facts = {one.pk: then for one in lists if one.pk in shown and (then := _then(one)).personal}
    if not facts:
        return None
    told = []
    for arm in experiment.arms.select_related("run", "policy"):
        rewards, logged, target = [], [], []
        for one in lists:
            if one.pk not in facts:
                continue
            would = _would(arm, facts[one.pk], one, [place.course_id for place in shown[one.pk]])
            for place in shown[one.pk]:
                rewards.append(float(place.clicked_at is not None))
                logged.append(place.propensity)
                target.append(would.get(place.course_id, 0.0))
        found = replay(rewards, logged, target)
        told.append(
            {
                "arm": arm.name,
                "ips": [found.ips.value, found.ips.low, found.ips.high],
                "snips": [found.snips.value, found.snips.low, found.snips.high],
                "logged": [found.logged.value, found.logged.low, found.logged.high],
                "effective": found.effective,
                "clipped": found.clipped,
                "places": found.rows,
            }
        )
    return {"lists": len(facts), "arms": told}


def _then(one: ServedList) -> ReaderFacts:
    """The reader as they stood when the list was made."""
    facts = reader_facts(user=one.user, visitor_key=None)
    if not facts.personal:
        return facts
    acts = BehaviourEvent.objects.filter(user=one.user, occurred_at__lt=one.served_at, course__isnull=False)
    latest = acts.exclude(kind=EventKind.REFUND).order_by("-occurred_at", "-pk").values_list("course_id", flat=True)
    held = Enrolment.objects.filter(user=one.user, enrolled_at__lt=one.served_at).values_list("course_id", flat=True)
    said = Dismissal.objects.filter(user=one.user, created_at__lt=one.served_at).values_list("course_id", flat=True)
    return replace(
        facts,
        history=tuple(reversed(list(dict.fromkeys(latest[:ACTS]))[:COURSES])),
        owned=tuple(held.filter(Q(withdrawn_at=None) | Q(withdrawn_at__gte=one.served_at))),
        withdrawn=tuple(held.filter(withdrawn_at__lt=one.served_at)),
        hidden=tuple(said.filter(kind=Refusal.COURSE)),
        less=tuple(said.filter(kind=Refusal.LESS)),
    )


def _would(arm: Arm, facts: ReaderFacts, one: ServedList, shown: list[int]) -> dict[int, float]:
    """Course -> the arm's probability of showing it in a list of the length of the one that was `shown`.

    A place that is drawn is asked for what stood there: another draw would say nothing of it.
    """
    import numpy as np

    run = arm.run_id or facts.run
    policy = arm.policy_id or facts.policy
    choices = places_for(
        replace(facts, run=run, policy=policy),
        shelf=shelf_at(version=facts.shelf),
        recommender=recommender_of(run) if facts.personal else None,
        policy=policy_of(policy),
        beside=one.course_id,
        places=len(shown),
        rng=np.random.default_rng(one.pk),
        shown=shown,
    )
    return {choice.course: choice.propensity for choice in choices}
