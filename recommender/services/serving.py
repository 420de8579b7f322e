"""Suggests courses at request time: history is read now, so what somebody did a second ago counts."""

import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from hashlib import sha256
from typing import TYPE_CHECKING, Protocol
from uuid import UUID, uuid4

from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache, caches
from django.db import connection
from django.utils import timezone

from accounts.models import User
from accounts.statements import Statement, send
from courses.models import Course
from recommender.choices import Slot
from recommender.models import ServingPolicy, TrainingRun
from recommender.selectors import ReaderFacts, reader_facts, shelf_at
from recommender.services.serving_mix import Side, mixed
from recommender.services.serving_rank import Choice, places_for
from recommender.services.training_stages import models_folder, serving_run

if TYPE_CHECKING:
    from datetime import date

    from recommender.engine.re_rank import Policy
    from recommender.engine.serve import Recommender

logger = logging.getLogger(__name__)
Reader = User | AnonymousUser | None
STRANGER = 5
"""With fewer courses in their history, how people first came counts too."""
_COURSE_PAGE = re.compile(r"/courses/([-\w]+)/")
SECONDS = 300
"""How long a list may be given again while nothing that it was made of has changed."""


class Came(Protocol):
    """How a reader first came, as whoever measures visits tells it: first page, and (course, orders) by that way."""

    @property
    def landing(self) -> str:
        """Path of the first page."""

    @property
    def bought(self) -> tuple[tuple[int, int], ...]:
        """What others bought who came the same way, the most first."""


@dataclass(frozen=True, slots=True)
class Suggestions:
    """A list as it was shown under `code` (None: empty or not shown, nothing was kept). `key` is equal for equal lists.

    `personal`: the reader lets suggestions be theirs. `run` is the model's, None where popularity answered alone.
    `shelf` is the catalogue it was made from, `places` its choices as they are kept, `written` what was written of it.
    """

    choices: tuple[Choice, ...]
    key: str
    personal: bool
    run: int | None
    shelf: str
    places: str = "[]"
    written: str = ""
    code: UUID | None = None


@dataclass(frozen=True, slots=True)
class Manner:
    """How a list is written for its reader: `name` is equal where equal lists are written alike."""

    name: str
    write: Callable[[Suggestions], str]


def suggest(
    *,
    user: Reader,
    visitor_key: UUID | None,
    slot: Slot,
    course: Course | None = None,
    limit: int = 4,
    run: TrainingRun | None = None,
    policy: ServingPolicy | None = None,
    sides: tuple[Side, Side] | None = None,
    observed: bool = True,
    mail_week: "date | None" = None,
    arrived: "Callable[[], Came | None] | None" = None,
    facts: ReaderFacts | None = None,
    manner: Manner | None = None,
    keep: bool = True,
) -> Suggestions:
    """The best courses for this reader in this place, none that they own or waved away. The list is kept as shown.

    Where the browser does not let itself be `observed`, nothing is personal without the person's yes. Beside a course,
    that course counts as the latest interest. `arrived` is asked for who is hardly known. `run` and
    `policy` are the live ones unless given, as a test between two would; `sides` are two that share the list. Without a
    model that serves, or for who wants nothing personal, popularity answers. `facts`: what was just read of the reader.
    With a `manner` the list comes written, and is remembered so. Nobody sees it without `keep`, so nothing is kept.
    """
    person = user if isinstance(user, User) else None
    facts = facts or reader_facts(user=person, visitor_key=visitor_key, observed=observed)
    beside = course.pk if course else None
    who = f"u{person.pk}" if person else str(visitor_key or "")
    answers = run or (serving_run(person=who) if facts.canary is not None else None)
    facts = replace(
        facts, run=answers.pk if answers else facts.run, policy=policy.pk if policy else facts.policy, trials=()
    )
    if facts.personal and arrived is not None and len(facts.history) < STRANGER:
        facts = _greeted(facts, arrived())
    made = partial(_cached, who=who, beside=beside, limit=limit)
    if sides is None:
        found = made(facts, manner=manner)
    else:
        found = _written(_shared(facts, sides, made=made, limit=limit), manner)
    if not (found.choices and keep):
        return found
    known = facts.personal or mail_week is not None
    code = impressions_record(
        found,
        user_id=person.pk if person and known else None,
        visitor_key=visitor_key if facts.personal else None,
        slot=slot,
        course_id=beside,
        policy_id=facts.policy,
        mail_week=mail_week,
    )
    return replace(found, code=code)


def _greeted(facts: ReaderFacts, came: "Came | None") -> ReaderFacts:
    """With how they first came."""
    if came is None:
        return facts
    slug = _COURSE_PAGE.fullmatch(came.landing)
    landing = Course.objects.filter(slug=slug[1]).values_list("topic", flat=True).first() if slug else None
    return replace(facts, came=came.bought, landing=landing)


def _cached(
    facts: ReaderFacts, *, who: str, beside: int | None, limit: int, manner: Manner | None = None
) -> Suggestions:
    """The list for these facts: the same list for the same facts on one day, until it is forgotten."""
    key = sha256(f"{facts} {who} {beside} {limit} {timezone.localdate()}".encode()).hexdigest()
    place = f"suggest:{key}:{manner.name if manner else ''}"
    near: Suggestions | None = caches["near"].get(place)
    if near is not None:
        return near
    found: Suggestions | None = cache.get(place)
    if found is None:
        found = _written(_made(facts, beside=beside, limit=limit, key=key), manner)
        cache.set(place, found, SECONDS)
    caches["near"].set(place, found)
    return found


