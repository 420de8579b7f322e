"""What models know of finished reports when they credit one order."""

from bisect import bisect_left
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from analytics.attribution.credits import Known
from analytics.choices import RunState
from analytics.models import ReportRun
from partners.choices import ChannelKind, PayingModel
from partners.models import Channel


def direct_channels() -> frozenset[int]:
    """The channels of those who came by themselves."""
    return frozenset(Channel.objects.filter(kind=ChannelKind.DIRECT).values_list("pk", flat=True))


def passed_over(run: ReportRun) -> frozenset[int]:
    """The channels whose touches count in a run only where a journey has no other."""
    return frozenset() if run.with_direct else direct_channels()


def known_of(run_id: int | None, facts: Mapping[str, Any], *, direct: frozenset[int]) -> Known:
    """What the facts of one run tell."""
    model = facts.get("conversion_model") or {}
    return Known(
        run_id=run_id,
        removal_effects={int(channel): float(e) for channel, e in (facts.get("removal_effects") or {}).items()},
        intercept=model.get("intercept"),
        effects={int(channel): float(effect) for channel, effect in model.get("effects", {}).items()},
        direct=direct,
    )


RUN_MODELS = (PayingModel.MARKOV, PayingModel.COUNTERFACTUAL)
"""Models that need a finished run."""


class KnownRuns:
    """Finished reports that pay, read once; `before` tells of the last one that an order could know.

    What somebody asked for, of whatever days, pays nobody. A report of days on which no order followed a touch has
    learnt nothing, and takes away nothing of what was known.
    """

    def __init__(
        self, models: Collection[str], *, since: datetime | None = None, until: datetime | None = None
    ) -> None:
        """Read what `models` need of the runs that orders placed in [since, until] could know; all without bounds."""
        self._direct = direct_channels() if PayingModel.LAST_NON_DIRECT in models else frozenset[int]()
        self._runs: list[tuple[datetime, Known]] = []
        if not any(model in models for model in RUN_MODELS):
            return
        done = ReportRun.objects.filter(state=RunState.DONE, pays=True, finished_at__isnull=False)
        if until is not None:
            done = done.filter(finished_at__lt=until)
        rows = done.order_by("-finished_at", "-pk").values_list(
            "finished_at", "pk", "facts__removal_effects", "facts__conversion_model"
        )
        for finished, pk, removal_effects, model in rows.iterator(chunk_size=20):
            assert finished is not None
            if not removal_effects:
                continue
            facts = {"removal_effects": removal_effects, "conversion_model": model}
            self._runs.append((finished, known_of(pk, facts, direct=self._direct)))
            if since is not None and finished < since:
                break
        self._runs.reverse()

    def before(self, at: datetime) -> Known:
        """What was known before an instant: figures of the last run that was finished by then."""
        place = bisect_left(self._runs, at, key=lambda run: run[0])
        return self._runs[place - 1][1] if place else Known(direct=self._direct)
