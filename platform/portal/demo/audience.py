"""Stage three of the demo: visitors, the ways they came, those who joined, and what the ways cost."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid5

from accounts.services import NewPerson, persons_create
from analytics.services import (
    NewCampaign,
    NewSpend,
    NewTouch,
    NewVisitor,
    SignUp,
    campaigns_record,
    sign_ups_settle,
    spend_record,
    touchpoints_record,
    visitors_record,
)
from portal.demo.cast import CHANNELS, PASSWORD
from portal.demo.names import learner_name
from portal.demo.people import LEARNER_LOGIN, Cast
from portal.demo.progress import Progress
from portal.demo.simulate import DemoTouch, Year

NAMESPACE = UUID("2b0c9f0e-6f1d-4a52-8a55-7f4b2f6f5d3a")
CHUNK = 5_000
T = TypeVar("T")
SOURCES = {
    "paid-search": "search-ads",
    "paid-social": "social-ads",
    "email": "newsletter",
    "video": "video-ads",
    "display": "display-network",
    "events": "fairs",
}
"""Channel that costs money -> the account of the network where it is bought."""

SEARCHES = ("search.example", "find.example", "kanban.example")
"""Sites from which organic search comes."""

Campaigns = dict[tuple[int, str], int]
"""(place of the channel, part) -> campaign."""


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """The items in runs of `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def visitor_key(seed: int, visitor: int) -> UUID:
    """The cookie key of a visitor; the same for the same seed."""
    return uuid5(NAMESPACE, f"{seed}/{visitor}")


def make_learners(year: Year, *, star: int, progress: Progress) -> dict[int, int]:
    """People for those who joined; returns their primary keys by visitor. `star` is the demo's learner login."""
    joined = [visitor for visitor, at in enumerate(year.joined) if at is not None]
    people: dict[int, int] = {}
    for part in progress.track("learners", list(chunks(joined, 2_000)), sum_of=len):
        users = persons_create(persons=[_person(visitor, year.joined[visitor], star) for visitor in part])
        people.update((visitor, user.pk) for visitor, user in zip(part, users, strict=True))
    return people


def _person(visitor: int, joined_at: datetime | None, star: int) -> NewPerson:
    name, name_zh = learner_name(visitor)
    is_star = visitor == star
    return NewPerson(
        email=LEARNER_LOGIN if is_star else f"learner{visitor}@people.demo.test",
        name=name,
        name_zh=name_zh,
        password=PASSWORD if is_star else None,
        joined_at=joined_at,
        verified=True,
    )


def make_visits(
    year: Year, cast: Cast, people: dict[int, int], campaigns: Campaigns, *, seed: int, progress: Progress
) -> dict[int, UUID]:
    """Visitors and touches; returns the visitors' keys."""
    first = {touch.visitor: touch.at for touch in reversed(year.touches)}
    keys = {visitor: visitor_key(seed, visitor) for visitor in first}
    visitors = [
        NewVisitor(
            key=keys[visitor],
            first_seen_at=at,
            user_id=people.get(visitor),
            country="CN" if visitor % 9 else ("SG", "US", "JP", "DE")[visitor % 4],
            device=("mobile", "desktop", "mobile", "tablet")[visitor % 4],
        )
        for visitor, at in sorted(first.items())
    ]
    for part in progress.track("visitors", list(chunks(visitors)), sum_of=len):
        visitors_record(visitors=part)
    for touches in progress.track("touches", list(chunks(year.touches)), sum_of=len):
        touchpoints_record(touches=[_touch(touch, cast, keys, campaigns) for touch in touches])
    return keys


def _touch(touch: DemoTouch, cast: Cast, keys: dict[int, UUID], campaigns: Campaigns) -> NewTouch:
    shape = CHANNELS[touch.channel]
    part = "brand" if touch.visitor % 10 < 3 else "courses"
    tags = (
        {
            "utm_source": SOURCES[shape.code],
            "utm_medium": shape.kind,
            "utm_campaign": f"{shape.code}-{part}",
            "utm_content": ("story", "offer", "lecturer")[touch.visitor % 7 % 3],
        }
        if shape.cost_cny
        else {}
    )
    return NewTouch(
        visitor_key=keys[touch.visitor],
        channel_id=cast.channels[touch.channel],
        occurred_at=touch.at,
        owner_id=cast.partners[touch.owner].pk if touch.owner >= 0 else None,
        link_id=cast.links.get((touch.channel, touch.owner)),
        campaign_id=campaigns.get((touch.channel, part)),
        landing="/courses/",
        referrer_host=SEARCHES[touch.visitor % len(SEARCHES)] if shape.code == "organic-search" else "",
        utm=tags,
    )


def make_sign_ups(year: Year, people: dict[int, int], keys: dict[int, UUID]) -> None:
    """The sign-up conversions of all who joined."""
    for part in chunks(sorted(people)):
        sign_ups_settle(
            sign_ups=[
                SignUp(user_id=people[visitor], visitor_key=keys.get(visitor), occurred_at=at)
                for visitor in part
                if (at := year.joined[visitor]) is not None
            ]
        )


def make_campaigns(cast: Cast) -> Campaigns:
    """Two campaigns for each channel that costs money, in the account of its network."""
    paid = [index for index, channel in enumerate(CHANNELS) if channel.cost_cny]
    made = campaigns_record(
        campaigns=[
            NewCampaign(
                source=SOURCES[CHANNELS[index].code],
                external_id=f"{CHANNELS[index].code}-{part}",
                name=f"{CHANNELS[index].name}, {part}",
                channel_id=cast.channels[index],
                name_zh=f"{CHANNELS[index].name_zh}：{part_zh}",
            )
            for index in paid
            for part, part_zh in (("brand", "品牌"), ("courses", "课程"))
        ]
    )
    return {
        (index, part): made[SOURCES[CHANNELS[index].code], f"{CHANNELS[index].code}-{part}"]
        for index in paid
        for part in ("brand", "courses")
    }


def make_spend(year: Year, campaigns: Campaigns) -> None:
    """What the campaigns cost a day."""
    rows = []
    for index, day, amount in year.spend:
        brand = amount * 3 // 10
        for part, minor in (("brand", brand), ("courses", amount - brand)):
            rows.append(
                NewSpend(
                    campaign_id=campaigns[index, part],
                    day=day,
                    amount_minor=minor,
                    currency="CNY",
                    impressions=minor // 3,
                    clicks=minor // 250,
                )
            )
    spend_record(spend=rows)