def _written(found: Suggestions, manner: Manner | None) -> Suggestions:
    return replace(found, written=manner.write(found)) if manner and found.choices else found


def _shared(
    facts: ReaderFacts, sides: tuple[Side, Side], *, made: Callable[[ReaderFacts], Suggestions], limit: int
) -> Suggestions:
    """One list of what both sides would show."""
    one, other = (
        made(
            replace(
                facts,
                run=side.run.pk if side.run else facts.run,
                policy=side.policy.pk if side.policy else facts.policy,
            )
        )
        for side in sides
    )
    rules = policy_of(facts.policy)
    key = sha256(f"{one.key} {other.key} {sides[0].arm}".encode()).hexdigest()
    choices = mixed(
        (one.choices, other.choices),
        sides=sides,
        shelf=shelf_at(version=facts.shelf),
        limit=limit,
        per_creator=rules.per_creator,
        tail=rules.tail,
        seed=key,
    )
    return replace(one, choices=choices, key=key, places=_kept(choices))


def _made(facts: ReaderFacts, *, beside: int | None, limit: int, key: str) -> Suggestions:
    import numpy as np

    recommender = recommender_of(facts.run) if facts.personal else None
    choices = places_for(
        facts,
        shelf=shelf_at(version=facts.shelf),
        recommender=recommender,
        policy=policy_of(facts.policy),
        beside=beside,
        places=limit,
        # The same reader with the same history sees the same draw all day; over readers it is as good as chance.
        rng=np.random.default_rng(int(key[:16], 16)),
    )
    run = facts.run if recommender else None
    return Suggestions(tuple(choices), key, facts.personal, run, facts.shelf, _kept(choices))


def _kept(choices: Sequence[Choice]) -> str:
    return json.dumps([{name: getattr(choice, name) for name in Choice.__slots__} for choice in choices])


def policy_of(policy_id: int | None) -> "Policy":
    """The figures of a policy; those of the code where there is none."""
    from recommender.engine.re_rank import Policy, policy_from

    return policy_from(ServingPolicy.objects.get(pk=policy_id).values) if policy_id else Policy()


def policy_in_force() -> "Policy":
    """The figures that lists are put together by now."""
    newest = ServingPolicy.objects.filter(is_trial=False).order_by("-pk").values_list("pk", flat=True).first()
    return policy_of(newest)


def recommender_of(run_id: int | None) -> "Recommender | None":
    """A run's model, None where its file is missing or damaged."""
    if run_id is None:
        return None
    from recommender.engine.errors import EngineError
    from recommender.engine.serve import cached_recommender

    artefact, digest = _file(connection.settings_dict["NAME"], run_id)
    try:
        return cached_recommender(models_folder() / artefact, digest)
    except (OSError, EngineError):
        # A missing or damaged file must not take a course page down; the admin shows which run serves.
        logger.exception("the model of run %s cannot be opened", run_id)
        return None


@lru_cache(maxsize=8)
def _file(database: str, run_id: int) -> tuple[str, str]:
    """A finished run's file and its digest, which never change."""
    del database
    return TrainingRun.objects.values_list("artefact", "artefact_sha256").get(pk=run_id)


_KEEP = Statement(
    "impressions_record",
    """
    WITH quick AS (
        -- A page does not wait for the disk for the sake of what it showed; a mail is not sent twice.
        SELECT set_config('synchronous_commit', 'off', true) WHERE %(week)s::date IS NULL
    ), list AS (
        INSERT INTO recommender_servedlist
            (code, user_id, visitor_key, slot, course_id, run_id, policy_id, mail_week, served_at)
        VALUES (%(code)s::uuid, %(user)s::bigint, %(visitor)s::uuid, %(slot)s::varchar, %(course)s::bigint,
            %(run)s::bigint, %(policy)s::bigint, %(week)s::date, %(at)s::timestamptz)
        RETURNING id
    )
    INSERT INTO recommender_impression (served_id, position, course_id, source, score, propensity, reason, arm_id)
    SELECT list.id, p.position, (p.place ->> 'course')::bigint, p.place ->> 'source', (p.place ->> 'score')::float8,
        (p.place ->> 'propensity')::float8, p.place -> 'reason', (p.place ->> 'arm')::bigint
    FROM list LEFT JOIN quick ON true, jsonb_array_elements(%(places)s::jsonb) WITH ORDINALITY AS p (place, position)
    """,
)


def impressions_record(
    shown: Suggestions,
    *,
    user_id: int | None,
    visitor_key: UUID | None,
    slot: Slot,
    course_id: int | None = None,
    policy_id: int | None = None,
    mail_week: "date | None" = None,
) -> UUID:
    """Keep a list with all its places in one statement, after which its transaction waits for no disk; its code."""
    code = uuid4()
    values = {
        "code": str(code),
        "user": user_id,
        "visitor": str(visitor_key) if visitor_key else None,
        "slot": str(slot),
        "course": course_id,
        "run": shown.run,
        "policy": policy_id,
        "week": mail_week,
        "at": timezone.now(),
        "places": shown.places,
    }
    send((_KEEP, values))
    return code


def places_of(choices: Sequence[Choice]) -> list[int]:
    """The courses of a list in their order."""
    return [choice.course for choice in choices]
