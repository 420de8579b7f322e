"""An agreement's version as numbered clauses in plain English and Chinese, written from the rule itself.

Both languages stand side by side here and not in the catalogues: the text is stored, hashed and accepted, so it must
not depend on the reader's language or on which catalogues are compiled.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from django.conf import settings

from ledger.splits.accounts import (
    CHANNEL,
    DISPUTE_FEES,
    GROUP_PREFIX,
    GUARANTEES,
    PROCESSOR_FEES,
    PROMOTIONS,
    REVENUE,
    TAX,
)
from ledger.splits.describe import describe
from ledger.splits.parse import parse_rule
from partners.choices import PayingModel, Precedence, SelfPurchase


class Names(NamedTuple):
    """What something is called in English and in Chinese."""

    en: str
    zh: str


class WordedClause(NamedTuple):
    """One numbered clause. `path` is the place in the rule that it words, or the name of the version's own field."""

    number: str
    path: str
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Wording:
    """A version in words; `hash` is what parties accept."""

    clauses: tuple[WordedClause, ...]

    @property
    def text(self) -> str:
        """The English text, a line for each clause."""
        return "\n".join(f"§{clause.number} {clause.en}" for clause in self.clauses)

    @property
    def text_zh(self) -> str:
        """The Chinese text, a line for each clause."""
        return "\n".join(f"§{clause.number} {clause.zh}" for clause in self.clauses)

    @property
    def hash(self) -> str:
        """SHA-256 over both texts."""
        return text_hash(self.text, self.text_zh)

    def number_of(self, path: str) -> str:
        """The number of the clause behind a path of the rule; of the longest path that contains it; else empty."""
        fitting = [
            c for c in self.clauses if c.path and (path == c.path or path.startswith((c.path + ".", c.path + "[")))
        ]
        return max(fitting, key=lambda clause: len(clause.path)).number if fitting else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The fields of a version beside its rule."""

    title: Names
    paying_model: str
    window_days: int
    hold_days: int
    precedence: str
    self_purchase: str


MODELS: Mapping[str, Names] = {
    PayingModel.FIRST_TOUCH: Names("first touch", "首次触达"),
    PayingModel.LAST_TOUCH: Names("last touch", "末次触达"),
    PayingModel.LINEAR: Names("linear", "线性平均"),
    PayingModel.U_SHAPE: Names("U-shape (40% first, 40% last, the rest between)", "U 形（首末各 40%，其余均分）"),
    PayingModel.TIME_DECAY: Names("time decay, half-life 7 days", "时间衰减（半衰期 7 天）"),
    PayingModel.SHAPLEY: Names("Shapley value", "Shapley 值"),
    PayingModel.MARKOV: Names("Markov chain", "马尔可夫链"),
}

_HOUSE: Mapping[str, Names] = {
    REVENUE: Names("the platform", "平台"),
    PROMOTIONS: Names("the platform's promotions", "平台推广费用"),
    PROCESSOR_FEES: Names("payment processing", "支付通道"),
    GUARANTEES: Names("the platform's guarantees", "平台保底费用"),
    DISPUTE_FEES: Names("the platform's dispute fees", "平台争议费用"),
    TAX: Names("tax", "税费"),
    CHANNEL: Names("the partners who brought the learner", "带来学员的推广伙伴"),
}

_PRECEDENCE: Mapping[str, Names] = {
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

_SELF_PURCHASE: Mapping[str, Names] = {
    SelfPurchase.REFUSE: Names(
        "Who buys for themselves earns nothing from it; a share of the split then goes to the platform.",
        "本人购买不产生收益，其应得的分成归平台。",
    ),
    SelfPurchase.ALLOW: Names("Who buys for themselves earns as usual.", "本人购买同样产生收益。"),
}


def text_hash(text: str, text_zh: str) -> str:
    """SHA-256 over both texts of a version."""
    return hashlib.sha256(f"{text}\n\n{text_zh}".encode()).hexdigest()


def worded(rule: Mapping[str, Any], terms: Terms, parties: Mapping[str, Names]) -> Wording:
    """Word a version: its whole rule as stored, its other terms, and the names of the parties by code."""
    speaker = _Speaker(terms, parties)
    return Wording(tuple(speaker.clauses(describe(parse_rule(rule)))))


class _Speaker:
    """Words one version; keeps the numbering."""

    def __init__(self, terms: Terms, parties: Mapping[str, Names]) -> None:
        self.terms = terms
        self.parties = parties

    def clauses(self, told: list[dict[str, Any]]) -> Iterator[WordedClause]:
        by_code = {clause["code"]: clause for clause in told}
        yield self._scope(by_code["effective"]["params"], by_code["owner"]["params"])
        yield WordedClause("2", "base", *_BASE)
        yield from self._splits(told)
        yield from self._channels(told)
        yield from self._afterwards(by_code)

    def _scope(self, effective: Mapping[str, Any], owner: Mapping[str, Any]) -> WordedClause:
        title, who = self.terms.title, self._name(owner["account"])
        start = datetime.fromisoformat(effective["start"]).astimezone(ZoneInfo(settings.TIME_ZONE))
        return WordedClause(
            "1",
            "effective_from",
            f"This agreement is about “{title.en}” and belongs to {who.en}. Version {effective['version']} holds for "
            f"orders placed from {format_datetime(start, 'd MMM y, HH:mm', locale='en')} ({settings.TIME_ZONE}) on.",
            f"本协议适用于《{title.zh}》，归属方为{who.zh}。第 {effective['version']} 版适用于"
            f"{format_datetime(start, 'y年M月d日 HH:mm', locale='zh')}（{settings.TIME_ZONE}）起下单的订单。",
        )

    def _splits(self, told: list[dict[str, Any]]) -> Iterator[WordedClause]:
        variants = [clause for clause in told if clause["code"] == "variant"]
        steps = [clause for clause in told if clause["code"] in _STEPS]
        yield from self._steps("3", steps)
        for i, variant in enumerate(variants, 1):
            yield WordedClause(f"3.{i}", variant["path"], *self._when(variant["params"]["when"]))
            yield from self._steps(f"3.{i}", variant["clauses"])
        groups = [clause for clause in told if clause["code"] == "group"]
        for i, group in enumerate(groups, len(steps) + len(variants) + 1):
            yield WordedClause(f"3.{i}", group["path"], *self._group(group["params"]))

    def _steps(self, prefix: str, steps: list[dict[str, Any]]) -> Iterator[WordedClause]:
        for i, step in enumerate(steps, 1):
            yield WordedClause(f"{prefix}.{i}", step["path"], *getattr(self, f"_{step['code']}")(step["params"]))

    def _when(self, when: Mapping[str, Any]) -> Names:
        if not when:
            return Names("For every other sale:", "其他所有销售：")
        en = " and ".join(f"{key} is “{value}”" for key, value in when.items())
        zh = "且".join(f"{key} 为“{value}”" for key, value in when.items())
        return Names(f"For sales of which {en}:", f"满足{zh}的销售：")

    def _fixed(self, params: Mapping[str, Any]) -> Names:
        who = self._name(params["account"])
        return Names(
            f"A fixed amount of {params['amount']} minor units of the order's currency goes to {who.en}, "
            "as far as something is left.",
            f"固定金额 {params['amount']}（订单币种的最小单位）归{who.zh}，以剩余金额为限。",
        )

    def _percent(self, params: Mapping[str, Any]) -> Names:
        who, rate = self._name(params["account"]), percent(params["bp"])
        if params["of"] == "base":
            of = Names("the price after discounts and tax", "扣除优惠与税费后的价格")
        else:
            of = Names("what remains", "剩余金额")
        if params["account"] == CHANNEL:
            return Names(
                f"{rate} of {of.en} is shared among {who.en}, in proportion to their credit. "
                "Credit that belongs to no partner stays in what remains.",
                f"{of.zh}的 {rate} 由{who.zh}按权重分享；不属于任何伙伴的权重留在剩余金额中。",
            )
        return Names(f"{rate} of {of.en} goes to {who.en}.", f"{of.zh}的 {rate} 归{who.zh}。")

    def _processor_fee(self, params: Mapping[str, Any]) -> Names:  # noqa: ARG002 - called by name
        return Names("The payment processor's fee is taken from what remains.", "支付通道费从剩余金额中扣除。")

    def _fee_by_platform(self, params: Mapping[str, Any]) -> Names:  # noqa: ARG002 - called by name
        return Names("The platform bears the payment processor's fee.", "支付通道费由平台承担。")

    def _tiered(self, params: Mapping[str, Any]) -> Names:
        who = self._name(params["account"])
        en = "; ".join(f"{percent(t['bp'])} from {t['from']}" + _upto(t["upto"], " up to ") for t in params["tiers"])
        zh = "；".join(f"自 {t['from']} 起" + _upto(t["upto"], "至 ") + f" {percent(t['bp'])}" for t in params["tiers"])
        how = {
            "marginal": Names("each part of the volume at its own rate", "各区间分别计算"),
            "cliff": Names("the whole sale at the rate reached before it", "整单按销售前所达档位计算"),
        }[params["mode"]]
        return Names(
            f"A share that depends on the volume before the sale goes to {who.en}, {how.en}: {en} (minor units).",
            f"按销售前累计额分档，归{who.zh}，{how.zh}：{zh}（最小货币单位）。",
        )

    def _split(self, params: Mapping[str, Any]) -> Names:
        parties = [party for party in params["parties"] if party["weight"]]
        if len(parties) == 1:
            who = self._name(parties[0]["account"])
            return Names(f"All that remains goes to {who.en}.", f"剩余全部归{who.zh}。")
        en, zh = self._shares(parties)
        return Names(
            f"What remains is shared: {en}. A unit that cannot be divided goes to the largest remainder, "
            "on a tie to who stands earlier.",
            f"剩余金额按比例分成：{zh}。无法整除的最小单位归余数最大者，余数相同归列在前者。",
        )

    def _group(self, params: Mapping[str, Any]) -> Names:
        name, (en, zh) = params["name"], self._shares(params["parties"])
        return Names(
            f"What the group “{name}” gets is shared again, in the same way: {en}.",
            f"小组“{name}”所得按同样方式再分：{zh}。",
        )

    def _shares(self, parties: Sequence[Mapping[str, Any]]) -> Names:
        told = [(self._name(party["account"]), _share(party["share"])) for party in parties if party["weight"]]
        return Names(
            ", ".join(f"{share} to {who.en}" for who, share in told),
            "，".join(f"{who.zh} {share}" for who, share in told),
        )

    def _channels(self, told: list[dict[str, Any]]) -> Iterator[WordedClause]:
        steps = [step for clause in told for step in clause.get("clauses", [clause])]
        if any(step["params"].get("account") == CHANNEL for step in steps):
            model, days = MODELS[self.terms.paying_model], self.terms.window_days
            yield WordedClause(
                "4.1",
                "paying_model",
                f"Credit is given by the model {model.en}, over touches within {days} days before the order.",
                f"权重按{model.zh}模型计算，只计下单前 {days} 天内的触达。",
            )
            yield WordedClause("4.2", "precedence", *_PRECEDENCE[self.terms.precedence])
        yield WordedClause("4.3", "self_purchase", *_SELF_PURCHASE[self.terms.self_purchase])

    def _afterwards(self, by_code: Mapping[str, Mapping[str, Any]]) -> Iterator[WordedClause]:
        numbers = count(1)
        days = self.terms.hold_days
        yield WordedClause(
            f"5.{next(numbers)}",
            "hold_days",
            f"A share becomes available {days} days after the order." if days else "A share is available at once.",
            f"分成在下单 {days} 天后可结算。" if days else "分成即时可结算。",
        )
        if "reserve" in by_code:
            rate = percent(by_code["reserve"]["params"]["bp"])
            yield WordedClause(
                f"5.{next(numbers)}",
                "reserve_bp",
                f"{rate} of each party's share is kept in reserve until it is released.",
                f"各方分成的 {rate} 留作保证金，释放后可结算。",
            )
        for code, clause in _REFUNDS.items():
            if code in by_code:
                who = self._name(by_code[code]["params"]["account"])
                path = by_code[code]["path"]
                yield WordedClause(f"5.{next(numbers)}", path, clause.en.format(who.en), clause.zh.format(who.zh))

    def _name(self, account: str) -> Names:
        if account in _HOUSE:
            return _HOUSE[account]
        if account.startswith(GROUP_PREFIX):
            name = account.removeprefix(GROUP_PREFIX)
            return Names(f"the group “{name}”", f"小组“{name}”")
        code = account.split(":")[1] if account.startswith("party:") else account
        return self.parties.get(code, Names(account, account))


_STEPS = frozenset({"fixed", "percent", "processor_fee", "fee_by_platform", "tiered", "split"})

_BASE = Names(
    "What is shared is the price that the learner pays, without tax. A discount that everyone bears has been taken "
    "off; one that a single side bears is added back and charged to that side.",
    "参与分成的是学员实付价格（不含税）。共同承担的优惠先行扣除；由单方承担的优惠加回后向该方收取。",
)

_REFUNDS: Mapping[str, Names] = {
    "refund_revenue_owner": Names(
        "On a refund the platform keeps its commission; {} bears it.", "退款时平台佣金不退，由{}承担。"
    ),
    "refund_fee_owner": Names(
        "On a refund {} bears the processor's fee that the pool had borne.", "退款时原由各方共担的支付通道费由{}承担。"
    ),
}


def percent(bp: int) -> str:
    """Basis points as a percentage: 3000 is "30%", 3333 is "33.33%"."""
    whole, rest = divmod(bp, 100)
    return f"{whole}%" if not rest else f"{whole}.{f'{rest:02d}'.rstrip('0')}%"


def _share(fraction: str) -> str:
    """An exact fraction as a percentage where two decimals can say it, else as it is."""
    numerator, denominator = (int(part) for part in fraction.split("/"))
    bp, rest = divmod(numerator * 10_000, denominator)
    return fraction if rest else percent(bp)


def _upto(value: int | None, word: str) -> str:
    return "" if value is None else f"{word}{value}"
