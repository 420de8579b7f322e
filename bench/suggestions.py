"""Suggestions at request time: `make bench ARGS=suggestions`.

A catalogue of `COURSES=3000` on sale, an EASE model of them, and people with ten courses of history each. JSON lines:
microseconds of the model's top 20 alone, milliseconds of the whole pipeline from the facts of a reader to a list with
reasons (arrays warm), and milliseconds of HTTP for the band of the learner's home through one gunicorn worker by one
client on loopback: on a miss (the reader did something since) and on a hit, each kept as shown; beside them CPU
time a request. `REQUESTS=300`.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.scope import all_rows
from accounts.services import NewPerson, party_create, persons_create
from bench.redirects import cpu_of
from bench.settlement import durable
from courses.services import NewBehaviour, NewCourse, behaviours_record, courses_create, topic_ensure
from recommender.choices import Stage, TrainingState
from recommender.engine.artefact import write_artefact
from recommender.engine.data import Interactions
from recommender.engine.models.ease import Ease, EaseSettings
from recommender.engine.re_rank import Policy
from recommender.engine.serve import cached_recommender
from recommender.models import TrainingRun
from recommender.selectors import reader_facts, shelf_at
from recommender.services.serving_rank import places_for

COURSES, PEOPLE, REQUESTS = (
    int(os.environ.get(*pair)) for pair in (("COURSES", "3000"), ("PEOPLE", "50"), ("REQUESTS", "300"))
)
TOPICS, MAKERS, HISTORY, WARM = 20, 200, 10, 30
PORT = 8_900 + os.getpid() % 90


def served() -> Any:
    """The portal as gunicorn serves it, over the database and model folder that BENCH_* name."""
    from django.core.wsgi import get_wsgi_application

    from tests import databases

    settings.DATA_DIR = Path(os.environ["BENCH_DATA"])
    databases.point_at(dict.fromkeys(databases.ALIASES, os.environ["BENCH_DATABASE"]))
    return get_wsgi_application()


def catalogue(rng: np.random.Generator) -> list[int]:
    """Courses over topics and makers, published over two years."""
    topics = [topic_ensure(code=f"topic-{number}", name=f"Topic {number}") for number in range(TOPICS)]
    makers = [
        party_create(code=f"maker{number}", kind="creator", name=f"Maker {number}").pk for number in range(MAKERS)
    ]
    now = timezone.now()
    return courses_create(
        courses=[
            NewCourse(
                slug=f"course-{number}",
                title=f"Course {number}",
                topic_id=topics[number % TOPICS],
                price_minor=int(rng.integers(10, 400)) * 100,
                currency="CNY",
                creator_ids=(makers[int(rng.integers(MAKERS))],),
                published_at=now - timedelta(days=int(rng.integers(1, 730))),
            )
            for number in range(COURSES)
        ]
    )


def people(ids: Sequence[int], rng: np.random.Generator) -> list[User]:
    """Learners, each with a history."""
    users = persons_create(persons=[NewPerson(email=f"p{n}@bench.test", verified=True) for n in range(PEOPLE)])
    start = timezone.now() - timedelta(days=30)
    behaviours_record(
        events=[
            NewBehaviour(kind="view", user_id=user.pk, course_id=int(pk), occurred_at=start + timedelta(hours=step))
            for user in users
            for step, pk in enumerate(rng.choice(ids, HISTORY, replace=False))
        ]
    )
    return users


def model(ids: Sequence[int], folder: Path, rng: np.random.Generator) -> TrainingRun:
    """EASE of drawn histories, live."""
    users = np.repeat(np.arange(20_000), 8)
    items = np.array(ids)[np.minimum(rng.zipf(1.3, users.size) - 1, len(ids) - 1)]
    data = Interactions.build(users=users, items=items)
    fitted = Ease.fit(data, settings=EaseSettings(), device=torch.device("cpu"), rng=rng)
    (folder / "models").mkdir()
    info = write_artefact(folder / "models" / "live", fitted, data_sha256="", code_version="1")
    told = {"model": "ease", "state": TrainingState.DONE, "stage": Stage.LIVE, "finished_at": timezone.now()}
    return TrainingRun.objects.create(artefact="live", artefact_sha256=info.sha256, **told)


def timed(work: Callable[[int], object], before: Callable[[int], object] = int) -> list[float]:
    """Seconds of each of REQUESTS calls, after a few that do not count; what comes `before` each is not counted."""
    took = []
    for number in range(-WARM, REQUESTS):
        before(number)
        begin = time.perf_counter()
        work(number)
        if number >= 0:
            took.append(time.perf_counter() - begin)
    return sorted(took)


def tell(figure: str, took: Sequence[float], unit: float, target: float, **more: float) -> None:
    """One JSON line."""
    shares = {f"p{share}": round(unit * took[int(len(took) * share / 100) - 1], 2) for share in (50, 95, 99)}
    load = round(os.getloadavg()[0], 1)
    print(json.dumps({"figure": figure, **shares, **more, "target_p95": target, "load": load}), flush=True)


def in_process(users: Sequence[User], run: TrainingRun, folder: Path) -> None:
    """The model alone, and the pipeline."""
    recommender = cached_recommender(folder / "models" / run.artefact, run.artefact_sha256)
    facts = [reader_facts(user=user, visitor_key=None) for user in users]
    taken = [recommender._known(told.history, None)[0] for told in facts]
    begin = time.process_time()
    took = timed(lambda n: recommender.model.top_k(taken[n % PEOPLE], 20))
    tell("model_top20_us", took, 1e6, 150, mean_cpu=mean_cpu(begin, 1e6))
    shelf = shelf_at(version=facts[0].shelf)

    def pipeline(number: int) -> object:
        return places_for(
            facts[number % PEOPLE],
            shelf=shelf,
            recommender=recommender,
            policy=Policy(),
            beside=None,
            places=4,
            rng=np.random.default_rng(number + WARM),
        )

    begin = time.process_time()
    took = timed(pipeline)
    tell("pipeline_ms", took, 1e3, 2, mean_cpu=mean_cpu(begin, 1e3))


def mean_cpu(begin: float, unit: float) -> float:
    """CPU time of a call, warm-up included."""
    return round(unit * (time.process_time() - begin) / (REQUESTS + WARM), 2)


def over_http(user: User, ids: Sequence[int], master: int) -> None:
    """One client, one connection: hits, then misses, each after an act of the reader's."""
    client = Client()
    client.force_login(user)
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}; django_language=en"
    link = http.client.HTTPConnection("127.0.0.1", PORT)

    def ask(_number: int) -> None:
        link.request("GET", "/suggestions/home/", headers={"Cookie": cookie, "Host": f"localhost:{PORT}"})
        answer = link.getresponse()
        body = answer.read()
        assert answer.status == 200, answer.status
        assert body.count(b"course-card") == 4, body[:500]

    def act(number: int) -> None:
        behaviours_record(events=[NewBehaviour(kind="view", user_id=user.pk, course_id=ids[number % len(ids)])])

    for figure, before, target in (("http_hit_ms", int, 5), ("http_miss_ms", act, 15)):
        spent = cpu_of(master)
        took = timed(ask, before)
        web, database = (
            1e3 * (now - then) / (WARM + REQUESTS) for now, then in zip(cpu_of(master), spent, strict=True)
        )
        tell(figure, took, 1e3, target, web_cpu=round(web, 2), database_cpu=round(database, 2))


def main() -> None:
    """Make a catalogue, and measure."""
    rng = np.random.default_rng(1)
    cache.clear()  # a run before this one read the same rows, and its lists would answer for misses
    with durable() as name, tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        with all_rows():
            ids = catalogue(rng)
            users = people(ids, rng)
            run = model(ids, folder, rng)
        in_process(users, run, folder)
        command = [sys.executable, "-m", "gunicorn", "-c", "python:portal.server", "bench.suggestions:served()"]
        command += ["--bind", f"127.0.0.1:{PORT}", "--workers", "1", "--max-requests", "0"]
        told = {"BENCH_DATABASE": name, "BENCH_DATA": path, "PORTAL_LOG_LEVEL": "WARNING"}
        server = subprocess.Popen(command, env={**os.environ, **told}, stdout=subprocess.DEVNULL)
        try:
            until_served()
            over_http(users[0], ids, server.pid)
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait()
            connections.close_all()


def until_served() -> None:
    """Wait for the server's first answer."""
    for _try in range(300):
        try:
            link = http.client.HTTPConnection("127.0.0.1", PORT)
            link.request("GET", "/healthz")
            link.getresponse().read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server does not come up")


if __name__ == "__main__":
    main()
