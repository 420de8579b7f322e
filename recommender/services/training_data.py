"""What a training reads: acts of people on courses, cleaned, weighed, each pair once, under keyed pseudonyms.

User ids never leave the database: the pseudonym is an HMAC-SHA-256 that the statement itself computes, under a key
drawn from the installation's secret, so that no file of the recommender can be traced to a person without that secret.
"""

import hmac
import io
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from accounts.choices import BatchState, ConsentPurpose
from accounts.models import ImportBatch, User
from accounts.selectors import refusing
from courses.choices import CourseState, EventKind
from courses.models import Course, CourseCreator
from courses.selectors.behaviour import WEIGHTS as BEHAVIOUR_WEIGHTS
from recommender.errors import TrainingRefusedError
from recommender.models import DatasetSnapshot

if TYPE_CHECKING:
    from recommender.engine.content import Content
    from recommender.engine.data import Int64, Interactions

SHORTEST_STAY = 10
"""Seconds below which a stay says nothing."""

WORK_MEMORY = "256MB"
"""What the server may hold to group acts before it writes to disk: a million pairs fit."""

KEPT = 2
"""How many datasets keep their file: the newest ones."""

_BLOCK = 64

_LEFT_OUT: Mapping[str, str] = {
    "no person": "b.user_id IS NULL",
    "no course": "b.course_id IS NULL",
    "staff": "b.user_id = ANY(%(staff)s)",
    "nothing personal": "b.user_id = ANY(%(refusing)s)",
    "import reversed": "b.import_batch_id = ANY(%(reversed)s)",
    "short stay": "b.kind = 'dwell' AND b.value < %(stay)s",
    "says nothing of a course": "NOT b.kind = ANY(%(kinds)s)",
}
"""Rule -> the acts that it leaves out, the first that fits counting."""

_RECEIPT = """
SELECT why, count(*) FROM (SELECT CASE {cases} ELSE '' END AS why FROM courses_behaviourevent b) AS told GROUP BY why
"""

_PAIRS = """
SELECT u.pseudonym, p.course_id::bigint, p.last_at, p.last_id, greatest(p.weight, p.stars - 2)::real
FROM (
    SELECT b.user_id, b.course_id, max(b.id) AS last_id, max(b.occurred_at) AS last_at, max(k.weight) AS weight,
        max(b.occurred_at) FILTER (WHERE b.kind = 'purchase') AS bought_at,
        max(b.occurred_at) FILTER (WHERE b.kind = 'refund') AS returned_at,
        max(extract(epoch FROM b.occurred_at)::bigint * 10 + b.value) FILTER (WHERE b.kind = 'rating') %% 10 AS stars
    FROM courses_behaviourevent b LEFT JOIN (VALUES {weights}) AS k (kind, weight) ON k.kind = b.kind
    WHERE {kept}
    GROUP BY b.user_id, b.course_id
) AS p
JOIN (
    SELECT id, ('x' || encode(substr(sha256(%(outer)s || sha256(%(inner)s || int8send(id))), 1, 8), 'hex')
        )::bit(64)::bigint AS pseudonym
    FROM accounts_user WHERE NOT is_staff OFFSET 0
) AS u ON u.id = p.user_id
WHERE greatest(p.weight, p.stars - 2) > 0 AND coalesce(p.stars, 5) > 1
    AND (p.returned_at IS NULL OR p.bought_at > p.returned_at)
"""

_EPOCH = 946_684_800
"""1 January 2000, UTC, in Unix seconds: from when PostgreSQL counts microseconds."""


@dataclass(frozen=True, slots=True)
class Read:
    """What was read: the data, how many acts there were, and how many each rule left out."""

    data: "Interactions"
    acts: int
    left_out: dict[str, int]


