"""An agreement's version as numbered clauses in plain English and Chinese, written from the rule itself.

Both languages stand side by side here and not in the catalogues: the text is stored, hashed and accepted, so it must
not depend on the reader's language or on which catalogues are compiled.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from django.conf import settings

from ledger.splits.accounts import CHANNEL, GROUP_PREFIX
from ledger.splits.describe import describe
from ledger.splits.parse import parse_rule
from partners.choices import MeterPeriod
from partners.selectors.phrases import (
    BASE,
    DUPLICATE,
    HOUSE,
    METERS,
    PRECEDENCE,
    REFUNDS,
    SELF_PURCHASE,
    Names,
    cap_words,
    percent,
    share,
    upto,
    when_words,
)
from partners.selectors.weighing import Weighing, model_words


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

    def as_accepted(self, text: str, text_zh: str) -> "Wording":
        """The same clauses in the words of a stored text, which its parties accepted; new words where it has none."""
        en, zh = (dict(_ACCEPTED.findall(told)) for told in (text, text_zh))
        return Wording(
            tuple(
                clause._replace(en=en.get(clause.number, clause.en), zh=zh.get(clause.number, clause.zh))
                for clause in self.clauses
            )
        )

    def number_of(self, path: str) -> str:
        """The number of the clause behind a path of the rule; of the longest path that contains it; else empty."""
        fitting = [
            c for c in self.clauses if c.path and (path == c.path or path.startswith((c.path + ".", c.path + "[")))
        ]
        return max(fitting, key=lambda clause: len(clause.path)).number if fitting else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The fields of a version beside its rule; `orders` are those that a correction is about."""

    title: Names
    asked: Weighing
    hold_days: int
    precedence: str
    self_purchase: str
    reserve_days: int = 90
    meter: str = MeterPeriod.EVER
    caps: Sequence[Mapping[str, Any]] = ()
    orders: Sequence[str] = ()


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
        # A clause is a line, so no name may break one: what it said on a line of its own would be signed too.
        self.terms = replace(terms, title=_on_one_line(terms.title))
        self.parties = {code: _on_one_line(names) for code, names in parties.items()}

    def clauses(self, told: list[dict[str, Any]]) -> Iterator[WordedClause]:
        by_code = {clause["code"]: clause for clause in told}
        yield self._scope(by_code["effective"]["params"], by_code["owner"]["params"])
        yield WordedClause("2", "base", *BASE)
        yield from self._splits(told)
        yield from self._channels(told)
        yield from self._afterwards(by_code)

    def _scope(self, effective: Mapping[str, Any], owner: Mapping[str, Any]) -> WordedClause:
        title, who = self.terms.title, self._name(owner["account"])
        if self.terms.orders:
            en, zh = ", ".join(self.terms.orders), "、".join(self.terms.orders)
            return WordedClause(
                "1",
                "orders",
                f"This agreement is about “{title.en}” and belongs to {who.en}. Version {effective['version']} "
                f"corrects what these orders were settled under, and holds for no other: {en}.",
                f"本协议适用于《{title.zh}》，归属方为{who.zh}。第 {effective['version']} 版更正以下订单的结算依据，"
                f"不适用于其他订单：{zh}。",
            )
        start = datetime.fromisoformat(effective["start"]).astimezone(ZoneInfo(settings.TIME_ZONE))
        clock = "HH:mm:ss.SSSSSS" if start.microsecond else "HH:mm:ss" if start.second else "HH:mm"
        return WordedClause(
            "1",
            "effective_from",
            f"This agreement is about “{title.en}” and belongs to {who.en}. Version {effective['version']} holds for "
            f"orders placed from {format_datetime(start, f'd MMM y, {clock}', locale='en')} ({settings.TIME_ZONE}) on.",
            f"本协议适用于《{title.zh}》，归属方为{who.zh}。第 {effective['version']} 版适用于"
            f"{format_datetime(start, f'y年M月d日 {clock}', locale='zh')}（{settings.TIME_ZONE}）起下单的订单。",
        )

    def _splits(self, told: list[dict[str, Any]]) -> Iterator[WordedClause]:
        variants = [clause for clause in told if clause["code"] == "variant"]
        steps = [clause for clause in told if clause["code"] in _STEPS]
        yield from self._steps("3", steps)
        for i, variant in enumerate(variants, 1):
            yield WordedClause(f"3.{i}", variant["path"], *self._when(variant["params"]["when"]))
            yield from self._steps(f"3.{i}", variant["clauses"])
        numbers = count(len(steps) + len(variants) + 1)
        for group in told:
            if group["code"] == "group":
                yield WordedClause(f"3.{next(numbers)}", group["path"], *self._group(group["params"]))
        if any(step["code"] == "tiered" for step in (*steps, *(s for v in variants for s in v["clauses"]))):
            yield WordedClause(f"3.{next(numbers)}", "meter", *self._meter())

    def _steps(self, prefix: str, steps: list[dict[str, Any]]) -> Iterator[WordedClause]:
        for i, step in enumerate(steps, 1):
            yield WordedClause(f"{prefix}.{i}", step["path"], *getattr(self, f"_{step['code']}")(step["params"]))

    def _when(self, when: Mapping[str, Any]) -> Names:
        if not when:
            return Names("For every other sale:", "其他所有销售：")
        told = [when_words(key, value) for key, value in when.items()]
        en, zh = " and ".join(name.en for name in told), "且".join(name.zh for name in told)
        return Names(f"For sales {en}:", f"{zh}的销售：")

    def _fixed(self, params: Mapping[str, Any]) -> Names:
        who, amount = self._name(params["account"]), params["amount"]
        hundredths = f"{amount // 100:,}.{amount % 100:02d}"
        return Names(
            f"A fixed amount of {amount:,} of the smallest units of the order's currency ({hundredths} where a hundred "
            f"of them make one) goes to {who.en}, as far as something is left.",
            f"固定金额 {amount:,} 个订单币种的最小单位（百分制币种即 {hundredths}）归{who.zh}，以剩余金额为限。",
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
        en = "; ".join(f"{percent(t['bp'])} from {t['from']:,}" + upto(t["upto"], " up to ") for t in params["tiers"])
        zh = "；".join(
            f"自 {t['from']:,} 起" + upto(t["upto"], "至 ") + f" {percent(t['bp'])}" for t in params["tiers"]
        )
        how = {
            "marginal": Names("each part of the volume at its own rate", "各区间分别计算"),
            "cliff": Names("the whole of it at the rate reached before the sale", "整单按销售前所达档位计算"),
        }[params["mode"]]
        return Names(
            f"A share of what remains, by tiers of the volume before the sale, goes to {who.en}, {how.en}: {en} "
            "(in the smallest units of the sale's currency).",
            f"剩余金额按销售前累计额分档，归{who.zh}，{how.zh}：{zh}（以销售币种的最小单位计）。",
        )

    def _meter(self) -> Names:
        since = METERS[self.terms.meter]
        zone = settings.TIME_ZONE
        return Names(
            f"The volume is what all sales under this agreement came to before the split, {since.en.format(zone)}, in "
            "the sale's currency; refunds do not lower it.",
            f"累计额为本协议下{since.zh.format(zone)}同币种全部销售的分成前金额，退款不予扣减。",
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
        told = [(self._name(party["account"]), share(party["share"])) for party in parties if party["weight"]]
        return Names(
            ", ".join(f"{share} to {who.en}" for who, share in told),
            "，".join(f"{who.zh} {share}" for who, share in told),
        )

    def _channels(self, told: list[dict[str, Any]]) -> Iterator[WordedClause]:
        steps = [step for clause in told for step in clause.get("clauses", [clause])]
        channels = any(step["params"].get("account") == CHANNEL for step in steps)
        if channels:
            model, days = model_words(self.terms.asked), self.terms.asked.window_days
            yield WordedClause(
                "4.1",
                "paying_model",
                f"Credit is given by the model {model.en}, over touches within {_days(days)} before the order.",
                f"权重按{model.zh}模型计算，只计下单前 {days} 天内的触达。",
            )
            yield WordedClause("4.2", "precedence", *PRECEDENCE[self.terms.precedence])
        yield WordedClause("4.3", "self_purchase", *SELF_PURCHASE[self.terms.self_purchase])
        if channels:
            yield WordedClause("4.4", "duplicate", *DUPLICATE)
        if self.terms.caps:
            yield WordedClause("4.5", "caps", *self._caps())

    def _caps(self) -> Names:
        told = [cap_words(cap) for cap in self.terms.caps]
        return Names(
            f"A partner earns by bringing learners at most {', '.join(cap.en for cap in told)}. What lies above stays "
            "in what remains; a refund makes no new room.",
            f"推广伙伴因带来学员所得的上限：{'，'.join(cap.zh for cap in told)}。"
            "超出部分留在剩余金额中，退款不恢复额度。",
        )

    def _afterwards(self, by_code: Mapping[str, Mapping[str, Any]]) -> Iterator[WordedClause]:
        numbers = count(1)
        days = self.terms.hold_days
        yield WordedClause(
            f"5.{next(numbers)}",
            "hold_days",
            f"A share becomes available {_days(days)} after the order." if days else "A share is available at once.",
            f"分成在下单 {days} 天后可结算。" if days else "分成即时可结算。",
        )
        if "reserve" in by_code:
            rate, kept = percent(by_code["reserve"]["params"]["bp"]), self.terms.reserve_days
            yield WordedClause(
                f"5.{next(numbers)}",
                "reserve_bp",
                f"{rate} of each party's share is kept in reserve for refunds until {_days(kept)} after the order.",
                f"各方分成的 {rate} 留作保证金，用于退款，下单 {kept} 天后释放。",
            )
        for code, clause in REFUNDS.items():
            if code in by_code:
                who = self._name(by_code[code]["params"]["account"])
                path = by_code[code]["path"]
                yield WordedClause(f"5.{next(numbers)}", path, clause.en.format(who.en), clause.zh.format(who.zh))

    def _name(self, account: str) -> Names:
        if account in HOUSE:
            return HOUSE[account]
        if account.startswith(GROUP_PREFIX):
            name = account.removeprefix(GROUP_PREFIX)
            return Names(f"the group “{name}”", f"小组“{name}”")
        code = account.split(":")[1] if account.startswith("party:") else account
        return self.parties.get(code, Names(account, account))


def _days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def _on_one_line(names: Names) -> Names:
    return Names(*(" ".join(name.split()) for name in names))


_ACCEPTED = re.compile(r"^§(\S+) (.+)$", re.MULTILINE)
_STEPS = frozenset({"fixed", "percent", "processor_fee", "fee_by_platform", "tiered", "split"})
