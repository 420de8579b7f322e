"""Verbs of experiments: write, replay offline, start, stop, decide; and which arm a reader is in."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from recommender.choices import Decision, ExperimentKind, ExperimentMethod, ExperimentState, Slot
from recommender.errors import ExperimentRefusedError
from recommender.models import Arm, DecisionLog, Experiment, Exposure, ServingPolicy, TrainingRun
from recommender.selectors.experiments import experiment_figures, running_at, unit_of
from recommender.services.replays import arms_replay
from recommender.services.serving_mix import Side

KEY = b"tributary.experiments"
"""Names the purpose of the hash; what nobody else knows is each experiment's salt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewArm:
    """A way of suggesting; the first one is what the others are held against.

    `figures` are those of `recommender.engine.re_rank.Policy` that differ from the code's; none: what is in force.
    """

    name: str
    weight: int = 1
    run_id: int | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewExperiment:
    """See the model's fields; `share_bp` of the layer's traffic is taken from where it is free."""

    name: str
    hypothesis: str
    arms: Sequence[NewArm]
    name_zh: str = ""
    slot: str = Slot.HOME
    layer: str = "suggestions"
    share_bp: int = 10_000
    kind: str = ExperimentKind.SPLIT
    method: str = ExperimentMethod.ALWAYS
    rate_ppm: int = 30_000
    lift_bp: int = 1_000


@dataclass(frozen=True, slots=True)
class Assigned:
    """The arm that a reader is in; of a mixed list both, as `sides`."""

    experiment_id: int
    arm_id: int
    run: TrainingRun | None
    policy: ServingPolicy | None
    unit: str
    sides: tuple[Side, Side] | None = None


@transaction.atomic
def experiment_write(*, new: NewExperiment, by: User | None = None) -> Experiment:
    """Write a draft. ExperimentRefusedError: fewer than two arms, or figures with which no size can be planned."""
    if len(new.arms) < 2:
        raise ExperimentRefusedError(
            _("An experiment needs two arms or more: what serves now, and what may be better.")
        )
    if new.kind == ExperimentKind.MIXED and len(new.arms) > 2:
        raise ExperimentRefusedError(_("One list holds two arms; write another experiment for the third."))
    people = _people(new)
    experiment = Experiment.objects.create(
        name=new.name,
        name_zh=new.name_zh,
        hypothesis=new.hypothesis,
        slot=new.slot,
        layer=new.layer,
        share_bp=new.share_bp,
        kind=new.kind,
        method=new.method,
        rate_ppm=new.rate_ppm,
        lift_bp=new.lift_bp,
        planned_people=people,
        salt=secrets.token_hex(16),
        created_by=by,
    )
    Arm.objects.bulk_create(
        Arm(
            experiment=experiment,
            position=position,
            name=arm.name,
            weight=arm.weight,
            run_id=arm.run_id,
            policy=_trial(arm, by),
        )
        for position, arm in enumerate(new.arms)
    )
    return experiment


@transaction.atomic
def experiment_replay(*, experiment_id: int, by: User | None = None) -> Experiment:
    """Estimate offline, from logged propensities, what each arm would have got; an online test starts after that.

    ExperimentRefusedError: it is no draft, or nothing was shown in its place yet.
    """
    experiment = _locked(experiment_id, ExperimentState.DRAFT)
    found = arms_replay(experiment=experiment)
    if found is None:
        raise ExperimentRefusedError(
            _("Nothing was shown to learners in this place yet, so nothing can be replayed. Let it serve a while.")
        )
    experiment.replay = found
    experiment.save(update_fields=["replay"])
    _log(experiment, Decision.REPLAY, _("Before going online"), found, by)
    return experiment


@transaction.atomic
def experiment_start(*, experiment_id: int, reason: str, by: User | None = None) -> Experiment:
    """Let it run. ExperimentRefusedError: not replayed, no reason, or no room left in its layer."""
    from recommender.engine.experiments.assign import free_range

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('recommender.experiment'))")
    experiment = _locked(experiment_id, ExperimentState.DRAFT)
    _needs(reason)
    if not experiment.replay:
        raise ExperimentRefusedError(
            _("Replay it offline first: nobody should meet an arm that the log speaks against.")
        )
    beside = Experiment.objects.filter(layer=experiment.layer, state=ExperimentState.RUNNING)
    first = free_range(list(beside.values_list("first_bucket", "share_bp")), experiment.share_bp)
    if first is None:
        raise ExperimentRefusedError(
            _("The layer “%(layer)s” has no room for %(share)s %% of its traffic. Stop another, or ask for less.")
            % {"layer": experiment.layer, "share": experiment.share_bp / 100}
        )
    experiment.first_bucket, experiment.state, experiment.started_at = first, ExperimentState.RUNNING, timezone.now()
    experiment.save(update_fields=["first_bucket", "state", "started_at"])
    _log(experiment, Decision.START, reason, experiment.replay, by)
    return experiment