def behaviour_read() -> Read:
    """Read, clean and weigh all acts; the catalogue is every published course and whatever anybody took.

    One row a person and course: its weight is that of the strongest act, its time that of the last. A course that was
    given back and not bought again, or last rated with one star, is left out with all its acts.
    """
    import numpy as np

    from recommender.engine.data import Interactions

    inner, outer = _pads()
    asked: dict[str, Any] = {
        "inner": inner,
        "outer": outer,
        "kinds": [str(kind) for kind in (*BEHAVIOUR_WEIGHTS, EventKind.RATING, EventKind.REFUND)],
        "stay": SHORTEST_STAY,
        "staff": list(User.objects.filter(is_staff=True).values_list("pk", flat=True)),
        "refusing": refusing(purpose=ConsentPurpose.PERSONALISATION),
        "reversed": list(ImportBatch.objects.filter(state=BatchState.REVERSED).values_list("pk", flat=True)),
    }
    weights = ", ".join(f"('{kind}', {weight:g}::real)" for kind, weight in BEHAVIOUR_WEIGHTS.items())
    cases = " ".join(f"WHEN {rule} THEN '{why}'" for why, rule in _LEFT_OUT.items())
    kept = " AND ".join(f"NOT coalesce({rule}, false)" for rule in _LEFT_OUT.values())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', %s, true)", [WORK_MEMORY])
        cursor.execute(_RECEIPT.format(cases=cases), asked)
        counts = dict(cursor.fetchall())
        statement = cursor.mogrify(_PAIRS.format(weights=weights, kept=kept), asked).decode()
        rows = _columns(cursor, statement)
    published = Course.objects.filter(state=CourseState.PUBLISHED).values_list("pk", flat=True)
    catalogue = np.union1d(np.fromiter(published, np.int64), rows["course"].astype(np.int64))
    order = np.lexsort((rows["last"], rows["time"], rows["person"]))
    data = Interactions.build(
        users=rows["person"][order].astype(np.int64),
        items=rows["course"][order].astype(np.int64),
        times=rows["time"][order].astype(np.int64) // 1_000_000 + _EPOCH,
        weights=rows["weight"][order].astype(np.float32),
        item_ids=catalogue,
        repeats="refuse",
    )
    return Read(data=data, acts=sum(counts.values()), left_out={why: n for why, n in counts.items() if why})


def training_content(item_ids: "Int64") -> "Content":
    """What the courses are about: title and summary in both languages, topic, level, language, price, creators.

    Prices count by doublings. Texts are also read by the encoder where one is installed, each once.
    """
    from recommender.engine.content import content_of
    from recommender.engine.encoder import Remembered, centred, choose_encoder

    courses = Course.objects.in_bulk(item_ids.tolist())
    creators: dict[int, list[tuple[str, str]]] = {}
    for pk, party in CourseCreator.objects.filter(course__in=courses).values_list("course_id", "party_id"):
        creators.setdefault(pk, []).append(("creator", str(party)))
    texts, tags = [], []
    for course in (courses[pk] for pk in item_ids.tolist()):
        texts.append(" . ".join(filter(None, (course.title, course.title_zh, course.summary, course.summary_zh))))
        own = [("topic", str(course.topic_id)), ("level", course.level), ("language", course.language)]
        own.append(("price", f"{course.currency} {course.price_minor.bit_length()}"))
        tags.append([*own, *creators.get(course.pk, [])])
    encoder = choose_encoder()
    meaning = centred(Remembered(encoder, Path(settings.DATA_DIR) / "vectors").encode(texts)) if encoder else None
    return content_of(texts=texts, tags=tags, meaning=meaning)


def snapshot_take() -> tuple[DatasetSnapshot, "Interactions"]:
    """Read the behaviour and keep it as a dataset; the same data are the same dataset.

    Raises TrainingRefusedError where there is nothing to learn from, or the disk refuses the file.
    """
    read = behaviour_read()
    data = read.data
    if not len(data):
        raise TrainingRefusedError("Nobody has done anything with a course yet; there is nothing to learn from.")
    digest = data.fingerprint()
    name = f"{digest}.npz"
    _write(datasets_folder() / name, data)
    weights = {str(kind): weight for kind, weight in BEHAVIOUR_WEIGHTS.items()}
    with transaction.atomic():
        snapshot, _ = DatasetSnapshot.objects.update_or_create(
            sha256=digest,
            defaults={"file": name, "taken_at": timezone.now()},
            create_defaults={
                "file": name,
                "rows": len(data),
                "people": data.n_users,
                "courses": data.n_items,
                "acts": read.acts,
                "left_out": read.left_out,
                "weights": weights,
                "findings": _findings(data),
            },
        )
    return snapshot, data


