"""Two hold-out tests of the demo's last thirty days, by its known effects: mail by people, social ads by regions."""

from datetime import date, timedelta

from analytics.choices import HoldoutKind, HoldoutSide
from analytics.models import HoldoutTest
from analytics.services import NewArm, holdout_arms_write, holdout_write
from portal.demo.cast import CHANNELS
from portal.demo.people import Cast
from portal.demo.simulate import Year

ORDER_CNY = 24_000
"""What an order is worth, about, in minor units."""

REGIONS = (
    (HoldoutSide.EXPOSED, "Jiangsu", 21_400, 4), (HoldoutSide.EXPOSED, "Zhejiang", 18_900, -5),
    (HoldoutSide.EXPOSED, "Sichuan", 16_200, 1), (HoldoutSide.HELD, "Hubei", 17_300, 3),
    (HoldoutSide.HELD, "Shaanxi", 12_800, -2), (HoldoutSide.HELD, "Yunnan", 10_500, -1),
)  # fmt: skip
"""(side, region, people, how many orders it was off by chance)."""


def make_holdouts(year: Year, cast: Cast) -> None:
    """Mail was kept from one learner in ten; social ads ran in three of six regions."""
    place = {channel.code: index for index, channel in enumerate(CHANNELS)}
    mail = _planned(year.last_day, cast.channels[place["email"]], HoldoutKind.USER_HASH, "Mail, one in ten without",
                    "邮件：十分之一不发", reach_bp=9_000)  # fmt: skip
    caused, people = _a_month(year, "email"), len([joined for joined in year.joined if joined])
    held = people // 10
    rate = 0.045
    sold = [round((people - held) * rate + caused * 0.9), round(held * rate)]
    holdout_arms_write(
        test_id=mail.pk,
        arms=[
            NewArm(side, people=count, orders=number, value_minor=number * ORDER_CNY)
            for side, count, number in zip(
                (HoldoutSide.EXPOSED, HoldoutSide.HELD), (people - held, held), sold, strict=True
            )
        ],
    )
    social = _planned(year.last_day, cast.channels[place["paid-social"]], HoldoutKind.GEO, "Social ads by province",
                      "付费社交：分省测试", reach_bp=5_800)  # fmt: skip
    exposed = sum(count for side, _name, count, _off in REGIONS if side == HoldoutSide.EXPOSED)
    share = _a_month(year, "paid-social") * 0.58 / exposed
    arms = []
    for side, region, count, off in REGIONS:
        before = round(count * 0.006)
        more = round(count * share) if side == HoldoutSide.EXPOSED else 0
        orders = before + more + off
        arms.append(
            NewArm(
                side,
                count,
                region,
                orders=orders,
                value_minor=orders * ORDER_CNY,
                before_orders=before,
                before_value_minor=before * ORDER_CNY,
            )
        )
    holdout_arms_write(test_id=social.pk, arms=arms)


def _a_month(year: Year, channel: str) -> float:
    """Buyers that the channel truly caused in a month."""
    return float(year.truth["channels"][channel]["incremental_buyers"]) / 12


def _planned(last: date, channel: int, kind: str, name: str, name_zh: str, *, reach_bp: int) -> HoldoutTest:
    return holdout_write(
        test=HoldoutTest(
            name=name, name_zh=name_zh, kind=kind, channel_id=channel, since=last - timedelta(days=29), until=last,
            valid_until=last + timedelta(days=335), currency="CNY", share_bp=1_000, reach_bp=reach_bp,
        )
    )  # fmt: skip
