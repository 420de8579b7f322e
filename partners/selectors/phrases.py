"""Phrases of agreements in English and Chinese, side by side: the words that clauses are made of."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from babel.numbers import format_currency
from django.conf import settings

from ledger.money import decimal_from_minor
from ledger.splits.accounts import (
    CHANNEL,
    DEFERRED,
    DISPUTE_FEES,
    FX_RESULT,
    GUARANTEES,
    PROCESSOR_FEES,
    PROMOTIONS,
    REVENUE,
    TAX,
    WITHHOLDING,
)
from partners.choices import CapPeriod, ChannelKind, MeterPeriod, PayingModel, Precedence, SelfPurchase


class Names(NamedTuple):
    """What something is called in English and in Chinese."""

    en: str
    zh: str


MODELS: Mapping[str, Names] = {
    PayingModel.FIRST_TOUCH: Names("first touch", "首次触达"),
    PayingModel.LAST_TOUCH: Names("last touch", "末次触达"),
    PayingModel.LAST_NON_DIRECT: Names("last touch that was not direct", "末次非直接触达"),
    PayingModel.LINEAR: Names("linear", "线性平均"),
    PayingModel.U_SHAPE: Names("U-shape (40% first, 40% last, the rest between)", "U 形（首末各 40%，其余均分）"),
    PayingModel.SHAPLEY: Names("Shapley value", "Shapley 值"),
    PayingModel.MARKOV: Names("Markov chain", "马尔可夫链"),
    PayingModel.COUNTERFACTUAL: Names("what a channel adds (conversion model)", "渠道增量（转化模型）"),
}
"""Of paying models without numbers of their own; `weighing.model_words` knows all."""

HOUSE: Mapping[str, Names] = {
    REVENUE: Names("the platform", "平台"),
    PROMOTIONS: Names("the platform's promotions", "平台推广费用"),
    PROCESSOR_FEES: Names("payment processing", "支付通道"),
    GUARANTEES: Names("the platform's guarantees", "平台保底费用"),
    DISPUTE_FEES: Names("the platform's dispute fees", "平台争议费用"),
    FX_RESULT: Names("the platform's exchange results", "平台汇兑损益"),
    TAX: Names("tax", "税费"),
    WITHHOLDING: Names("tax withheld", "代扣税款"),
    DEFERRED: Names("subscription revenue still to be shared", "待分配的订阅收入"),
    CHANNEL: Names("the partners who brought the learner", "带来学员的推广伙伴"),
}

PRECEDENCE: Mapping[str, Names] = {
    Precedence.COUPON: Names(
        "Where a coupon of one partner meets the link of another, the coupon's owner is paid, never both.",
        "优惠码与推广链接分属不同伙伴时，归优惠码所有者，绝不重复支付。",
    ),
    Precedence.LINK: Names(
        "Where a coupon of one partner meets the link of another, the link's side is paid, never both.",
        "优惠码与推广链接分属不同伙伴时，归推广链接一方，绝不重复支付。",
    ),
    Precedence.LATEST: Names(
        "Where a coupon of one partner meets the link of another, whichever came last is paid, never both.",
        "优惠码与推广链接分属不同伙伴时，以最后发生者为准，绝不重复支付。",
    ),
}

SELF_PURCHASE: Mapping[str, Names] = {
    SelfPurchase.REFUSE: Names(
        "Who buys for themselves earns nothing from it; a share of the split then goes to the platform.",
        "本人购买不产生收益，其应得的分成归平台。",
    ),
    SelfPurchase.ALLOW: Names("Who buys for themselves earns as usual.", "本人购买同样产生收益。"),
}


DUPLICATE = Names(
    "A learner is brought to a course once: of a second sale of a course that the learner has bought and kept, nobody "
    "is the one who brought them.",
    "同一学员只会被带到同一课程一次：学员已购且未退的课程再次售出时，不计任何人带来。",
)

BASE = Names(
    "What is shared is the price that the learner pays, without tax. A discount that everyone bears has been taken "
    "off; one that a single side bears is added back and charged to that side.",
    "参与分成的是学员实付价格（不含税）。共同承担的优惠先行扣除；由单方承担的优惠加回后向该方收取。",
)

METERS: Mapping[str, Names] = {
    MeterPeriod.EVER: Names("since it began", "自始以来"),
    MeterPeriod.YEAR: Names("in the calendar year of the order ({})", "下单所在自然年（{}）"),
    MeterPeriod.MONTH: Names("in the calendar month of the order ({})", "下单所在自然月（{}）"),
}

WHEN: Mapping[tuple[str, Any], Names] = {
    ("brought_by", "owner"): Names("that the owner's own link or coupon brought", "由归属方自己的链接或优惠码带来"),
    ("brought_by", "partner"): Names("that a partner brought", "由推广伙伴带来"),
    ("brought_by", "platform"): Names("that no partner brought", "没有推广伙伴带来"),
    ("channel_kind", ""): Names("whose way to us is not known", "来源未知"),
}

CAME_BY: Mapping[str, Names] = {
    ChannelKind.DIRECT: Names("directly", "直接访问"),
    ChannelKind.ORGANIC_SEARCH: Names("organic search", "自然搜索"),
    ChannelKind.PAID_SEARCH: Names("paid search", "付费搜索"),
    ChannelKind.PAID_SOCIAL: Names("paid social posts", "付费社交"),
    ChannelKind.ORGANIC_SOCIAL: Names("social posts", "社交媒体"),
    ChannelKind.EMAIL: Names("email", "邮件"),
    ChannelKind.PARTNER: Names("partner links", "伙伴链接"),
    ChannelKind.REFERRAL: Names("referral", "外部推荐"),
    ChannelKind.DISPLAY: Names("display ads", "展示广告"),
    ChannelKind.VIDEO: Names("video", "视频"),
    ChannelKind.EVENT: Names("events", "活动"),
    ChannelKind.RECOMMENDATION: Names("recommendations here", "站内推荐"),
}

REFUNDS: Mapping[str, Names] = {
    "refund_revenue_owner": Names(
        "On a refund the platform keeps its commission; {} bears it.", "退款时平台佣金不退，由{}承担。"
    ),
    "refund_fee_owner": Names(
        "On a refund {} bears the processor's fee that the pool had borne.", "退款时原由各方共担的支付通道费由{}承担。"
    ),
}


def when_words(key: str, value: Any) -> Names:
    """One condition on a sale."""
    if key == "channel_kind" and value in CAME_BY:
        by = CAME_BY[value]
        if value == ChannelKind.DIRECT:
            return Names("whose learner came directly", f"学员经{by.zh}而来")
        return Names(f"whose learner came by {by.en}", f"学员经{by.zh}而来")
    if key == "currency":
        return Names(f"paid in {value}", f"以 {value} 支付")
    return WHEN.get((key, value), Names(f"of which {key} is “{value}”", f"{key} 为“{value}”"))


def percent(bp: int) -> str:
    """Basis points as a percentage: 3000 is "30%", 3333 is "33.33%"."""
    whole, rest = divmod(bp, 100)
    return f"{whole}%" if not rest else f"{whole}.{f'{rest:02d}'.rstrip('0')}%"


def share(fraction: str) -> str:
    """An exact fraction as a percentage where two decimals can say it, else as it is."""
    numerator, denominator = (int(part) for part in fraction.split("/"))
    bp, rest = divmod(numerator * 10_000, denominator)
    return fraction if rest else percent(bp)


def upto(value: int | None, word: str) -> str:
    """The upper end of a tier after a word, or nothing where it is open."""
    return "" if value is None else f"{word}{value:,}"


def cap_words(cap: Mapping[str, Any]) -> Names:
    """One cap, with the amount as each language writes it."""
    currency = cap["currency"]
    amount = Decimal(decimal_from_minor(cap["minor"], currency))
    en, zh = (format_currency(amount, currency, locale=locale) for locale in ("en_US", "zh_Hans_CN"))
    if cap["per"] == CapPeriod.ORDER:
        return Names(f"{en} from one order in {currency}", f"{currency} 订单每单 {zh}")
    zone = settings.TIME_ZONE
    return Names(
        f"{en} from orders in {currency} of one calendar month ({zone})", f"{currency} 订单每自然月（{zone}）{zh}"
    )
