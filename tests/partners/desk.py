"""What tests of the programme set up again and again, by the product's own verbs."""

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from accounts.choices import PartyKind
from accounts.models import Party, User
from accounts.services import party_create, person_create
from partners.choices import ChannelKind
from partners.models import AgreementVersion, Channel
from partners.services import (
    ChannelCredit,
    NewAgreement,
    SaleFacts,
    SaleLine,
    agreements_establish,
    channel_create,
    memberships_admit,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
PLACED = datetime(2026, 3, 1, 12, tzinfo=UTC)
_numbers = itertools.count(1)


def split(*weights: tuple[str, int]) -> dict[str, Any]:
    """A split step over (account, weight) pairs."""
    return {"take": "split", "parties": [{"account": account, "weight": weight} for account, weight in weights]}


def percent(account: str, bp: int, of: str = "remaining") -> dict[str, Any]:
    """A percentage step."""
    return {"take": "percent", "account": account, "bp": bp, "of": of}


def one_fee(steps: list[dict[str, Any]]) -> bool:
    """Tell whether the processor's fee is taken once at most, as a rule must."""
    return [step["take"] for step in steps].count("processor_fee") <= 1


THIRTY = [
    percent("channel", 1000, "base"),
    {"take": "processor_fee"},
    percent("platform:revenue", 3000),
    split(("party:alice", 80), ("party:bob", 20)),
]
"""10 % of the base to channels, the fee from the pool, 30 % of the rest to the platform, then 80 : 20."""


def party(code: str, kind: str = PartyKind.AFFILIATE, *, member: bool = True) -> Party:
    """A party, in the programme unless told otherwise."""
    made = party_create(code=code, kind=kind, name=code.title(), name_zh=f"{code}（中文）")
    if member:
        memberships_admit(party_ids=[made.pk])
    return made


def persons() -> tuple[User, User]:
    """Who prepares and who approves."""
    number = next(_numbers)
    maker = person_create(email=f"maker{number}@desk.test", name="Maker", password="a quiet river", verified=True)
    checker = person_create(email=f"checker{number}@desk.test", name="Checker", password="a quiet river", verified=True)
    return maker, checker


def agreement(
    *,
    scope_id: str = "1",
    steps: Sequence[Mapping[str, Any]] = THIRTY,
    parties: Sequence[Party],
    rule: Mapping[str, Any] | None = None,
    **terms: Any,
) -> AgreementVersion:
    """An agreement in force since the start of the year; its first party is the owner."""
    maker, checker = persons()
    new = NewAgreement(
        code=f"agreement-{scope_id}",
        title=f"Course {scope_id}",
        title_zh=f"课程 {scope_id}",
        owner_id=parties[0].pk,
        scope_id=scope_id,
        party_ids=[p.pk for p in parties],
        rule=rule or {"steps": list(steps)},
        effective_from=terms.pop("effective_from", START),
        prepared_by_id=maker.pk,
        approved_by_id=checker.pk,
        **terms,
    )
    return agreements_establish(agreements=[new])[0]


def channel(code: str, owner: Party | None = None, kind: str = ChannelKind.PARTNER) -> Channel:
    """A channel."""
    return channel_create(code=code, name=code.title(), kind=kind, owner=owner)


def credit(to: Channel | None, ppm: int) -> ChannelCredit:
    """A channel's part; None is unattributed."""
    return ChannelCredit(channel_id=to.pk if to else None, owner_id=to.owner_id if to else None, ppm=ppm)


def line(number: int = 1, item: str = "1", price: int = 10_000, **facts: Any) -> SaleLine:
    """A line of an order."""
    facts.setdefault("payable_minor", price - facts.get("discount_minor", 0))
    return SaleLine(
        line_id=f"L{number}",
        item_id=item,
        item_title=f"Course {item}",
        item_title_zh=f"课程 {item}",
        list_minor=price,
        **facts,
    )


def sale(code: str = "O-1", **facts: Any) -> SaleFacts:
    """A paid order of one line, unless lines are given."""
    number = abs(hash(code)) % 10**9
    facts.setdefault("lines", [line(number)])
    facts.setdefault("placed_at", PLACED)
    facts.setdefault("currency", "CNY")
    return SaleFacts(order_code=code, **facts)
