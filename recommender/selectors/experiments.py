"""Reads of experiments: which run in a place, and what their arms did."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connection
from django.db.models import Prefetch

from accounts.models import User
from recommender.choices import Decision, ExperimentKind, ExperimentMethod, ExperimentState
from recommender.engine.experiments.compare import SRM_ALPHA, Difference
from recommender.engine.experiments.moments import Sums
from recommender.models import Arm, DecisionLog, Experiment
from recommender.selectors.interleaved import (
    Brought,
    Preference,
    brought_by,
    creator_tables,
    creators_places,
    preference_of,
    refunds_of,
)

if TYPE_CHECKING:
    from recommender.engine.data import Int64

WINDOW_DAYS, BEFORE_DAYS = 14, 90
"""A purchase counts so many days after the first exposure; purchases of so many days before it are known for CUPED."""

_SUMS = """
SELECT s.arm_id, count(*), sum(s.y), sum(s.y), sum(s.x), sum(s.x * s.x), sum(s.x * s.y), sum(s.ms), sum(s.ms * s.ms)
FROM (
    SELECT e.arm_id, e.answer_ms::float8 AS ms,
        EXISTS (
            SELECT FROM courses_order o WHERE o.state IN ('paid', 'voided')
                AND (o.buyer_id = e.user_id OR (e.user_id IS NULL AND o.visitor_key = e.visitor_key))
                AND o.placed_at >= e.exposed_at AND o.placed_at < e.exposed_at + %(window)s * interval '1 day'
        )::int AS y,
        (
            SELECT count(*) FROM courses_order o WHERE o.state IN ('paid', 'voided')
                AND (o.buyer_id = e.user_id OR (e.user_id IS NULL AND o.visitor_key = e.visitor_key))
                AND o.placed_at < e.exposed_at AND o.placed_at >= e.exposed_at - %(before)s * interval '1 day'
        )::float8 AS x
    FROM recommender_exposure e WHERE e.experiment_id = %(experiment)s
) s GROUP BY s.arm_id
"""
_REFUNDS = """
SELECT e.arm_id, count(*), count(*) FILTER (WHERE EXISTS (
    SELECT FROM courses_refund r WHERE r.order_id = o.id AND r.state = 'done' AND r.reverses_id IS NULL))
FROM recommender_exposure e
JOIN courses_order o ON (o.buyer_id = e.user_id OR (e.user_id IS NULL AND o.visitor_key = e.visitor_key))
    AND o.state IN ('paid', 'voided')
    AND o.placed_at >= e.exposed_at AND o.placed_at < e.exposed_at + %(window)s * interval '1 day'
WHERE e.experiment_id = %(experiment)s GROUP BY e.arm_id
"""
_PLACES = """
SELECT e.arm_id, e.id %% 200, c.party_id, count(*)
FROM recommender_exposure e
JOIN recommender_servedlist l ON (l.user_id = e.user_id OR (e.user_id IS NULL AND l.visitor_key = e.visitor_key))
    AND l.slot = %(slot)s AND l.served_at >= e.exposed_at - interval '1 minute'
    AND (%(stopped)s::timestamptz IS NULL OR l.served_at < %(stopped)s::timestamptz)
JOIN recommender_impression i ON i.served_id = l.id
JOIN courses_coursecreator c ON c.course_id = i.course_id
WHERE e.experiment_id = %(experiment)s GROUP BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Guardrail:
    """Something that must not get worse: the change in its unit, its margin, and whether it holds.

    `kind` is refunds (share of orders), latency (milliseconds) or gini (0 to 1, its interval by bootstrap).
    """

    kind: str
    change: float
    low: float | None
    high: float | None
    margin: float
    verdict: str


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """An arm: people, buyers, and what sets it apart from the first arm (None there).

    Of shared lists, where there are no people of an arm, the sums are places and those that were opened.
    """

    arm: Arm
    sums: Sums
    difference: Difference | None
    adjusted: Difference | None
    saved: float
    guardrails: tuple[Guardrail, ...]
    brought: Brought | None = None

    @property
    def rate(self) -> float:
        """Buyers a person."""
        return self.sums.mean


