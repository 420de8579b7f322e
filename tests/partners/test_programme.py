"""Members, channels, links and coupons."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.errors import ChannelError, CouponError, MembershipError
from partners.models import Channel, Coupon, CouponRedemption, Creator, Membership, Partner, TrackingLink
from partners.services import (
    NewChannel,
    NewCoupon,
    NewLink,
    Redemption,
    channel_create,
    channels_ensure,
    coupon_activate,
    coupon_create,
    coupon_quote,
    coupon_redeem,
    coupons_create,
    coupons_redeem,
    link_activate,
    link_create,
    links_create,
    membership_decide,
    membership_tier_set,
    memberships_admit,
    party_admit,
    party_apply,
)
from tests.cast import Cast
from tests.examples import examples
from tests.partners import desk
from tests.partners.desk import PLACED, START

pytestmark = pytest.mark.usefixtures("everything")


def test_a_party_applies_is_admitted_suspended_and_comes_back(cast: Cast) -> None:
    membership = party_apply(party=cast.alice_party, headline="Python")
    with pytest.raises(MembershipError, match="in the programme already"):
        party_apply(party=cast.alice_party)
    for state in ("approved", "suspended", "approved", "left", "applied", "rejected", "applied"):
        membership = membership_decide(membership=membership, state=state, by=cast.mei, note=state)
        assert membership.state == state
    with pytest.raises(MembershipError, match="“Applied” and cannot become “Left”"):
        membership_decide(membership=membership, state="left", by=cast.mei)
    assert membership.note.splitlines()[0] == "approved"
    assert membership_tier_set(membership=membership, tier="gold", by=cast.mei).tier == "gold"


def test_creators_and_partners_are_two_views_of_one_table(cast: Cast) -> None:
    party_admit(party=cast.alice_party, tier="silver", headline="x", by=cast.mei)
    reef = desk.party("reef")
    memberships_admit(party_ids=[reef.pk, cast.bob_party.pk])
    assert [row.party for row in Creator.objects.order_by("pk")] == [cast.alice_party, cast.bob_party]
    assert [row.party for row in Partner.objects.all()] == [reef]
    assert Membership.objects.count() == 3


def test_channels_are_found_or_opened_and_get_a_colour_of_their_own() -> None:
    news = [NewChannel(code=f"c{i}", name=f"C{i}", kind="partner") for i in range(10)]
    first = channels_ensure(channels=news)
    assert channels_ensure(channels=news) == first
    assert [Channel.objects.get(pk=pk).slot for pk in first.values()] == [1, 2, 3, 4, 5, 6, 7, 8, 0, 0]
    for code, kind, says in (("a b", "partner", "no code"), ("x", "fax", "no kind of channel")):
        with pytest.raises(ChannelError, match=says):
            channels_ensure(channels=[NewChannel(name="", code=code, kind=kind)])
    with pytest.raises(ChannelError, match="“c1” already"):
        channel_create(code="c1", name="", kind="partner")


@pytest.mark.parametrize(
    "there", ["//evil.test", "/\\evil.test", "https://evil.test", "evil", "", "/a b", "/\\/evil.test", "/\t/evil.test",
     "/\n\n/evil.test", "/a\x7f", "/" + "x" * 300],
)  # fmt: skip
def test_a_link_leads_to_a_page_of_this_site(there: str) -> None:
    channel = desk.channel("mail")
    with pytest.raises(ChannelError, match="leads to a page of this site"):
        link_create(channel=channel, destination=there)
    if len(there) < 300:
        with pytest.raises(IntegrityError, match="partners_link_stays_here"), transaction.atomic():
            TrackingLink.objects.create(code="raw", channel=channel, destination=there)


def test_links_belong_to_the_owner_of_their_channel() -> None:
    reef, pier = desk.party("reef"), desk.party("pier")
    channel = desk.channel("reef", reef)
    link = link_create(channel=channel, destination="/courses/python/?lang=zh#top", campaign=" spring ")
    assert (link.owner, len(link.code), link.campaign, str(link)) == (reef, 8, "spring", f"/go/{link.code}")
    with pytest.raises(ChannelError, match="belongs to another party"):
        link_create(channel=channel, owner=pier)
    # A channel of the house may be lent to a partner's link.
    house = desk.channel("mail")
    assert link_create(channel=house, owner=pier, code="pier").owner == pier
    with pytest.raises(ChannelError, match="code is taken"):
        link_create(channel=house, code="pier")
    with pytest.raises(ChannelError, match="no code"):
        link_create(channel=house, code="ö")
    assert not link_activate(link=link, active=False).is_active
    Channel.objects.filter(pk=house.pk).update(is_active=False)
    with pytest.raises(ChannelError, match="is closed"):
        links_create(links=[NewLink(channel_id=house.pk)])


def test_a_coupon_takes_its_percentage_of_the_whole_and_lines_sum_to_it() -> None:
    coupon_create(code="tide15", percent_bp=1_500, starts_at=START)
    quote = coupon_quote(code=" TIDE15 ", amounts=[3_333, 3_333, 3_334], currency="CNY", at=PLACED)
    assert (quote.total, quote.discounts, quote.borne_by) == (1_500, (500, 500, 500), "pool")
    assert coupon_quote(code="tide15", amounts=[0], currency="CNY", at=PLACED).discounts == (0,)


@given(amounts=st.lists(st.integers(0, 10**9), min_size=1, max_size=6), bp=st.integers(1, 10_000), fixed=st.booleans())
@settings(max_examples=examples(60))
def test_discounts_never_exceed_a_line_and_sum_exactly(amounts: list[int], bp: int, fixed: bool) -> None:
    Coupon.objects.all().delete()
    kind: dict[str, Any] = {"amount_minor": bp * 7, "currency": "CNY"} if fixed else {"percent_bp": bp}
    coupon_create(code="ANY", starts_at=START, **kind)
    quote = coupon_quote(code="any", amounts=amounts, currency="CNY", at=PLACED)
    wanted = min(bp * 7, sum(amounts)) if fixed else (2 * sum(amounts) * bp + 10_000) // 20_000
    assert quote.total == wanted
    assert all(0 <= off <= amount for off, amount in zip(quote.discounts, amounts, strict=True))


def test_who_bears_a_coupon_is_an_account_of_the_books() -> None:
    reef = desk.party("reef")
    channel = desk.channel("reef", reef)
    for bearer, account in (("pool", "pool"), ("platform", "platform:promotions"), ("owner", "party:reef")):
        coupon = coupon_create(
            code=f"c-{bearer}",
            amount_minor=500,
            currency="CNY",
            borne_by=bearer,
            owner=reef,
            channel=channel,
            starts_at=START,
        )
        quote = coupon_quote(code=coupon.code, amounts=[300], currency="CNY", at=PLACED)
        assert (quote.borne_by, quote.total, quote.owner_id, quote.channel_id) == (account, 300, reef.pk, channel.pk)


def test_a_coupon_counts_only_while_it_does() -> None:
    coupon = coupon_create(code="MAY", amount_minor=500, currency="CNY", starts_at=START, ends_at=PLACED, max_uses=2)
    refused = [
        ("NONE", "CNY", START, "unknown"),
        ("MAY", "CNY", START - timedelta(seconds=1), "early"),
        ("MAY", "CNY", PLACED, "over"),
        ("MAY", "USD", START, "currency"),
    ]
    for code, currency, at, reason in refused:
        with pytest.raises(CouponError) as caught:
            coupon_quote(code=code, amounts=[1_000], currency=currency, at=at)
        assert caught.value.reason == reason
    for order in ("O-1", "O-1", "O-2"):
        coupon_redeem(code="may", source_kind="order", source_id=order, at=START)
    assert CouponRedemption.objects.count() == 2
    for verb in (
        lambda: coupon_redeem(code="MAY", source_kind="order", source_id="O-3", at=START),
        lambda: coupon_quote(code="MAY", amounts=[1], currency="CNY", at=START),
    ):
        with pytest.raises(CouponError, match="used up"):
            verb()
    coupon_activate(coupon=coupon, active=False)
    with pytest.raises(CouponError, match="is closed"):
        coupon_quote(code="MAY", amounts=[1], currency="CNY", at=START)


def test_many_uses_are_counted_together_and_stop_at_the_limit() -> None:
    coupons_create(
        coupons=[
            NewCoupon(code="A1", percent_bp=1, max_uses=3, starts_at=START),
            NewCoupon(code="B1", percent_bp=1, starts_at=START),
        ]
    )
    uses = [Redemption("a1" if i % 2 else "B1", "order", f"O-{i}", PLACED) for i in range(6)]
    assert [row.source_id for row in coupons_redeem(redemptions=uses)] == [f"O-{i}" for i in range(6)]
    coupons_redeem(redemptions=uses)
    assert CouponRedemption.objects.count() == 6
    with pytest.raises(CouponError, match="“A1” is used up"):
        coupons_redeem(redemptions=[Redemption("B1", "order", "O-7", PLACED), Redemption("A1", "order", "O-8", PLACED)])
    assert CouponRedemption.objects.count() == 6
    with pytest.raises(CouponError, match="no coupon “C1"):
        coupons_redeem(redemptions=[Redemption("C1", "order", "O-9", PLACED)])


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"code": "x"}, "code"),
        ({"code": "A B"}, "code"),
        ({"percent_bp": None}, "kind"),
        ({"amount_minor": 5, "currency": "CNY"}, "kind"),
        ({"percent_bp": 10_001}, "percent"),
        ({"percent_bp": 0}, "percent"),
        ({"percent_bp": None, "amount_minor": 5, "currency": "XXX"}, "amount"),
        ({"percent_bp": None, "amount_minor": 0, "currency": "CNY"}, "amount"),
        ({"borne_by": "owner"}, "bearer"),
        ({"max_uses": 0}, "uses"),
        ({"ends_at": START}, "range"),
        ({"code": "taken"}, "taken"),
    ],
)
def test_a_coupon_that_cannot_be_is_refused(facts: dict[str, Any], reason: str) -> None:
    coupon_create(code="TAKEN", percent_bp=100)
    with pytest.raises(CouponError) as caught:
        coupon_create(**{"code": "GOOD", "percent_bp": 100, "starts_at": START, **facts})
    assert caught.value.reason == reason
    assert Coupon.objects.count() == 1


def test_owners_see_their_own_links_and_coupons_and_everyone_the_channels(
    as_parties: Callable[..., AbstractContextManager[None]],
) -> None:
    reef, pier = desk.party("reef"), desk.party("pier")
    for party in (reef, pier):
        channel = desk.channel(party.code, party)
        link_create(channel=channel, code=f"{party.code}-link")
        coupon = coupon_create(code=party.code, percent_bp=100, owner=party, starts_at=START)
        coupon_redeem(code=coupon.code, source_kind="order", source_id="O-1", at=PLACED)
    with as_parties(reef):
        assert [row.code for row in TrackingLink.objects.all()] == ["reef-link"]
        assert [row.code for row in Coupon.objects.all()] == ["REEF"]
        assert CouponRedemption.objects.count() == 1
        assert [row.party for row in Membership.objects.all()] == [reef]
        assert Channel.objects.count() == 2
        with pytest.raises(Exception, match="row-level security"), transaction.atomic():
            TrackingLink.objects.create(code="stolen", channel=Channel.objects.get(code="pier"), owner=pier)
    with as_parties():
        for model in (TrackingLink, Coupon, CouponRedemption, Membership):
            assert not model.objects.exists()


def test_a_partners_coupon_counts_in_a_channel_of_theirs_or_in_the_houses_for_partners() -> None:
    reef, pier = desk.party("reef"), desk.party("pier")
    house, own = desk.channel("partners"), desk.channel("reef", reef)
    made = coupons_create(
        coupons=[
            NewCoupon(code="REEF", percent_bp=100, owner_id=reef.pk),
            NewCoupon(code="PIER", percent_bp=100, owner_id=pier.pk),
            NewCoupon(code="HOUSE", percent_bp=100),
        ]
    )
    assert [row.channel_id for row in made] == [own.pk, house.pk, None]
