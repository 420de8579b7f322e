"""What readers made of lists that two arms share: which arm's places they opened, and bought from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

from recommender.choices import ExperimentMethod
from recommender.engine.experiments.moments import Sums
from recommender.models import Arm, Experiment

if TYPE_CHECKING:
    from recommender.engine.data import Int64
    from recommender.engine.experiments.interleave import Share

_PLACES = """
SELECT i.arm_id, i.position, i.course_id, i.clicked_at, l.user_id, l.visitor_key, l.id AS list,
    coalesce('u' || l.user_id, 'v' || l.visitor_key) AS reader
FROM recommender_impression i JOIN recommender_servedlist l ON l.id = i.served_id
WHERE i.arm_id = ANY(%(arms)s) AND (l.user_id IS NOT NULL OR l.visitor_key IS NOT NULL)
"""
"""Of readers who want nothing personal nobody knows which lists were the same one's, so these count for nobody."""
_READERS = f"""
WITH places AS ({_PLACES}), readers AS (
    SELECT count(*) FILTER (WHERE clicked_at IS NOT NULL AND arm_id = %(second)s)
        - count(*) FILTER (WHERE clicked_at IS NOT NULL AND arm_id <> %(second)s) AS lead
    FROM places GROUP BY reader
)
SELECT count(*), count(*) FILTER (WHERE lead > 0), count(*) FILTER (WHERE lead < 0) FROM readers
"""  # noqa: S608 - put together from what stands above
_ARMS = f"""
WITH places AS ({_PLACES}), bought AS (
    SELECT p.arm_id, o.id, EXISTS (
        SELECT FROM courses_refund r WHERE r.order_id = o.id AND r.state = 'done' AND r.reverses_id IS NULL
    ) AS is_back
    FROM places p
    JOIN courses_order o ON (o.buyer_id = p.user_id OR (p.user_id IS NULL AND o.visitor_key = p.visitor_key))
        AND o.state IN ('paid', 'voided')
        AND o.placed_at >= p.clicked_at AND o.placed_at < p.clicked_at + %(days)s * interval '1 day'
    JOIN courses_orderline n ON n.order_id = o.id AND n.course_id = p.course_id
), firsts AS (
    -- A reader sees the same list all day, so whoever comes often has thrown no more coins than the others.
    SELECT DISTINCT ON (reader) arm_id FROM places WHERE position = 1 ORDER BY reader, list
)
SELECT p.arm_id, count(*), count(p.clicked_at), (SELECT count(*) FROM firsts f WHERE f.arm_id = p.arm_id),
    (SELECT count(DISTINCT b.id) FROM bought b WHERE b.arm_id = p.arm_id),
    (SELECT count(DISTINCT b.id) FROM bought b WHERE b.arm_id = p.arm_id AND b.is_back)
FROM places p GROUP BY p.arm_id
"""  # noqa: S608 - as above
_CREATORS = f"""
WITH places AS ({_PLACES})
SELECT p.arm_id, abs(hashtext(p.reader)::bigint) %% 200, c.party_id, count(*)
FROM places p JOIN courses_coursecreator c ON c.course_id = p.course_id GROUP BY 1, 2, 3
"""  # noqa: S608 - as above


@dataclass(frozen=True, slots=True)
class Brought:
    """What an arm brought to shared lists: places, places opened, orders from opened ones, given back.

    `first` are the readers whose first list began with it.
    """

    places: int = 0
    opened: int = 0
    first: int = 0
    orders: int = 0
    refunded: int = 0


@dataclass(frozen=True, slots=True)
class Preference:
    """Readers of shared lists: how many opened more of the second arm (`wins`), of the first, or as many of both.

    `share` is that of the second arm among readers with a preference, with its interval and the p-value of one half.
    """

    readers: int
    wins: int
    losses: int
    share: "Share"

    @property
    def ties(self) -> int:
        """Readers who opened as many places of both, mostly none."""
        return self.readers - self.wins - self.losses

    @property
    def decided(self) -> int:
        """Readers with a preference."""
        return self.wins + self.losses


def preference_of(experiment: Experiment, arms: list[Arm]) -> Preference:
    """Which arm's places readers opened more; one statement."""
    from recommender.engine.experiments.interleave import share_always, share_now

    values: dict[str, Any] = {"arms": [arm.pk for arm in arms], "second": arms[1].pk}
    with connection.cursor() as cursor:
        cursor.execute(_READERS, values)
        readers, wins, losses = cursor.fetchone()
    test = share_now if experiment.method == ExperimentMethod.FIXED else share_always
    return Preference(readers, wins, losses, test(wins, losses))


def brought_by(arms: list[Arm], *, days: int) -> dict[int, Brought]:
    """Places, clicks and orders by arm; an order counts within so many days after its course was opened."""
    with connection.cursor() as cursor:
        cursor.execute(_ARMS, {"arms": [arm.pk for arm in arms], "days": days})
        return {arm: Brought(*counts) for arm, *counts in cursor.fetchall()}


def refunds_of(brought: Brought) -> Sums:
    """Orders from an arm's places, and those given back."""
    return Sums(brought.orders, float(brought.refunded), float(brought.refunded))


def creators_places(arms: list[Arm]) -> dict[int, "Int64"]:
    """Places by creator, arm by arm, see `creator_tables`; a block is the same readers in both arms."""
    with connection.cursor() as cursor:
        cursor.execute(_CREATORS, {"arms": [arm.pk for arm in arms]})
        return creator_tables(cursor.fetchall(), alike=True)


def creator_tables(rows: list[Any], *, alike: bool = False) -> dict[int, "Int64"]:
    """Rows of arm, block of people, creator, places as [blocks, creators] by arm; the same creators in every arm.

    `alike`: the same blocks as well, whether or not an arm has places in each.
    """
    import numpy as np

    columns = np.array(rows, dtype=np.int64).reshape(-1, 4)
    creators, places = np.unique(columns[:, 2], return_inverse=True)
    found: dict[int, Int64] = {}
    for arm in np.unique(columns[:, 0]):
        mine = columns[:, 0] == arm
        blocks = np.unique(columns[:, 1] if alike else columns[mine, 1])
        found[int(arm)] = np.zeros((blocks.size, creators.size), dtype=np.int64)
        np.add.at(found[int(arm)], (np.searchsorted(blocks, columns[mine, 1]), places[mine]), columns[mine, 3])
    return found