@transaction.atomic
def experiment_stop(*, experiment_id: int, reason: str, by: User | None = None) -> Experiment:
    """Let everybody see again what serves. ExperimentRefusedError: it does not run, or no reason is given."""
    experiment = _locked(experiment_id, ExperimentState.RUNNING)
    _needs(reason)
    experiment.state, experiment.stopped_at = ExperimentState.STOPPED, timezone.now()
    experiment.save(update_fields=["state", "stopped_at"])
    _log(experiment, Decision.STOP, reason, experiment_figures(experiment=experiment).told(), by)
    return experiment


@transaction.atomic
def experiment_decide(*, experiment_id: int, arm_id: int, reason: str, by: User | None = None) -> Experiment:
    """Keep which arm was chosen and why, with the figures seen; `arm_promote` then makes it serve everybody.

    ExperimentRefusedError: it was not stopped, the arm is another's, no reason, or sizes that chance does not make.
    """
    experiment = _locked(experiment_id, ExperimentState.STOPPED)
    _needs(reason)
    arm = experiment.arms.filter(pk=arm_id).first()
    if arm is None:
        raise ExperimentRefusedError(_("This arm belongs to another experiment."))
    figures = experiment_figures(experiment=experiment)
    if figures.is_skewed and arm.position:
        raise ExperimentRefusedError(
            _("The arms’ sizes are not what chance does, so their difference says nothing. Find out why, run it anew.")
        )
    experiment.state = ExperimentState.DECIDED
    experiment.save(update_fields=["state"])
    _log(experiment, Decision.DECIDE, reason, {**figures.told(), "chosen": arm.name, "arm": arm.pk}, by)
    return experiment


def arm_for(*, user: User | None, visitor_key: UUID | None, slot: str) -> Assigned | None:
    """The arm of the experiment that runs in this place, for this reader; None for who is in none.

    The same reader is in the same arm at every visit, as long as the experiment runs.
    """
    from recommender.engine.experiments.assign import arm_of

    if user is None and visitor_key is None:
        return None
    for experiment in running_at(slot=slot):
        unit = unit_of(experiment, user=user, visitor_key=visitor_key)
        arms = list(experiment.arms.all())
        place = arm_of(
            KEY,
            layer=experiment.layer,
            first=experiment.first_bucket,
            share=experiment.share_bp,
            salt=experiment.salt,
            weights=[arm.weight for arm in arms],
            unit=f"u{user.pk}" if user is not None else f"v{visitor_key}",
        )
        if place is None:
            continue
        arm, mixes = arms[place], experiment.kind == ExperimentKind.MIXED
        sides = (Side(arms[0].pk, arms[0].run, arms[0].policy), Side(arms[1].pk, arms[1].run, arms[1].policy))
        return Assigned(experiment.pk, arm.pk, arm.run, arm.policy, unit, sides if mixes else None)
    return None


def exposure_record(*, assigned: Assigned, user: User | None, visitor_key: UUID | None, answer_ms: int = 0) -> None:
    """Keep that a reader saw their arm; the first time counts, at render, so nobody is counted who saw nothing."""
    Exposure.objects.bulk_create(
        [
            Exposure(
                experiment_id=assigned.experiment_id,
                arm_id=assigned.arm_id,
                unit=assigned.unit,
                user=user,
                visitor_key=visitor_key if user is None else None,
                answer_ms=answer_ms,
            )
        ],
        ignore_conflicts=True,
    )


def _people(new: NewExperiment) -> int:
    """How many people an arm needs, or readers who prefer one."""
    from recommender.engine.errors import ConfigError
    from recommender.engine.experiments.compare import people_needed
    from recommender.engine.experiments.interleave import readers_needed

    try:
        if new.kind == ExperimentKind.MIXED:
            return readers_needed(new.lift_bp / 1e4)
        return people_needed(new.rate_ppm / 1e6, new.lift_bp / 1e4)
    except ConfigError as fault:
        raise ExperimentRefusedError(
            _("With these figures no number of people can be planned: rate and changed rate lie between 0 and 1.")
        ) from fault


def _trial(arm: NewArm, by: User | None) -> ServingPolicy | None:
    """Figures that only this arm goes by; ExperimentRefusedError for a name that is none, or a value out of range."""
    from recommender.engine.errors import ConfigError
    from recommender.engine.re_rank import policy_from

    if not arm.figures:
        return None
    try:
        policy_from(arm.figures)
    except (ConfigError, TypeError) as error:
        raise ExperimentRefusedError(str(error)) from error
    return ServingPolicy.objects.create(values=dict(arm.figures), note=arm.name, created_by=by, is_trial=True)


def _locked(experiment_id: int, state: str) -> Experiment:
    experiment = Experiment.objects.select_for_update().get(pk=experiment_id)
    if experiment.state != state:
        raise ExperimentRefusedError(
            _("“%(name)s” is %(state)s; this step needs one that is %(needed)s.")
            % {
                "name": experiment.local_name,
                "state": experiment.get_state_display(),
                "needed": ExperimentState(state).label,
            }
        )
    return experiment


def _needs(reason: str) -> None:
    if not reason.strip():
        raise ExperimentRefusedError(_("Say why; whoever reads the log later will ask."))


def _log(experiment: Experiment, act: str, reason: str, seen: dict[str, Any], by: User | None) -> None:
    DecisionLog.objects.create(experiment=experiment, act=act, reason=reason.strip(), seen=seen, by=by)
