"""A shelf of courses and a model that serves, made without a training."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
from django.conf import settings
from django.utils import timezone

from accounts.models import User
from courses.choices import EventKind
from courses.services import NewBehaviour, NewCourse, behaviours_record, courses_create, topic_ensure
from recommender.choices import Stage, TrainingState
from recommender.engine.artefact import write_artefact
from recommender.engine.data import Interactions
from recommender.engine.models.ease import Ease, EaseSettings
from recommender.models import TrainingRun


def courses(n: int = 8, *, topic: str = "t", days: int = 400, makers: Any = (), **values: Any) -> list[int]:
    """So many courses of a topic, published so many days ago."""
    at = topic_ensure(code=topic, name=topic.title())
    return courses_create(
        courses=[
            NewCourse(
                slug=f"{topic}-{number}",
                title=f"{topic.title()} {number}",
                topic_id=at,
                price_minor=1000,
                currency="CNY",
                published_at=timezone.now() - timedelta(days=days),
                **({"creator_ids": makers[number]} if makers else {}),
                **values,
            )
            for number in range(n)
        ]
    )


def live(ids: list[int], **values: Any) -> TrainingRun:
    """A model that serves: who took a course of the first half took the others of it, and so in the second half."""
    half = len(ids) // 2
    rows = [
        (user, ids[(user % 2) * half + step])
        for user in range(4 * half)
        for step in range(half)
        if half == 1 or step != user // 2 % half
    ]
    users, items = zip(*rows, strict=True)
    data = Interactions.build(users=users, items=items)
    settings_ = EaseSettings(ridge=1.0)
    model = Ease.fit(data, settings=settings_, device=torch.device("cpu"), rng=np.random.default_rng(0))
    folder = Path(settings.DATA_DIR) / "models"
    folder.mkdir(parents=True, exist_ok=True)
    info = write_artefact(folder / "live", model, data_sha256="", code_version="1")
    TrainingRun.objects.filter(stage=Stage.LIVE).update(stage=Stage.RETIRED)
    return TrainingRun.objects.create(
        model="ease",
        state=TrainingState.DONE,
        stage=Stage.LIVE,
        artefact="live",
        artefact_sha256=info.sha256,
        finished_at=timezone.now(),
        **values,
    )


def looked(user: User, *ids: int, kind: str = EventKind.VIEW) -> None:
    """The person opened these courses, one after the other."""
    start = timezone.now() - timedelta(minutes=len(ids))
    behaviours_record(
        events=[
            NewBehaviour(kind=kind, user_id=user.pk, course_id=pk, occurred_at=start + timedelta(minutes=step))
            for step, pk in enumerate(ids)
        ]
    )