def _findings(data: "Interactions") -> list[dict[str, Any]]:
    """What the engine's checks find in the split that settings are chosen on; a fatal one stops the training there."""
    from recommender.engine.checks import check_stage
    from recommender.engine.config import TrainConfig
    from recommender.engine.train import valid_stage

    return [asdict(finding) for finding in check_stage(valid_stage(TrainConfig(), data))]


def snapshot_read(snapshot: DatasetSnapshot) -> "Interactions | None":
    """The dataset again, or None where its file is gone or is not what was kept."""
    import numpy as np

    from recommender.engine.data import Interactions

    if not snapshot.file:
        return None
    try:
        with (datasets_folder() / snapshot.file).open("rb") as file, np.load(file, allow_pickle=False) as kept:
            data = Interactions(**{name: kept[name] for name in kept.files})
    except (OSError, ValueError, TypeError, KeyError, BadZipFile):
        return None
    return data if data.fingerprint() == snapshot.sha256 else None


def snapshots_thin(*, keep: set[int]) -> None:
    """Remove the files of all datasets but those of the runs' `keep` and the newest."""
    newest = DatasetSnapshot.objects.exclude(file="").order_by("-taken_at", "-pk").values_list("pk", flat=True)[:KEPT]
    for snapshot in DatasetSnapshot.objects.exclude(file="").exclude(pk__in={*keep, *newest}):
        (datasets_folder() / snapshot.file).unlink(missing_ok=True)
        DatasetSnapshot.objects.filter(pk=snapshot.pk).update(file="")


def snapshots_forget(*, before: datetime) -> None:
    """Remove the files of all datasets taken before an instant: somebody may be in them who is gone.

    So are those that belong to none, as a process that was killed leaves them.
    """
    DatasetSnapshot.objects.filter(taken_at__lt=before).update(file="")
    kept = set(DatasetSnapshot.objects.values_list("file", flat=True))
    for path in datasets_folder().iterdir():
        if path.name not in kept and path.stat().st_mtime < before.timestamp():
            path.unlink(missing_ok=True)


def people_kept() -> set[int]:
    """Everybody (by pseudonym) who stands in some dataset whose file is kept."""
    kept = (snapshot_read(snapshot) for snapshot in DatasetSnapshot.objects.exclude(file=""))
    return {person for data in kept if data is not None for person in data.user_ids.tolist()}


def datasets_folder() -> Path:
    """Where datasets lie; made where it is missing."""
    folder = Path(settings.DATA_DIR) / "datasets"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _pads() -> tuple[bytes, bytes]:
    """The inner and outer block of HMAC-SHA-256 under the recommender's key."""
    secret = settings.SECRET_KEY_FALLBACKS[-1] if settings.SECRET_KEY_FALLBACKS else settings.SECRET_KEY
    key = hmac.digest(secret.encode(), b"recommender.pseudonym", "sha256").ljust(_BLOCK, b"\0")
    return bytes(byte ^ 0x36 for byte in key), bytes(byte ^ 0x5C for byte in key)


def _columns(cursor: Any, statement: str) -> Any:
    """The rows of a statement as one numpy record array, by binary COPY: each row has the same length."""
    import numpy as np

    kinds = {"person": ">i8", "course": ">i8", "time": ">i8", "last": ">i8", "weight": ">f4"}
    row = [("fields", ">i2")]
    for name, kind in kinds.items():
        row += [(f"length of {name}", ">i4"), (name, kind)]
    copied = io.BytesIO()
    cursor.copy_expert(f"COPY ({statement}) TO STDOUT (FORMAT binary)", copied)
    head, end, size = 19, 2, np.dtype(row).itemsize
    return np.frombuffer(copied.getbuffer(), dtype=row, offset=head, count=(copied.tell() - head - end) // size)


def _write(path: Path, data: "Interactions") -> None:
    import numpy as np

    columns = {name: getattr(data, name) for name in ("pointers", "items", "times", "weights", "user_ids", "item_ids")}
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".dataset.")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **columns)
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise TrainingRefusedError(
            f"The dataset could not be kept in {path.parent} ({error.strerror}). Free space there and train again."
        ) from error
