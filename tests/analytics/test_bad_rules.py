"""A rule that cannot be applied is refused at every door, with the clause named: verb, form, and both commands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ledger.services.rehearsal import rehearse
from ledger.splits.preview import PreviewError, preview
from partners.errors import RuleRefusedError
from partners.models import Agreement, AgreementVersion
from partners.services import DraftTerms, version_draft
from tests.cast import Cast
from tests.partners import desk

pytestmark = pytest.mark.usefixtures("everything")

REST = desk.split(("party:alice", 1))
FEE = {"take": "processor_fee"}


def when(*conditions: Any) -> dict[str, Any]:
    return {"variants": [{"when": condition, "steps": [REST]} for condition in conditions]}


def tiers(*rows: Any) -> dict[str, Any]:
    return {"steps": [{"take": "tiered", "account": "platform:revenue", "mode": "cliff", "tiers": list(rows)}, REST]}


def groups(**named: Any) -> dict[str, Any]:
    return {"steps": [desk.split(("group:team", 1))], "groups": named}


EVERYWHERE: dict[str, tuple[dict[str, Any], str]] = {
    "weights of zero": ({"steps": [desk.split(("party:alice", 0))]}, "steps[0].parties gives every party weight zero"),
    "a weight below zero": ({"steps": [desk.split(("party:alice", -1))]}, "parties[0].weight must be at least 0"),
    "over 100 %": ({"steps": [desk.percent("platform:revenue", 10_001), REST]}, "steps[0].bp must be at most 10000"),
    "a remainder": ({"steps": [desk.percent("platform:revenue", 1)]}, "steps[0] can leave money"),
    "no steps": ({"steps": []}, "steps must not be empty"),
    "an unknown account": ({"steps": [desk.percent("platform:moon", 1), REST]}, "steps[0].account names no account"),
    "an account of money": ({"steps": [desk.split(("bank:operating", 1))]}, "an account that no rule may pay"),
    "a step after the split": ({"steps": [REST, FEE]}, "steps[0] splits everything that is left"),
    "an unknown step": ({"steps": [{"take": "gift"}, REST]}, "steps[0].take is not a step that exists"),
    "a float": (
        {"steps": [{**REST, "parties": [{**REST["parties"][0], "weight": 0.5}]}]},
        "steps[0].parties[0].weight must be a whole number",
    ),
    "tiers in disorder": (tiers({"upto": 9, "bp": 1}, {"upto": 5, "bp": 1}, {"bp": 1}), "steps[0].tiers[1].upto"),
    "tiers without an end": (tiers({"upto": 9, "bp": 1}), "steps[0].tiers[0].upto must be left open"),
    "parties in a circle": (
        groups(team=[{"account": "group:crew", "weight": 1}], crew=[{"account": "group:team", "weight": 1}]),
        "makes the group team a member of itself",
    ),
    "an unknown group": ({"steps": [desk.split(("group:nobody", 1))]}, "names no group of this rule"),
}  # fmt: skip
"""Rules that no engine could apply, and what is said of them."""

DRAFTS: dict[str, tuple[dict[str, Any], str]] = {
    "a gap": (when({"brought_by": "owner"}), "variants do not match every sale"),
    "nothing after all": (when({}, {"brought_by": "owner"}), "variants[1] can never be reached"),
    "the same twice": (
        when({"brought_by": "owner"}, {"brought_by": "owner"}, {}),
        "variants[1] can never be reached, because variants[0] matches all of its sales before",
    ),
    "the narrower after the wider": (
        when({"brought_by": "owner"}, {"brought_by": "owner", "channel_kind": "email"}, {}), "variants[1] can never",
    ),
    "bases of 120 %": (
        {"steps": [desk.percent(account, 6_000, "base") for account in ("platform:revenue", "platform:promotions")]
                  + [REST]},
        "steps[1].bp takes the percentages of the whole base to 12000 bp",
    ),
    "the fee twice": ({"steps": [FEE, FEE, REST]}, "steps[1] takes the processor's fee a second time"),
    "a long name": (
        {"steps": [desk.split(("group:" + "g" * 33, 1))], "groups": {"g" * 33: REST["parties"]}},
        "is longer than 32 letters",
    ),
}  # fmt: skip
"""Rules that could be applied and yet cannot be meant."""

OURS: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown field": (when({"colour": "red"}, {}), "variants[0].when.colour is not a field"),
    "an unknown value": (when({"brought_by": "nobody"}, {}), "variants[0].when.brought_by must be one of"),
    "somebody outside": ({"steps": [desk.split(("party:carol", 1))]}, "steps[0].parties[0] pays party:carol"),
    "no such party": ({"steps": [desk.split(("party:nemo", 1))]}, "pays party:nemo, but there is no such party"),
    "a zero letter": ({"steps": [desk.split(("party:a\0b", 1))]}, "steps[0].parties[0].account names no account"),
}
"""Rules that no agreement of this house can carry out."""


@pytest.fixture
def agreement(cast: Cast) -> Agreement:
    cast.carol  # noqa: B018
    return desk.agreement(parties=[cast.alice_party, cast.bob_party], steps=[REST]).agreement


def cases(*tables: dict[str, tuple[dict[str, Any], str]]) -> Any:
    rows = [(name, *row) for table in tables for name, row in table.items()]
    return pytest.mark.parametrize(("rule", "says"), [row[1:] for row in rows], ids=[row[0] for row in rows])


@cases(EVERYWHERE, DRAFTS, OURS)
def test_the_verb_refuses_it(agreement: Agreement, cast: Cast, rule: dict[str, Any], says: str) -> None:
    with pytest.raises(RuleRefusedError) as refused:
        version_draft(agreement=agreement, rule=rule, terms=DraftTerms(effective_from=desk.PLACED), by=cast.mei)
    assert says in str(refused.value)


def test_the_form_says_the_same_and_keeps_nothing(agreement: Agreement, cast: Cast) -> None:
    mei = cast.client_of(cast.mei)
    before = AgreementVersion.objects.count()
    some = [*list(EVERYWHERE.values())[::4], DRAFTS["the same twice"], OURS["an unknown field"]]
    texts = [
        *((json.dumps(rule), says) for rule, says in some),
        ("{", "This is no JSON: look at line 1, column 2."),
        ("[" * 100_000, "This JSON cannot be kept"),
        ('{"steps": ' + "9" * 5_000 + "}", "This JSON cannot be kept"),
        ('{"steps": [], "steps": []}', "This JSON cannot be kept"),
        ('{"id": "\\u0000"}', "This JSON cannot be kept"),
        ("[]", "A rule is an object with steps or variants."),
    ]  # fmt: skip
    for text, says in texts:
        response = mei.post(
            "/admin/partners/agreementversion/add/",
            {"agreement": agreement.pk, "effective_from": "2026-06-01T00:00", "channel_percent": "0",
             "platform_percent": "30", "platform_of": "remaining", "shares": "", "rule": text,
             "paying_model": "last_touch", "window_days": "30", "hold_days": "7", "precedence": "coupon",
             "self_purchase": "refuse", "reserve_percent": "0", "reserve_days": "90", "caps": "", "meter": "ever",
             "note": ""},
        )  # fmt: skip
        assert response.status_code == 200, says
        told = " ".join(str(error) for errors in response.context["form"].errors.values() for error in errors)
        assert says in told, (says, told)
    assert AgreementVersion.objects.count() == before


@cases(EVERYWHERE, DRAFTS)
def test_a_what_if_refuses_it(agreement: Agreement, tmp_path: Path, rule: dict[str, Any], says: str) -> None:
    path = tmp_path / "question.json"
    path.write_text(json.dumps({"agreement": agreement.code, "rule": rule}))
    with pytest.raises(CommandError) as refused:
        call_command("replay", "--agreement", str(path), "--from", "2026-03-01", "--to", "2026-03-02")
    assert says in str(refused.value)


@pytest.mark.parametrize("engine", [preview, rehearse])
def test_a_preview_names_case_rule_and_clause(engine: Callable[[object], Any]) -> None:
    head = {"id": "r", "version": 1, "effective_from": "2026-01-01T00:00:00Z", "owner": "party:alice"}
    for rule, says in EVERYWHERE.values():
        case = {"id": "A", "rules": [{**head, **rule}], "events": []}
        with pytest.raises(PreviewError) as refused:
            engine({"format": "golden-splits/1", "cases": [case]})
        assert "case A: rules[0]" in str(refused.value)
        assert says.removeprefix("steps") in str(refused.value)


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a": ' + "9" * 5_000 + "}", '{"agreement": "\\u0000"}', '{"agreement": "\\ud800"}', "NaN"]
)
def test_a_what_if_reads_no_text_that_no_database_keeps(tmp_path: Path, text: str) -> None:
    path = tmp_path / "question.json"
    path.write_text(text)
    with pytest.raises(CommandError, match=r"question\.json: "):
        call_command("replay", "--agreement", str(path), "--from", "2026-03-01", "--to", "2026-03-02")


@pytest.mark.parametrize(
    ("change", "taken"), [({"list_price": 10**25}, False), ({"order": "o" * 300}, True), ({"channel": "x" * 300}, True)]
)
def test_what_the_books_cannot_hold_is_refused_in_a_sentence(change: dict[str, Any], taken: bool) -> None:
    head = {"id": "r", "version": 1, "effective_from": "2026-01-01T00:00:00Z", "owner": "party:alice"}
    sale = {"type": "sale", "order": "o", "placed_at": "2026-02-01T00:00:00Z", "currency": "CNY", "list_price": 1_000}
    steps = [desk.percent("channel", 1_000, "base"), REST]
    case = {"id": "A", "rules": [{**head, "steps": steps}], "events": [sale | change]}
    document = {"format": "golden-splits/1", "cases": [case]}
    if taken:
        assert list(rehearse(document)["cases"]) == ["A"]
        return
    with pytest.raises(PreviewError, match="case A, event 0"):
        rehearse(document)
