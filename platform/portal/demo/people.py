"""Stage one of the demo: staff, parties, seats, channels, links and coupons."""

from dataclasses import dataclass, field
from datetime import datetime

from accounts.choices import PartyKind, SeatRole
from accounts.models import Party, User
from accounts.services import (
    NewParty,
    NewPerson,
    NewSeat,
    parties_create,
    person_create,
    persons_create,
    role_grant,
    seats_give,
)
from partners.choices import Bearer, Tier
from partners.services import (
    NewChannel,
    NewCoupon,
    NewLink,
    channels_ensure,
    coupons_create,
    links_create,
    memberships_admit,
)
from portal.demo.cast import CHANNELS, CREATORS, FOREIGN_CURRENCY, PARTNERS, PASSWORD, STAFF

SCHOOL_COUPON = "WELCOME10"
CREATOR_LOGIN, PARTNER_LOGIN, LEARNER_LOGIN = "creator@demo.test", "partner@demo.test", "learner@demo.test"


@dataclass
class Cast:
    """Everybody who is not a learner, by their place in the lists of `portal.demo.cast`."""

    maker: User
    checker: User
    creators: list[Party]
    partners: list[Party]
    channels: list[int]
    links: dict[tuple[int, int], int] = field(default_factory=dict)
    coupons: dict[int, str] = field(default_factory=dict)


def make_cast(*, opened: datetime) -> Cast:
    """Create them all; `opened` is when the school opened its doors."""
    staff = _staff(opened)
    creators = _creators(opened)
    partners = _partners(opened)
    memberships_admit(party_ids=[party.pk for party in creators[:6]], at=opened, tier=Tier.GOLD)
    memberships_admit(party_ids=[party.pk for party in (*creators[6:], *partners)], at=opened)
    _seats(creators, partners, opened)
    codes = channels_ensure(
        channels=[NewChannel(code=c.code, name=c.name, name_zh=c.name_zh, kind=c.kind) for c in CHANNELS]
    )
    cast = Cast(staff[0], staff[1], creators, partners, [codes[channel.code] for channel in CHANNELS])
    cast.links = _links(cast, opened)
    cast.coupons = _coupons(cast, opened)
    return cast


def _staff(opened: datetime) -> list[User]:
    people = []
    for member in STAFF:
        user = person_create(
            email=member.email,
            name=member.name,
            name_zh=member.name_zh,
            password=PASSWORD,
            joined_at=opened,
            verified=True,
        )
        role_grant(user=user, role=member.role)
        people.append(user)
    return people


def slug(name: str) -> str:
    """A code made of a name: `Lin Yue` is `lin-yue`."""
    return name.lower().replace(" ", "-")


def _creators(opened: datetime) -> list[Party]:
    return parties_create(
        parties=[
            NewParty(
                code=slug(name),
                kind=PartyKind.CREATOR,
                name=name,
                name_zh=name_zh,
                currency=FOREIGN_CURRENCY.get(name, "CNY"),
                country="CN" if name not in FOREIGN_CURRENCY else "",
                created_at=opened,
            )
            for name, name_zh in CREATORS
        ]
    )


def _partners(opened: datetime) -> list[Party]:
    return parties_create(
        parties=[
            NewParty(
                code=partner.code,
                kind=partner.kind,
                name=partner.name,
                name_zh=partner.name_zh,
                country="CN",
                created_at=opened,
            )
            for partner in PARTNERS
        ]
    )


def _seats(creators: list[Party], partners: list[Party], opened: datetime) -> None:
    """A person with a seat in each party; the first creator and the first partner are the demo's logins."""
    logins = {creators[0].pk: CREATOR_LOGIN, partners[0].pk: PARTNER_LOGIN}
    parties = [*creators, *partners]
    users = persons_create(
        persons=[
            NewPerson(
                email=logins.get(party.pk, f"{party.code}@people.demo.test"),
                name=party.name,
                name_zh=party.name_zh,
                password=PASSWORD if party.pk in logins else None,
                joined_at=opened,
                verified=True,
            )
            for party in parties
        ]
    )
    seats_give(
        seats=[
            NewSeat(user_id=user.pk, party_id=party.pk, role=SeatRole.OWNER)
            for user, party in zip(users, parties, strict=True)
        ]
    )


def _links(cast: Cast, opened: datetime) -> dict[tuple[int, int], int]:
    """A tracking link for each partner that brings learners, by (channel, partner)."""
    wanted = [
        (channel, index)
        for channel, shape in enumerate(CHANNELS)
        if shape.owned
        for index, partner in enumerate(PARTNERS)
        if partner.brings and (partner.kind == PartyKind.CHANNEL_PARTNER) == (shape.code == "campus")
    ]
    links = links_create(
        links=[
            NewLink(
                channel_id=cast.channels[channel],
                owner_id=cast.partners[index].pk,
                code=PARTNERS[index].code,
                destination="/courses/",
                campaign="programme",
                created_at=opened,
            )
            for channel, index in wanted
        ]
    )
    return {key: link.pk for key, link in zip(wanted, links, strict=True)}


def _coupons(cast: Cast, opened: datetime) -> dict[int, str]:
    """Each bringing partner's own code, and the school's (under -2), which the school itself bears."""
    owners = [index for index, partner in enumerate(PARTNERS) if partner.brings]
    codes = {index: PARTNERS[index].code.replace("-", "").upper()[:12] + "15" for index in owners}
    coupons_create(
        coupons=[
            *(
                NewCoupon(
                    code=codes[index],
                    percent_bp=1_500,
                    borne_by=Bearer.POOL,
                    owner_id=cast.partners[index].pk,
                    starts_at=opened,
                )
                for index in owners
            ),
            NewCoupon(code=SCHOOL_COUPON, percent_bp=1_000, borne_by=Bearer.PLATFORM, starts_at=opened),
        ]
    )
    return {**codes, -2: SCHOOL_COUPON}
