"""Experiments for marketers: how large, how sure, whether arms are sound, what was decided. `around` is the frame."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.rules import may
from recommender import services
from recommender.choices import Decision, ExperimentState, Verdict, Watched
from recommender.errors import ExperimentRefusedError
from recommender.forms import ExperimentForm
from recommender.models import Experiment
from recommender.selectors.experiments import (
    WINDOW_DAYS,
    ArmFigures,
    Figures,
    Guardrail,
    experiment_figures,
)

STATES = {
    ExperimentState.DRAFT: "draft",
    ExperimentState.RUNNING: "pending",
    ExperimentState.STOPPED: "needs_you",
    ExperimentState.DECIDED: "available",
}
VERDICTS = {Verdict.HOLDS: "available", Verdict.UNSURE: "pending", Verdict.BREACHED: "failed"}


def experiments(request: HttpRequest, around: Mapping[str, Any]) -> HttpResponse:
    """All experiments, and a form that writes another, with the number of people it needs."""
    user = _reader(request)
    writes = may(user, "add", "recommender.experiment")
    form = ExperimentForm(request.POST or None)
    status = 200
    if request.method == "POST":
        if not writes:
            raise PermissionDenied
        status = 422
        if form.is_valid():
            try:
                made = services.experiment_write(new=form.experiment(), by=user)
            except ExperimentRefusedError as refusal:
                form.add_error(None, str(refusal))
            else:
                return redirect("marketing-experiment", made.pk)
    rows = [
        {"experiment": one, "status": STATES[ExperimentState(one.state)]}
        for one in Experiment.objects.order_by("-pk")[:100]
    ]
    context = {**around, "rows": rows, "form": form, "writes": writes}
    return render(request, "recommender/experiments.html", context, status=status)


def experiment(request: HttpRequest, pk: int, around: Mapping[str, Any]) -> HttpResponse:
    """One experiment: figures with intervals, guardrails, the log; and the step that comes next."""
    user = _reader(request)
    found = get_object_or_404(Experiment, pk=pk)
    writes = may(user, "change", "recommender.experiment")
    refused = ""
    if request.method == "POST":
        if not (writes or _may_move(user, found, request.POST.get("act", ""))):
            raise PermissionDenied
        try:
            _act(request, found, user)
        except ExperimentRefusedError as refusal:
            refused = str(refusal)
        else:
            return redirect("marketing-experiment", pk)
    figures = experiment_figures(experiment=found)
    context = {
        **around,
        "experiment": found,
        "figures": figures,
        "status": STATES[ExperimentState(found.state)],
        "arms": [_row(row) for row in figures.arms],
        "preference": figures.preference,
        "plot": _plot(figures),
        "guardrails": [_guard(row, one) for row in figures.arms for one in row.guardrails],
        "log": found.decisions.select_related("by"),
        "replayed": [_replayed(row) for row in found.replay.get("arms", ())],
        "writes": writes,
        "promotion": services.promotion_words(experiment=found, reader=user),
        "refused": refused,
        "days": WINDOW_DAYS,
        "share": found.share_bp / 10_000,
    }
    return render(request, "recommender/experiment.html", context, status=409 if refused else 200)


def sheet_rows(figures: Figures) -> list[list[str]]:
    """An experiment as rows of a sheet: one an arm, exact figures."""
    if figures.preference is not None:
        return _shared_rows(figures)
    head = ["arm", "people", "buyers", "rate", "difference", "low", "high", "p", "cuped_difference", "cuped_low",
            "cuped_high", "cuped_p", "variance_saved", "sample_ratio_p"]  # fmt: skip
    rows = [head]
    for row in figures.arms:
        told = [row.arm.name, str(row.sums.n), str(int(row.sums.y)), f"{row.rate:.6f}"]
        for found in (row.difference, row.adjusted):
            told += [f"{v:.6f}" for v in (found.estimate, found.low, found.high, found.p)] if found else [""] * 4
        rows.append([*told, f"{row.saved:.6f}", f"{figures.ratio_p:.6f}"])
    return rows


def _shared_rows(figures: Figures) -> list[list[str]]:
    found = figures.preference
    assert found is not None
    head = ["arm", "places", "opened", "orders", "readers_preferring", "share", "low", "high", "p", "sample_ratio_p"]
    rows = [head]
    for row, preferring in zip(figures.arms, (found.losses, found.wins), strict=True):
        assert row.brought is not None
        rows.append([row.arm.name, *(str(n) for n in (row.sums.n, int(row.sums.y), row.brought.orders, preferring))])
    return [
        head,
        [*rows[1], "", "", "", "", f"{figures.ratio_p:.6f}"],
        [*rows[2], *(f"{value:.6f}" for value in found.share), f"{figures.ratio_p:.6f}"],
    ]


def _may_move(user: User, found: Experiment, act: str) -> bool:
    return act in {Decision.PROMOTE, Decision.ROLLBACK} and bool(
        services.promotion_words(experiment=found, reader=user).get("may")
    )


def _act(request: HttpRequest, found: Experiment, user: User) -> None:
    act, reason = request.POST.get("act", ""), request.POST.get("reason", "")[:400]
    if act == Decision.REPLAY:
        services.experiment_replay(experiment_id=found.pk, by=user)
    elif act == Decision.START:
        services.experiment_start(experiment_id=found.pk, reason=reason, by=user)
    elif act == Decision.STOP:
        services.experiment_stop(experiment_id=found.pk, reason=reason, by=user)
    elif act == Decision.DECIDE:
        typed = request.POST.get("arm", "")
        arm = int(typed) if typed.isdecimal() and len(typed) < 19 else 0
        services.experiment_decide(experiment_id=found.pk, arm_id=arm, reason=reason, by=user)
    elif act == Decision.PROMOTE and request.POST.get("sure"):
        services.arm_promote(experiment_id=found.pk, by=user)
    elif act == Decision.ROLLBACK:
        services.arm_rollback(experiment_id=found.pk, by=user)


def _reader(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _row(row: ArmFigures) -> dict[str, Any]:
    return {
        "arm": row.arm,
        "people": row.sums.n,
        "buyers": int(row.sums.y),
        "brought": row.brought,
        "rate": row.rate,
        "difference": row.difference if row.sums.n else None,
        "adjusted": row.adjusted if row.saved > 0 else None,
        "saved": row.saved,
    }


def _plot(figures: Figures) -> list[dict[str, Any]]:
    """Each arm's rate as a ratio of the first arm's, plain and with what was known before taken away.

    Of shared lists: readers who prefer the second arm for each who prefers the first.
    """
    if figures.preference is not None:
        share = figures.preference.share
        if not (figures.preference.wins and figures.preference.losses):
            return []
        odds = [value / (1 - value) for value in (share.value, share.low, share.high)]
        return [{"label": figures.arms[1].arm.name, "value": odds[0], "low": odds[1], "high": odds[2]}]
    if not figures.arms or figures.arms[0].rate <= 0:
        return []
    base = figures.arms[0].rate
    rows: list[dict[str, Any]] = []
    for row in figures.arms[1:]:
        for label, found in (
            (row.arm.name, row.difference),
            (_("%(arm)s, CUPED") % {"arm": row.arm.name}, row.adjusted),
        ):
            if found is None or found.high == float("inf") or (found is row.adjusted and row.saved <= 0):
                continue
            rows.append(
                {
                    "label": label,
                    "value": 1 + found.estimate / base,
                    "low": max(1 + found.low / base, 0.0),
                    "high": 1 + found.high / base,
                }
            )
    return rows


def _guard(row: ArmFigures, one: Guardrail) -> dict[str, Any]:
    return {
        "arm": row.arm,
        "name": Watched(one.kind).label,
        "percent": one.kind == Watched.REFUNDS,
        "one": one,
        "status": VERDICTS[Verdict(one.verdict)],
        "word": Verdict(one.verdict).label,
    }


def _replayed(row: Mapping[str, Any]) -> dict[str, Any]:
    value, low, high = row["snips"]
    ips = row["ips"]
    return {**row, "value": value, "low": max(low, 0.0), "high": high, "ips_value": ips[0]}
