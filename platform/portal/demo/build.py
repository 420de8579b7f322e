"""Makes the demo business from the first stage to the first report and model."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connections

from accounts.models import User
from accounts.scope import all_rows
from analytics.choices import RunState
from analytics.models import ReportRun
from analytics.services import report_request, report_run
from portal.demo.aftermath import make_advances, make_aftermath, make_payees
from portal.demo.audience import make_campaigns, make_learners, make_sign_ups, make_spend, make_visits
from portal.demo.cast import STAFF
from portal.demo.experiments import make_experiment
from portal.demo.holdouts import make_holdouts
from portal.demo.learning import make_learning
from portal.demo.people import make_cast
from portal.demo.progress import Progress
from portal.demo.school import make_rates, make_school
from portal.demo.simulate import DAYS, Scale, Year, simulate
from portal.demo.trade import make_orders
from portal.demo.ways import make_path
from recommender.choices import TrainingState
from recommender.models import TrainingRun
from recommender.services import training_request, training_run

SEED = 20_261_121


def exists() -> bool:
    """The demo business is there, whole."""
    reported = ReportRun.objects.filter(state=RunState.DONE)
    trained = TrainingRun.objects.filter(state=TrainingState.DONE)  # the last stage
    return begun() and reported.exists() and trained.exists()


def begun() -> bool:
    """The demo business is there, or was being made when something stopped it."""
    return User.objects.filter(email=STAFF[0].email).exists()


def build(*, last_day: date, progress: Progress, scale: Scale | None = None, seed: int = SEED) -> None:
    """Make the whole business, reports and model included, in stages that commit; the last one makes it whole."""
    with progress.stage("drawing the year"):
        year = simulate(seed=seed, last_day=last_day, scale=scale or Scale())
    start = datetime(last_day.year, last_day.month, last_day.day, tzinfo=UTC) - timedelta(days=DAYS - 1)
    opened = start - timedelta(days=420)
    with progress.stage("people and channels"), _stage():
        cast = make_cast(opened=opened)
        make_payees(cast)
        make_rates(first=start.date() - timedelta(days=1), days=DAYS + 2, by=cast.checker.pk)
    with progress.stage("courses, agreements"), _stage():
        courses = make_school(year.courses, cast, start=start, opened=opened)
        make_advances(cast, at=start)
    with _stage():
        people = make_learners(year, star=_star(year), progress=progress)
    with _stage():
        campaigns = make_campaigns(cast)
        keys = make_visits(year, cast, people, campaigns, seed=seed, progress=progress)
    with progress.stage("sign-ups and spend"), _stage():
        make_sign_ups(year, people, keys)
        make_spend(year, campaigns)
        make_holdouts(year, cast)
    make_orders(year, cast, courses, people, keys, progress)
    with _stage():
        make_learning(year, courses, people, keys, seed=seed, progress=progress)
    make_aftermath(cast, last_day=last_day, progress=progress)
    _keep_truth(year)
    _report(year, progress)
    with progress.stage("training"):
        training_run(run_id=training_request().pk)
    with _stage():
        make_path(people[_star(year)])
        make_experiment(last_day=last_day, by=cast.maker, seed=seed)


@contextmanager
def _stage() -> Iterator[None]:
    """A stage in one transaction with all rows visible; the planner then learns how big the tables have become."""
    with all_rows():
        yield
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")


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
