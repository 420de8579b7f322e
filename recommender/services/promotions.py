"""From a decision to what serves: the chosen arm's model and figures for everybody, and the one step back."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.rules import may
from recommender.choices import Decision, ExperimentState, Stage
from recommender.errors import ExperimentRefusedError, TrainingRefusedError
from recommender.models import Arm, DecisionLog, Experiment, ServingPolicy, TrainingRun
from recommender.selectors.experiments import decided_arm, promotion_of
from recommender.services.training_stages import gate_of, model_promote


@dataclass(frozen=True, slots=True)
class Offer:
    """What promoting would change. `gate` compares the model with the one that serves, empty without a model.

    `refusal` is why it cannot be done now, empty where it can.
    """

    arm: Arm
    gate: dict[str, Any]
    refusal: str


def may_promote(user: User, arm: Arm) -> bool:
    """Whether this person may let the arm's model serve, and write its figures."""
    return (arm.run_id is None or may(user, "promote", "recommender.trainingrun")) and (
        arm.policy_id is None or may(user, "add", "recommender.servingpolicy")
    )


def promotion_offer(*, experiment: Experiment) -> Offer | None:
    """What may be promoted after the decision; None before it, once it was done, and where what served has won."""
    arm = decided_arm(experiment=experiment)
    if arm is None or not (arm.run_id or arm.policy_id) or promotion_of(experiment=experiment):
        return None
    gate = gate_of(arm.run) if arm.run else {}
    refusal = ""
    if arm.run and arm.run.stage != Stage.LIVE and not gate["passed"]:
        fell = ", ".join(row["figure"] for row in gate["compared"] if not row["passed"])
        refusal = _(
            "The gate holds %(run)s back: %(figures)s fell too far below what serves now. Train it again, or let it "
            "serve at the desk of training runs, where a person answers for it."
        ) % {"run": arm.run, "figures": fell}
    return Offer(arm, gate, refusal)


def promotion_words(*, experiment: Experiment, reader: User) -> dict[str, Any]:
    """For pages: what may be promoted or taken back, and whether this person may; empty where there is neither."""
    if experiment.state != ExperimentState.DECIDED:
        return {}
    if (done := promotion_of(experiment=experiment)) is not None:
        arm = experiment.arms.select_related("run", "policy").get(pk=done.seen["arm"])
        return {"arm": arm, "done": done, "may": may_promote(reader, arm)}
    offer = promotion_offer(experiment=experiment)
    if offer is None:
        return {}
    figures = offer.arm.policy.values.items() if offer.arm.policy else ()
    return {
        "arm": offer.arm,
        "compared": offer.gate.get("compared", ()),
        "figures": ", ".join(f"{name} = {value:g}" for name, value in figures),
        "refusal": offer.refusal,
        "may": may_promote(reader, offer.arm),
    }


@transaction.atomic
def arm_promote(*, experiment_id: int, by: User) -> Experiment:
    """Let the chosen arm serve everybody: its model through gate and digest, its figures as the policy in force.

    ExperimentRefusedError: nothing to promote, the gate or the model's file speak against it, or the person may not.
    """
    experiment = Experiment.objects.select_for_update().get(pk=experiment_id)
    offer = promotion_offer(experiment=experiment) if experiment.state == ExperimentState.DECIDED else None
    if offer is None:
        raise ExperimentRefusedError(_("There is nothing to promote: decide for an arm that changes something first."))
    if not may_promote(by, offer.arm):
        raise ExperimentRefusedError(_("Your role does not let a model serve. Ask an operator to do it here."))
    if offer.refusal:
        raise ExperimentRefusedError(offer.refusal)
    live = TrainingRun.objects.filter(stage=Stage.LIVE).first()
    in_force = _policy_in_force()
    seen: dict[str, Any] = {"arm": offer.arm.pk, "chosen": offer.arm.name}
    if offer.arm.run is not None and offer.arm.run != live:
        _served(offer.arm.run.pk, by)
        seen |= {"run": offer.arm.run.pk, "run_before": live.pk if live else None, "gate": offer.gate}
    if offer.arm.policy is not None:
        written = _policy(offer.arm.policy.values, experiment, by)
        seen |= {"policy": written.pk, "policy_before": in_force.pk if in_force else None}
    words = " · ".join(str(part) for part in (offer.arm.run, offer.arm.policy and offer.arm.name) if part)
    DecisionLog.objects.create(experiment=experiment, act=Decision.PROMOTE, reason=words[:400], seen=seen, by=by)
    return experiment


@transaction.atomic
def arm_rollback(*, experiment_id: int, by: User) -> Experiment:
    """Let serve again what served before the promotion.

    ExperimentRefusedError: nothing of this experiment was promoted, something newer serves since then, the model before
    cannot serve any more, or the person may not.
    """
    experiment = Experiment.objects.select_for_update().get(pk=experiment_id)
    done = promotion_of(experiment=experiment)
    if done is None:
        raise ExperimentRefusedError(
            _("Nothing of this experiment serves everybody, so there is nothing to take back.")
        )
    seen, arm = done.seen, experiment.arms.get(pk=done.seen["arm"])
    if not may_promote(by, arm):
        raise ExperimentRefusedError(_("Your role does not let a model serve. Ask an operator to do it here."))
    live, in_force = TrainingRun.objects.filter(stage=Stage.LIVE).first(), _policy_in_force()
    if ("run" in seen and (live is None or live.pk != seen["run"])) or (
        "policy" in seen and (in_force is None or in_force.pk != seen["policy"])
    ):
        raise ExperimentRefusedError(
            _("Something newer serves since then. Go back at the desk of training runs, or write other figures.")
        )
    if "run" in seen:
        if seen["run_before"] is None:
            raise ExperimentRefusedError(_("No model served before this one, so there is none to go back to."))
        _served(seen["run_before"], by)
    if "policy" in seen:
        before = ServingPolicy.objects.filter(pk=seen["policy_before"]).first()
        _policy(before.values if before else {}, experiment, by)
    DecisionLog.objects.create(experiment=experiment, act=Decision.ROLLBACK, reason=done.reason, seen=seen, by=by)
    return experiment


def _policy_in_force() -> ServingPolicy | None:
    return ServingPolicy.objects.filter(is_trial=False).order_by("-pk").first()


def _policy(values: dict[str, Any], experiment: Experiment, by: User) -> ServingPolicy:
    return ServingPolicy.objects.create(values=dict(values), note=experiment.name[:200], created_by=by)


def _served(run_id: int, by: User) -> None:
    try:
        model_promote(run_id=run_id, by=by)
    except TrainingRefusedError as refusal:
        raise ExperimentRefusedError(str(refusal)) from refusal
