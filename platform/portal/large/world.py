"""What orders need before there can be any: partners, channels, courses with agreements, learners. By the services."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.choices import PartyKind
from accounts.models import Party, User
from accounts.scope import all_rows
from accounts.services import NewParty, NewPerson, parties_create, person_create, persons_create
from courses.services import NewCourse, courses_create, topic_ensure
from partners.choices import ChannelKind, PayingModel
from partners.services import NewAgreement, NewChannel, agreements_establish, channels_ensure, memberships_admit
from portal.demo.audience import chunks
from portal.demo.progress import Progress

CHANNELS = (
    ("search", ChannelKind.PAID_SEARCH),
    ("social", ChannelKind.ORGANIC_SOCIAL),
    ("mail", ChannelKind.EMAIL),
    ("direct", ChannelKind.DIRECT),
    ("partners", ChannelKind.PARTNER),
)
OWNED = len(CHANNELS) - 1
"""The channel whose touches have an owner."""

MODELS = (PayingModel.LAST_TOUCH, PayingModel.LAST_TOUCH, PayingModel.LINEAR, PayingModel.U_SHAPE)
PRICES = (4_900, 9_900, 12_900, 19_900, 29_900, 39_900, 59_900, 89_900)


@dataclass(frozen=True, slots=True)
class Scale:
    """How big it is. A tenth of the partners make courses, the others bring learners."""

    partners: int = 5_000
    courses: int = 1_000
    learners: int = 50_000

    @property
    def makers(self) -> int:
        """How many partners make courses."""
        return max(2, self.partners // 10)


@dataclass(frozen=True, slots=True)
class World:
    """Primary keys by place. `prices` in minor units of CNY; `models` is what pays a course's orders."""

    courses: list[int]
    prices: list[int]
    models: list[str]
    bringers: list[int]
    channels: list[int]
    learners: list[int]


def make_world(scale: Scale, *, opened: datetime, progress: Progress) -> World:
    """Create it all, in stages that commit."""
    with progress.stage("partners and channels"), all_rows():
        maker, checker = (_staff(name, opened) for name in ("maker", "checker"))
        parties = _parties(scale, opened)
        channels = channels_ensure(
            channels=[NewChannel(code=code, name=code.title(), kind=kind) for code, kind in CHANNELS]
        )
    makers, bringers = parties[: scale.makers], parties[scale.makers :]
    courses: list[int] = []
    for part in progress.track("courses, agreements", list(chunks(range(scale.courses), 250)), sum_of=len):
        with all_rows():
            courses += _courses(part, makers, maker, checker, opened)
    learners: list[int] = []
    for numbers in progress.track("learners", list(chunks(range(scale.learners))), sum_of=len):
        people = [NewPerson(email=f"learner{n}@large.test", name=f"Learner {n}", joined_at=opened) for n in numbers]
        learners += [user.pk for user in persons_create(persons=people)]
    return World(
        courses=courses,
        prices=[price_of(n) for n in range(scale.courses)],
        models=[str(MODELS[n % len(MODELS)]) for n in range(scale.courses)],
        bringers=[party.pk for party in bringers],
        channels=[channels[code] for code, _kind in CHANNELS],
        learners=learners,
    )


def price_of(course: int) -> int:
    """What a course costs, by its place."""
    return PRICES[course % len(PRICES)]


def _staff(name: str, opened: datetime) -> User:
    return person_create(email=f"{name}@large.test", name=name.title(), joined_at=opened, verified=True)


def _parties(scale: Scale, opened: datetime) -> list[Party]:
    parties: list[Party] = []
    for part in chunks(range(scale.partners), 1_000):
        made = parties_create(
            parties=[
                NewParty(
                    code=f"partner-{n:05d}",
                    kind=PartyKind.CREATOR if n < scale.makers else PartyKind.AFFILIATE,
                    name=f"Partner {n}",
                    name_zh=f"伙伴{n}",
                    created_at=opened,
                )
                for n in part
            ]
        )
        memberships_admit(party_ids=[party.pk for party in made], at=opened)
        parties += made
    return parties


def _courses(numbers: Sequence[int], makers: list[Party], maker: User, checker: User, opened: datetime) -> list[int]:
    topic = topic_ensure(code="large", name="Everything", name_zh="一切")
    teams = [_team(n, makers) for n in numbers]
    ids = courses_create(
        courses=[
            NewCourse(
                slug=f"course-{n}",
                title=f"Course {n}",
                title_zh=f"课程{n}",
                topic_id=topic,
                price_minor=price_of(n),
                currency="CNY",
                creator_ids=[party.pk for party in team],
                published_at=opened,
            )
            for n, team in zip(numbers, teams, strict=True)
        ]
    )
    agreements_establish(
        agreements=[
            NewAgreement(
                code=f"course-{pk}",
                title=f"Course {n}",
                title_zh=f"课程{n}",
                owner_id=team[0].pk,
                scope_id=str(pk),
                party_ids=[party.pk for party in team],
                rule=_rule(n, team),
                paying_model=MODELS[n % len(MODELS)],
                effective_from=opened,
                prepared_by_id=maker.pk,
                approved_by_id=checker.pk,
                accepted_at=opened,
            )
            for n, pk, team in zip(numbers, ids, teams, strict=True)
        ]
    )
    return ids


def _team(course: int, makers: list[Party]) -> list[Party]:
    """One maker, for every third course two."""
    first = course % len(makers)
    return [makers[first], makers[(first + 1) % len(makers)]] if course % 3 == 2 else [makers[first]]


def _rule(course: int, team: list[Party]) -> dict[str, Any]:
    """Ten or fifteen per cent for who brought the learner, the fee from the pool, thirty for the house, the rest split.

    Every fifth keeps a tenth in reserve.
    """
    rule: dict[str, Any] = {
        "steps": [
            {"take": "percent", "account": "channel", "bp": 1_000 if course % 2 else 1_500, "of": "base"},
            {"take": "processor_fee"},
            {"take": "percent", "account": "platform:revenue", "bp": 3_000},
            {
                "take": "split",
                "parties": [
                    {"account": f"party:{party.code}", "weight": weight}
                    for party, weight in zip(team, (70, 30), strict=False)
                ],
            },
        ]
    }
    return rule | ({"reserve_bp": 1_000} if course % 5 == 4 else {})
