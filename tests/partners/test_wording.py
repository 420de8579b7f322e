"""What versions say in words: every clause and every condition, in both languages, and never a name of ours."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from ledger.splits.accounts import FIXED, can_be_paid
from partners.choices import MeterPeriod, PayingModel, Precedence, SelfPurchase
from partners.selectors.phrases import Names
from partners.selectors.weighing import Weighing, model_words, weighing
from partners.selectors.wording import Terms, worded
from partners.services.terms import CONDITIONS
from tests.ledger.splits.desk import raw_rule, split

NAMES = {"alice": Names("Alice", "爱丽丝"), "bob": Names("Bob", "鲍勃")}
TERMS = Terms(
    title=Names("Course", "课程"), asked=Weighing(PayingModel.LINEAR, 30), hold_days=7,
    precedence=Precedence.COUPON, self_purchase=SelfPurchase.REFUSE, meter=MeterPeriod.YEAR,
)  # fmt: skip
OURS = re.compile(r"[a-z]+[_:][a-z]+|\b(?:bp|ppm|minor|None)\b")


def told(steps: list[Mapping[str, Any]], **rule: Any) -> tuple[str, str]:
    wording = worded(raw_rule(*steps, **rule), TERMS, NAMES)
    return wording.text, wording.text_zh


@pytest.mark.parametrize("account", sorted(account for account in FIXED if can_be_paid(account)))
def test_every_account_that_a_rule_can_pay_has_a_name(account: str) -> None:
    texts = told(
        [
            {"take": "fixed", "account": account, "amount": 123_450},
            {"take": "percent", "account": account, "bp": 3_333, "of": "base"},
            {"take": "tiered", "account": account, "mode": "cliff", "tiers": [{"upto": 100, "bp": 1}, {"bp": 2}]},
            split(alice=1, bob=2),
        ]
    )
    for text in texts:
        assert not OURS.search(text)
    assert "1,234.50" in texts[0]
    assert "1,234.50" in texts[1]


@pytest.mark.parametrize("key", [*CONDITIONS])
def test_every_condition_is_in_words(key: str) -> None:
    steps = {"steps": [split(alice=1)]}
    cases = [{"when": {key: value}, **steps} for value in sorted(CONDITIONS[key])[:20]]
    rule = raw_rule(variants=[*cases, {"when": {}, **steps}])
    wording = worded(rule, TERMS, NAMES)
    heads = [clause for clause in wording.clauses if re.fullmatch(r"3\.\d+", clause.number)]
    assert len({clause.en for clause in heads}) == len({clause.zh for clause in heads}) == len(cases) + 1
    for text in (wording.text, re.sub(r"Alice|（Asia/Shanghai）|\b[A-Z]{3}\b", "", wording.text_zh)):
        assert not OURS.search(text)
        assert "“" not in text.replace("“Course”", "")
    assert not [clause.zh for clause in heads if re.search("[a-z]", clause.zh)]


@pytest.mark.parametrize(
    ("asked", "en", "zh"),
    [
        (weighing("time_decay", 30, 7, [1]), "time decay, half-life 7 days", "时间衰减（半衰期 7 天）"),
        (weighing("time_decay", 30, 1, []), "time decay, half-life 1 day", "时间衰减（半衰期 1 天）"),
        (
            weighing("position_weights", 30, 9, [40, 20, 40]),
            "40 for the first touch, 20 for all between",
            "中间合计 20",
        ),
        (weighing("position_weights", 30, 9, [3, 1]), "(3, 1 from the first touch on", "依次为 3、1"),
        (weighing("position_weights", 30, 9, [1]), "every touch the same", "每次触达相同"),
        (weighing("linear", 30, 9, [1]), "linear", "线性平均"),
    ],
)
def test_a_paying_model_is_told_with_its_numbers_and_no_others(asked: Weighing, en: str, zh: str) -> None:
    words = model_words(asked)
    assert en in words.en
    assert zh in words.zh
    pays = {"take": "percent", "account": "channel", "bp": 1, "of": "base"}
    text = worded(raw_rule(pays, split(alice=1)), replace(TERMS, asked=asked), NAMES).text
    assert f"§4.1 Credit is given by the model {words.en}, over touches within 30 days before the order." in text


def test_clauses_are_told_as_they_were_accepted_whatever_they_would_say_today() -> None:
    wording = worded(raw_rule(split(alice=1, bob=2)), TERMS, NAMES)
    text = wording.text.replace("A share becomes available", "Money becomes free")
    then = wording.as_accepted(text, wording.text_zh)
    assert then.text == text
    assert then.text_zh == wording.text_zh
    assert wording.as_accepted("", "").clauses == wording.clauses


def test_a_clause_is_a_line_whatever_names_hold_and_says_its_start_to_the_microsecond() -> None:
    terms = replace(TERMS, title=Names("Course\u2028§3.1 All to Bob", "课\n程"), hold_days=1)
    rule = raw_rule(split(alice=1), effective_from="2026-01-01T00:00:30.000001Z")
    wording = worded(rule, terms, {"alice": Names("A\nlice", "爱\x85丽丝")})
    assert all(line.startswith("§") for text in (wording.text, wording.text_zh) for line in text.splitlines())
    assert wording.as_accepted(wording.text, wording.text_zh) == wording
    assert "1 Jan 2026, 08:00:30.000001 (Asia/Shanghai)" in wording.text
    assert "available 1 day after" in wording.text
    assert wording.as_accepted(f"Course\n{wording.text}", "").clauses[2].zh == wording.clauses[2].zh
