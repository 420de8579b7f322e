"""Accuracy and cost of the recommender's engine on real course data, one JSON line per model.

    PORTAL_SHARED_DATA=../shared OMP_NUM_THREADS=1 python -m bench.recommender [WHAT ...] [--stage valid]

Reads the folders ``data/recommender/mooccubex5`` (protocol P1: leave-one-out) and ``data/recommender/coco_recent``
(protocol P3: one instant for everybody). Settings were chosen on valid; `--stage test` reports them once. Seconds are
CPU seconds of the process from arrays in memory to a model that can score; set one thread for comparable figures.
`database` reads P1 from PostgreSQL, as a training does.
`speed` times the transformer's training steps, `p1-deep` trains it to the end (minutes to hours) alone and in a blend.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import numpy as np

from bench.recommender.data import load, load_sequences, shared_data
from recommender.engine.artefact import write_artefact
from recommender.engine.attention import Learner
from recommender.engine.bulk import top_k_many
from recommender.engine.config import settings_from
from recommender.engine.device import choose_device, describe_device
from recommender.engine.evaluate import rank_stage
from recommender.engine.metrics import paired_difference, per_user, summarise
from recommender.engine.models import get_model
from recommender.engine.models.linear import LinearModel
from recommender.engine.models.sasrec import SasRecSettings
from recommender.engine.serve import open_recommender

SASREC_64: dict[str, object] = {"epochs": 20}
SASREC_128: dict[str, object] = {
    "dimension": 128,
    "dropout": 0.25,
    "negatives": 1024,
    "epochs": 20,
    "learning_rate": 0.001,
}

CANDIDATES: dict[str, list[tuple[str, dict[str, object]]]] = {
    "p1": [
        ("popularity", {}),
        ("item_knn", {}),
        ("ease", {"ridge": 100.0, "decay": 1.0, "window": 2000}),
        ("ease", {"ridge": 100.0}),
        ("sequence_ease", {"ridge": 50.0}),
        ("blend", {}),
    ],
    "p1-deep": [
        ("ials", {"dimension": 128}),
        ("sasrec", SASREC_64),
        ("sasrec", SASREC_128),
        (
            "blend",
            {
                "components": [
                    {"model": "ease"},
                    {"model": "sequence_ease"},
                    {"model": "item_knn"},
                    {"model": "sasrec", "settings": SASREC_64},
                ]
            },
        ),
    ],
    "p3": [
        ("popularity", {}),
        ("popularity", {"window_seconds": 30 * 86_400}),
        ("item_knn", {"decay": 1.0, "window": 2000}),
        ("ease", {"ridge": 300.0, "decay": 1.0, "window": 2000}),
        ("ease", {"ridge": 300.0, "decay": 0.9, "window": 50}),
        ("sequence_ease", {"ridge": 150.0, "decay": 0.8}),
        (
            "blend",
            {
                "components": [
                    {"model": "ease", "settings": {"ridge": 300.0, "decay": 0.9, "window": 50}},
                    {"model": "sequence_ease", "settings": {"ridge": 150.0, "decay": 0.8}},
                    {"model": "item_knn", "settings": {"decay": 0.9, "window": 1000}},
                ]
            },
        ),
    ],
}

# What an answer costs does not depend on how long a transformer has learned.
SERVED: list[tuple[str, dict[str, object]]] = [
    *CANDIDATES["p1"][3:],
    ("ials", {"epochs": 1}),
    ("sasrec", SASREC_64 | {"epochs": 1}),
    ("sasrec", SASREC_128 | {"epochs": 1}),
]


def measure(protocol: str, stage_name: str) -> None:
    """Fit and rank every candidate; settings that are fitted (a blend's coefficients) are fitted on valid."""
    split, device = load(protocol), choose_device()
    plain_ease: np.ndarray | None = None
    for name, values in CANDIDATES[protocol]:
        rng = np.random.default_rng(0)
        kind = get_model(name)
        valid = split.valid.sample(20_000, rng=rng)
        stage = valid if stage_name == "valid" else split.test
        started = time.process_time()
        settings = settings_from(kind.Settings, values)
        if name == "blend":
            settings = kind.fit_tuned(valid, settings=settings, device=device, rng=rng).settings
        tuned = time.process_time()
        model = kind.fit(stage.train, settings=settings, device=device, rng=rng)
        fitted = time.process_time()
        ranking = rank_stage(model, stage, device=device)
        figures, gains = summarise(ranking, rng=rng), per_user(ranking)["ndcg@10"]
        report = {
            "protocol": protocol,
            "stage": stage_name,
            "model": name,
            "settings": values,
            "device": describe_device(device),
            "metrics": {key: round(figure.value, 4) for key, figure in figures.items()},
            "errors": {key: round(figures[key].error, 4) for key in ("hr@10", "ndcg@10")},
            "users": int(stage.users.size),
            "tune_cpu_seconds": round(tuned - started, 2),
            "fit_cpu_seconds": round(fitted - tuned, 2),
            "evaluate_cpu_seconds": round(time.process_time() - fitted, 2),
            "peak_mb_so_far": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
        if name == "ease" and values.get("decay") == 1.0:
            plain_ease = gains
        elif plain_ease is not None:
            compared = paired_difference(gains, plain_ease, rng=rng)
            report["ndcg@10_over_plain_ease"] = [round(value, 4) for value in compared]
        if name == "blend":
            report["coefficients"] = list(settings.coefficients)
        print(json.dumps(report), flush=True)


def measure_serving() -> None:
    """Top-20 for single users from raw history through a mapped model file, and for many at once; P1's data."""
    split, device = load("p1"), choose_device("cpu")
    users = np.random.default_rng(0).choice(split.test.users, 4_000, replace=False)
    histories = [split.test.train.item_ids[split.test.train.history(user)].tolist() for user in users]
    for name, values in SERVED:
        kind, rng = get_model(name), np.random.default_rng(0)
        model = kind.fit(split.test.train, settings=settings_from(kind.Settings, values), device=device, rng=rng)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.safetensors"
            digest = write_artefact(path, model, data_sha256="", code_version="bench").sha256
            started = time.perf_counter()
            served = open_recommender(path, sha256=digest)
            opened = time.perf_counter() - started
            size = path.stat().st_size
            plain = timings(lambda history: served.recommend(history, k=20, reasons=0), histories)  # noqa: B023
            reasoned = timings(lambda history: served.recommend(history, k=20), histories)  # noqa: B023
        batch = split.test.users[:20_000]
        many = isinstance(model, LinearModel) and type(model).score is LinearModel.score
        if many:
            top_k_many(model, split.test.train, batch[:1], 20)  # compiles
        started = time.process_time()
        for start in range(0, batch.size, 1000):
            part = batch[start : start + 1000]
            if many:
                top_k_many(model, split.test.train, part, 20)
            else:
                model.top_k_batch(split.test.train, part, 20, device=device)
        rate = batch.size / (time.process_time() - started)
        report = {"serve": name, "settings": values, "file_mb": size // 2**20, "open_ms": round(opened * 1000, 2)}
        report |= {"top20_us": plain, "top20_with_reasons_us": reasoned, "batch_users_per_cpu_second": round(rate)}
        print(json.dumps(report), flush=True)


def measure_speed(seconds: float = 20.0) -> None:
    """Training steps of the transformer on P1's test histories: positions per CPU second, loss and update included."""
    table, device = load("p1").test.train, choose_device()
    for values in (SASREC_64, SASREC_128):
        settings = settings_from(SasRecSettings, values)
        learner = Learner(table, settings, device=device, rng=np.random.default_rng(0))
        learner.dropout.refill()
        batches = cycle(learner.lessons.groups(learner.rng))
        learner.learn(next(batches), settings.learning_rate)
        steps, positions, started, wall = 0, 0, time.process_time(), time.perf_counter()
        while time.process_time() - started < seconds:
            rows = next(batches)
            learner.learn(rows, settings.learning_rate)
            steps, positions = steps + 1, positions + int(learner.lessons.lengths[rows].sum())
        spent, waited = time.process_time() - started, time.perf_counter() - wall
        report = {
            "speed": "sasrec",
            "dimension": settings.dimension,
            "device": describe_device(device),
            "positions_per_cpu_second": round(positions / spent),
            "positions_per_second": round(positions / waited),
            "positions_per_epoch": learner.lessons.positions,
            "steps": steps,
            "load": round(os.getloadavg()[0], 1),
        }
        print(json.dumps(report), flush=True)


def measure_database() -> None:
    """P1's rows as behaviour in a PostgreSQL of its own, read as a training reads it, and EASE fitted; one process."""
    from bench.recommender.from_database import filled

    with filled(load_sequences(shared_data() / "mooccubex5" / "sequences.txt.gz")) as name:
        command = [sys.executable, "-m", "bench.recommender.from_database", name]
        subprocess.run(command, check=True)


def timings(call: Callable[[list[int]], object], histories: list[list[int]]) -> dict[str, float]:
    """Microseconds at the median and the 95th and 99th percentile after 200 warm calls: wall and the thread's CPU time.

    On a busy machine wall time measures the neighbours; CPU time is what an idle machine would take.
    """
    for history in histories[:200]:
        call(history)
    wall, cpu = [], []
    for history in histories:
        started, busy = time.perf_counter_ns(), time.thread_time_ns()
        call(history)
        cpu.append((time.thread_time_ns() - busy) / 1000)
        wall.append((time.perf_counter_ns() - started) / 1000)
    return {
        f"{kind}_p{share}": round(float(np.percentile(spent, share)), 1)
        for kind, spent in (("wall", wall), ("cpu", cpu))
        for share in (50, 95, 99)
    }


def main() -> None:
    """Run what was asked for, everything by default."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "what",
        nargs="*",
        default=["p1", "p3", "serve"],
        help="p1, p3, serve (default: these), speed, database or p1-deep",
    )
    parser.add_argument("--stage", choices=["valid", "test"], default="test")
    options = parser.parse_args()
    for what in options.what:
        if what == "serve":
            measure_serving()
        elif what == "speed":
            measure_speed()
        elif what == "database":
            measure_database()
        elif what in CANDIDATES:
            measure(what, options.stage)
        else:
            parser.error(f"unknown benchmark {what!r}")


if __name__ == "__main__":
    main()