@dataclass(frozen=True, slots=True)
class Figures:
    """What an experiment shows by now."""

    experiment: Experiment
    arms: list[ArmFigures]
    ratio_p: float
    preference: Preference | None = None

    @property
    def people(self) -> int:
        """People in all arms, or readers of shared lists."""
        if self.preference is not None:
            return self.preference.readers
        return sum(row.sums.n for row in self.arms)

    @property
    def is_skewed(self) -> bool:
        """Whether the arms' sizes are not what chance does."""
        return self.ratio_p < SRM_ALPHA

    @property
    def is_full(self) -> bool:
        """Whether every arm has as many people, or as many readers have a preference, as were planned."""
        if self.preference is not None:
            return self.preference.decided >= self.experiment.planned_people
        return bool(self.arms) and min(row.sums.n for row in self.arms) >= self.experiment.planned_people

    def told(self) -> dict[str, Any]:
        """The figures as plain values, for the log."""
        if (found := self.preference) is not None:
            return {
                "ratio_p": self.ratio_p,
                "readers": found.readers,
                "wins": found.wins,
                "losses": found.losses,
                "share": list(found.share),
                "arms": [{"arm": row.arm.name, "places": row.sums.n, "opened": int(row.sums.y)} for row in self.arms],
            }
        return {
            "ratio_p": self.ratio_p,
            "arms": [
                {
                    "arm": row.arm.name,
                    "people": row.sums.n,
                    "buyers": int(row.sums.y),
                    **(
                        {"difference": row.difference.estimate, "p": row.difference.p}
                        if row.difference is not None
                        else {}
                    ),
                }
                for row in self.arms
            ],
        }


def running_at(*, slot: str) -> list[Experiment]:
    """Experiments that run in this place, with their arms."""
    arms = Arm.objects.select_related("run", "policy").order_by("position")
    running = Experiment.objects.filter(state=ExperimentState.RUNNING, slot=slot).order_by("pk")
    return list(running.prefetch_related(Prefetch("arms", queryset=arms)))


def unit_of(experiment: Experiment, *, user: User | None, visitor_key: UUID | None) -> str:
    """A pseudonym of the reader that only this experiment knows: HMAC-SHA256 under its salt, 40 hex digits."""
    name = f"u{user.pk}" if user is not None else f"v{visitor_key}"
    return hmac.new(experiment.salt.encode(), name.encode(), hashlib.sha256).hexdigest()[:40]


def experiment_figures(*, experiment: Experiment) -> Figures:
    """Compare the arms; four statements however many people there are."""
    from recommender.engine.experiments.compare import always_valid, cuped, fixed_horizon, sample_ratio

    arms = list(experiment.arms.order_by("position"))
    if experiment.kind == ExperimentKind.MIXED and len(arms) > 1:
        return _mixed_figures(experiment, arms)
    sums, slow = _sums(experiment)
    refunds, places = _refunds(experiment), creator_tables(_fetched(_PLACES, experiment))
    tau = experiment.rate_ppm / 1e6 * experiment.lift_bp / 1e4

    def compared(control: Sums, treated: Sums) -> Difference:
        if experiment.method == ExperimentMethod.FIXED:
            return fixed_horizon(control, treated)
        return always_valid(control, treated, tau=tau)

    first = arms[0].pk if arms else 0
    rows = []
    for arm in arms:
        mine, theirs = sums.get(arm.pk, Sums()), sums.get(first, Sums())
        if arm.pk == first:
            rows.append(ArmFigures(arm, mine, None, None, 0.0, ()))
            continue
        control, treated, saved = cuped(theirs, mine)
        watched = (
            _watched("refunds", refunds.get(first), refunds.get(arm.pk), experiment.refund_margin_bp / 1e4),
            _watched("latency", slow.get(first), slow.get(arm.pk), float(experiment.latency_margin_ms)),
            _unequal(places.get(first), places.get(arm.pk), experiment.gini_margin_bp / 1e4),
        )
        rows.append(ArmFigures(arm, mine, compared(theirs, mine), compared(control, treated), saved, watched))
    counts = [row.sums.n for row in rows]
    ratio = sample_ratio(counts, [arm.weight for arm in arms]) if len(arms) > 1 else 1.0
    return Figures(experiment, rows, ratio)


