"""Makes the demo business from the first stage to the first report and model."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from accounts.models import User
from accounts.scope import all_rows
from analytics.services import report_request, report_run
from portal.demo.audience import make_learners, make_sign_ups, make_spend, make_visits
from portal.demo.learning import make_learning
from portal.demo.people import make_cast
from portal.demo.progress import Progress
from portal.demo.school import make_rates, make_school
from portal.demo.simulate import DAYS, Scale, Year, simulate
from portal.demo.trade import make_orders
from recommender.services import training_request, training_run

SEED = 20_261_121


def exists() -> bool:
    """The demo business is there."""
    return User.objects.filter(email="manager@demo.test").exists()


def build(*, last_day: date, progress: Progress, scale: Scale | None = None, seed: int = SEED) -> None:
    """Make the whole business, reports and model included; all rows visible, one transaction for all that is traded.

    Killed in the middle it leaves nothing behind, so that the next start begins anew.
    """
    with progress.stage("drawing the year"):
        year = simulate(seed=seed, last_day=last_day, scale=scale or Scale())
    with all_rows(), transaction.atomic():
        _trade(year, seed=seed, progress=progress)
    _keep_truth(year)
    with all_rows():
        _report(year, progress)
    with progress.stage("training"):
        training_run(run_id=training_request().pk)


def _trade(year: Year, *, seed: int, progress: Progress) -> None:
    start = datetime(year.last_day.year, year.last_day.month, year.last_day.day, tzinfo=UTC) - timedelta(days=DAYS - 1)
    opened = start - timedelta(days=420)
    with progress.stage("people and channels"):
        cast = make_cast(opened=opened)
        make_rates(first=start.date() - timedelta(days=1), days=DAYS + 2, by=cast.checker.pk)
    with progress.stage("courses, agreements"):
        courses = make_school(year.courses, cast, start=start, opened=opened)
    people = make_learners(year, star=_star(year), progress=progress)
    keys = make_visits(year, cast, people, seed=seed, progress=progress)
    with progress.stage("sign-ups and spend"):
        make_sign_ups(year, people, keys)
        make_spend(year, cast)
    make_orders(year, cast, courses, people, keys, progress)
    make_learning(year, courses, people, keys, seed=seed, progress=progress)


def _star(year: Year) -> int:
    """The learner with most orders, who gets the demo's learner login."""
    return Counter(order.visitor for order in year.orders).most_common(1)[0][0]


def _report(year: Year, progress: Progress) -> None:
    """The year, and the last thirty days that the marketing page opens with."""
    first = year.last_day - timedelta(days=DAYS - 1)
    for name, since in (("report, the year", first), ("report, 30 days", year.last_day - timedelta(days=29))):
        with progress.stage(name):
            report_run(run_id=report_request(since=since, until=year.last_day, currency=settings.CURRENCY).pk)


def _keep_truth(year: Year) -> None:
    """The known effects, beside the business, for holding models against them."""
    folder = Path(settings.DATA_DIR) / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "truth.json").write_text(json.dumps(year.truth, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
