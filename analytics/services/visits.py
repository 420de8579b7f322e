"""Records who came and how."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from accounts.columns import numbers, texts
from accounts.statements import Statement, send
from analytics.choices import MergeCause
from analytics.models import Touchpoint, Visitor


@dataclass(frozen=True)
class NewVisitor:
    """A browser seen for the first time, by the random key of its cookie."""

    key: UUID
    first_seen_at: datetime
    user_id: int | None = None
    country: str = ""
    device: str = ""
    consent: bool = True
    import_batch_id: int | None = None


@dataclass(frozen=True)
class NewTouch:
    """One arrival of a visitor through a channel."""

    visitor_key: UUID
    channel_id: int
    occurred_at: datetime
    owner_id: int | None = None
    link_id: int | None = None
    campaign_id: int | None = None
    landing: str = ""
    referrer_host: str = ""
    utm: dict[str, str] = field(default_factory=dict)
    click_id: str = ""
    sub_ids: dict[str, str] = field(default_factory=dict)
    consent: bool = True
    import_batch_id: int | None = None
    flag: str = ""


def salted_key(token: UUID) -> UUID:
    """The key under which a browser is known, from what its cookie holds: a hash under the installation's secret.

    While an old secret is still named in PORTAL_SECRET_KEY_FALLBACKS, browsers keep their keys; then they are new ones.
    """
    secret = settings.SECRET_KEY_FALLBACKS[-1] if settings.SECRET_KEY_FALLBACKS else settings.SECRET_KEY
    return UUID(bytes=hmac.digest(secret.encode(), b"analytics.visitor" + token.bytes, "sha256")[:16], version=5)


@transaction.atomic
def visitors_record(*, visitors: Sequence[NewVisitor]) -> dict[UUID, int]:
    """Store visitors that are not known yet; return the primary key of each by its visitor key."""
    Visitor.objects.bulk_create(
        [
            Visitor(
                key=visitor.key,
                first_seen_at=visitor.first_seen_at,
                user_id=visitor.user_id,
                country=visitor.country,
                device=visitor.device,
                consent=visitor.consent,
                import_batch_id=visitor.import_batch_id,
            )
            for visitor in visitors
        ],
        batch_size=5_000,
        ignore_conflicts=True,
    )
    return _ids(visitor.key for visitor in visitors)


@transaction.atomic
def touchpoints_record(*, touches: Sequence[NewTouch]) -> int:
    """Append touches; visitors that are not known yet are stored first. Return how many touches were stored."""
    if not touches:
        return 0
    ids = _ids(touch.visitor_key for touch in touches)
    unknown: dict[UUID, NewVisitor] = {}
    for touch in touches:
        if touch.visitor_key not in ids and touch.visitor_key not in unknown:
            unknown[touch.visitor_key] = NewVisitor(
                touch.visitor_key, touch.occurred_at, consent=touch.consent, import_batch_id=touch.import_batch_id
            )
    if unknown:
        ids |= visitors_record(visitors=list(unknown.values()))
    partitions_ensure(instants=(touch.occurred_at for touch in touches))
    Touchpoint.objects.bulk_create([_touchpoint(touch, ids[touch.visitor_key]) for touch in touches], batch_size=5_000)
    return len(touches)


def partitions_ensure(*, instants: Iterable[datetime]) -> None:
    """Create the monthly partitions (UTC) that these instants fall into, where they are missing."""
    months = sorted({instant.astimezone(UTC).date().replace(day=1) for instant in instants})
    with connection.cursor() as cursor:
        cursor.execute("SELECT analytics_touchpoint_partition(month) FROM unnest(%s::date[]) AS month", [months])


@transaction.atomic
def visitor_merge(*, user_id: int, visitor_key: UUID, at: datetime) -> None:
    """Say that this browser, seen at `at`, is this person's, so that both histories become one journey.

    A browser stays with the person who was recognised in it first.
    """
    visitors_record(visitors=[NewVisitor(visitor_key, at)])
    visitors_merge(owners={visitor_key: user_id}, cause=MergeCause.SIGN_IN, at=at)


_MERGE = Statement(
    "visitors_merge",
    """
    WITH told AS (
        SELECT v.id, o.user_id FROM unnest(%s::uuid[], %s::bigint[]) AS o (key, user_id)
        JOIN analytics_visitor v ON v.key = o.key WHERE v.user_id IS NULL ORDER BY v.id FOR NO KEY UPDATE OF v
    ), taken AS (
        UPDATE analytics_visitor v SET user_id = told.user_id FROM told WHERE v.id = told.id RETURNING v.id, v.user_id
    )
    INSERT INTO analytics_visitormerge (visitor_id, user_id, cause, merged_at)
    SELECT id, user_id, %s, %s::timestamptz FROM taken ON CONFLICT DO NOTHING
    """,
)


def visitors_merge(*, owners: Mapping[UUID, int] | Mapping[str, int], cause: MergeCause, at: datetime) -> None:
    """Give browsers that are nobody's yet to people, by key, and keep a row of each."""
    if owners:
        keys = texts(str(key) for key in owners)
        send((_MERGE, [keys, numbers(owners.values()), cause.value, at]))


def _touchpoint(touch: NewTouch, visitor_id: int) -> Touchpoint:
    return Touchpoint(
        visitor_id=visitor_id,
        channel_id=touch.channel_id,
        owner_id=touch.owner_id,
        link_id=touch.link_id,
        campaign_id=touch.campaign_id,
        landing=touch.landing[:500],
        referrer_host=touch.referrer_host[:200],
        utm=touch.utm,
        click_id=touch.click_id[:200],
        sub_ids=touch.sub_ids,
        flag=touch.flag,
        consent=touch.consent,
        occurred_at=touch.occurred_at,
        import_batch_id=touch.import_batch_id,
    )


def _ids(keys: Iterable[UUID]) -> dict[UUID, int]:
    wanted = list(set(keys))
    found: dict[UUID, int] = {}
    for start in range(0, len(wanted), 5_000):
        chunk = wanted[start : start + 5_000]
        found.update(Visitor.objects.filter(key__in=chunk).values_list("key", "pk"))
    return found