def _mixed_figures(experiment: Experiment, arms: list[Arm]) -> Figures:
    """Of lists that two arms share; a coin says who leads, so first places are what chance must have shared evenly."""
    from recommender.engine.experiments.compare import sample_ratio

    brought = brought_by(arms, days=WINDOW_DAYS)
    shared = creators_places(arms)
    first, second = (brought.get(arm.pk, Brought()) for arm in arms[:2])
    watched = (
        _watched("refunds", refunds_of(first), refunds_of(second), experiment.refund_margin_bp / 1e4),
        _unequal(shared.get(arms[0].pk), shared.get(arms[1].pk), experiment.gini_margin_bp / 1e4, alike=True),
    )
    rows = [
        ArmFigures(arm, Sums(own.places, own.opened, own.opened), None, None, 0.0, guards, own)
        for arm, own, guards in zip(arms, (first, second), ((), watched), strict=True)
    ]
    ratio = sample_ratio([first.first, second.first], [1, 1])
    return Figures(experiment, rows, ratio, preference_of(experiment, arms))


def decided_arm(*, experiment: Experiment) -> Arm | None:
    """The arm that was chosen, None before that."""
    last = DecisionLog.objects.filter(experiment=experiment, act=Decision.DECIDE).order_by("-pk").first()
    return experiment.arms.filter(pk=last.seen.get("arm")).first() if last else None


def promotion_of(*, experiment: Experiment) -> DecisionLog | None:
    """The promotion that still stands: what was made to serve and what served before; None where there is none."""
    moves = DecisionLog.objects.filter(experiment=experiment, act__in=[Decision.PROMOTE, Decision.ROLLBACK])
    last = moves.order_by("-pk").first()
    return last if last and last.act == Decision.PROMOTE else None


def _fetched(statement: str, experiment: Experiment) -> list[Any]:
    values: dict[str, Any] = {
        "experiment": experiment.pk,
        "window": WINDOW_DAYS,
        "before": BEFORE_DAYS,
        "slot": experiment.slot,
        "stopped": experiment.stopped_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _sums(experiment: Experiment) -> tuple[dict[int, Sums], dict[int, Sums]]:
    """Buyers by arm, with orders before; and milliseconds of the answer."""
    buyers, slow = {}, {}
    for arm, n, y, yy, x, xx, xy, ms, squares in _fetched(_SUMS, experiment):
        buyers[arm] = Sums(n, float(y), float(yy), float(x), float(xx), float(xy))
        slow[arm] = Sums(n, float(ms), float(squares))
    return buyers, slow


def _refunds(experiment: Experiment) -> dict[int, Sums]:
    return {arm: Sums(n, float(back), float(back)) for arm, n, back in _fetched(_REFUNDS, experiment)}


def _watched(kind: str, control: Sums | None, treated: Sums | None, margin: float) -> Guardrail:
    from recommender.engine.experiments.compare import fixed_horizon, guardrail

    if control is None or treated is None or min(control.n, treated.n) < 2:
        return Guardrail(kind, 0.0, None, None, margin, "unsure")
    found = fixed_horizon(control, treated)
    if control.error + treated.error <= 0:
        return Guardrail(kind, found.estimate, None, None, margin, _plain(found.estimate, margin))
    return Guardrail(kind, found.estimate, found.low, found.high, margin, guardrail(found, margin=margin))


def _unequal(control: "Int64 | None", treated: "Int64 | None", margin: float, *, alike: bool = False) -> Guardrail:
    from recommender.engine.experiments.compare import gini_difference, guardrail

    if control is None or treated is None:
        return Guardrail("gini", 0.0, None, None, margin, "unsure")
    found = gini_difference(control, treated, alike=alike)
    if min(len(control), len(treated)) < 2:
        return Guardrail("gini", found.estimate, None, None, margin, "unsure")
    return Guardrail("gini", found.estimate, found.low, found.high, margin, guardrail(found, margin=margin))


def _plain(change: float, margin: float) -> str:
    return "holds" if change <= margin else "breached"
