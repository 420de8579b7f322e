"""A co-creator leaves from a date on; what a version changes is told in words and in the rule."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django.utils.translation import override

from partners.errors import AgreementError
from partners.models import AgreementVersion, Leave
from partners.selectors import open_leaves, rule_changes, version_before, version_changes
from partners.services import (
    DraftTerms,
    leave_ask,
    version_accept,
    version_decline,
    version_draft,
    version_propose,
    version_put_in_force,
)
from partners.services.leaving import rule_without
from tests.cast import Cast
from tests.partners import desk

pytestmark = pytest.mark.usefixtures("everything")


def agreed(cast: Cast, **terms: Any) -> AgreementVersion:
    cast.alice, cast.bob, cast.carol  # noqa: B018 - take their seats
    steps = [desk.percent("party:bob", 500), desk.split(("party:alice", 60), ("party:bob", 30), ("party:carol", 10))]
    return desk.agreement(parties=[cast.alice_party, cast.bob_party, cast.carol_party], steps=steps, **terms)


def soon(days: int = 10) -> datetime:
    return timezone.now() + timedelta(days=days)


def test_who_leaves_makes_the_version_without_it_for_the_others_to_accept(
    cast: Cast, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    version = agreed(cast, caps=[], reserve_days=30)
    cast.finn  # noqa: B018 - made before anybody's view narrows
    start = soon()
    with as_parties(cast.bob_party):
        leave = leave_ask(agreement=version.agreement, party=cast.bob_party, user=cast.bob, leaves_at=start)
    made = leave.version
    assert (made.state, made.effective.lower, made.created_by, made.reserve_days) == ("proposed", start, cast.bob, 30)
    assert made.rule["steps"] == [desk.split(("party:alice", 60), ("party:carol", 10))]
    assert open_leaves()[0].overdue is False
    for party, user in ((cast.alice_party, cast.alice), (cast.carol_party, cast.carol)):
        with as_parties(party):
            assert Leave.objects.get().party == cast.bob_party
            version_accept(version=made, party=party, user=user, text_hash=made.text_hash)
    assert [row.overdue for row in open_leaves(at=start)] == [True]
    made.refresh_from_db()
    assert version_put_in_force(version=made, by=cast.finn).state == "in_force"
    assert open_leaves(at=start) == []


def test_a_wish_that_was_declined_stays_open_until_some_version_does_without(cast: Cast) -> None:
    version, start = agreed(cast), soon()
    leave = leave_ask(agreement=version.agreement, party=cast.bob_party, user=cast.bob, leaves_at=start)
    version_decline(version=leave.version, party=cast.carol_party, user=cast.carol, reason="Not before June.")
    assert [row.leave for row in open_leaves(at=start)] == [leave]
    terms, rule = DraftTerms(effective_from=start), {"steps": [desk.split(("party:alice", 1))]}
    draft = version_draft(agreement=version.agreement, rule=rule, terms=terms, by=cast.mei)
    other = version_propose(version=draft, by=cast.mei)
    version_accept(version=other, party=cast.alice_party, user=cast.alice, text_hash=other.text_hash)
    version_put_in_force(version=other, by=cast.finn)
    assert open_leaves(at=start) == []


def test_who_leaves_later_does_not_bring_back_who_left_earlier(cast: Cast) -> None:
    agreement = agreed(cast).agreement
    leave_ask(agreement=agreement, party=cast.bob_party, user=cast.bob, leaves_at=soon(10))
    leave = leave_ask(agreement=agreement, party=cast.carol_party, user=cast.carol, leaves_at=soon(20))
    assert leave.version.rule["steps"] == [desk.split(("party:alice", 60))]


def test_a_version_that_was_accepted_before_does_not_bring_back_who_left(cast: Cast) -> None:
    agreement = agreed(cast).agreement
    cast.finn  # noqa: B018
    later = leave_ask(agreement=agreement, party=cast.bob_party, user=cast.bob, leaves_at=soon(20)).version
    people = {"alice": cast.alice, "carol": cast.carol, "bob": cast.bob}

    def signed(version: AgreementVersion, *codes: str) -> AgreementVersion:
        for code in codes:
            party = getattr(cast, f"{code}_party")
            version_accept(version=version, party=party, user=people[code], text_hash=version.text_hash)
        return version

    signed(later, "alice", "carol")
    sooner = leave_ask(agreement=agreement, party=cast.carol_party, user=cast.carol, leaves_at=soon(10)).version
    version_put_in_force(version=signed(sooner, "alice", "bob"), by=cast.finn)
    with pytest.raises(AgreementError, match="accepted version 2 before it asked to"):
        version_put_in_force(version=later, by=cast.finn)
    rule = {"steps": [desk.split(("party:alice", 1), ("party:carol", 1))]}
    draft = version_draft(agreement=agreement, rule=rule, terms=DraftTerms(effective_from=soon(20)), by=cast.mei)
    again = signed(version_propose(version=draft, by=cast.mei), "alice", "carol")
    assert version_put_in_force(version=again, by=cast.finn).state == "in_force"


def test_who_has_left_reads_what_it_shared_and_not_what_the_others_agree_on_later(
    cast: Cast, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    agreement = agreed(cast).agreement
    leave_ask(agreement=agreement, party=cast.bob_party, user=cast.bob, leaves_at=soon(10))

    def proposed(*codes: str) -> None:
        rule = {"steps": [desk.split(*((f"party:{code}", 1) for code in codes))]}
        draft = version_draft(agreement=agreement, rule=rule, terms=DraftTerms(effective_from=soon(30)), by=cast.mei)
        version_propose(version=draft, by=cast.mei)

    proposed("alice", "carol")
    proposed("alice", "bob")
    cast.finn  # noqa: B018
    for party, numbers in ((cast.bob_party, [1, 2, 4]), (cast.carol_party, [1, 2, 3, 4])):
        with as_parties(party):
            assert sorted(AgreementVersion.objects.values_list("number", flat=True)) == numbers


def test_a_wish_that_cannot_be_is_refused(cast: Cast) -> None:
    agreement = agreed(cast).agreement
    bob: dict[str, Any] = {"agreement": agreement, "party": cast.bob_party, "user": cast.bob}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({**bob, "user": cast.alice}, "has a seat in Bob Codes"),
        ({**bob, "party": cast.alice_party, "user": cast.alice}, "owns this agreement and cannot leave it"),
        ({**bob, "leaves_at": soon(-1)}, "a day that has not begun yet"),
    ]
    for said, says in wrong:
        with pytest.raises(AgreementError, match=says):
            leave_ask(**{"leaves_at": soon(), **said})
    leave_ask(**bob, leaves_at=soon())
    with pytest.raises(AgreementError, match="asked to leave already"):
        leave_ask(**bob, leaves_at=soon())
    sole = desk.agreement(
        scope_id="2", parties=[cast.alice_party, cast.bob_party], steps=[desk.split(("party:bob", 1))]
    )
    with pytest.raises(AgreementError, match="Nobody would be left to share"):
        leave_ask(agreement=sole.agreement, party=cast.bob_party, user=cast.bob, leaves_at=soon())
    with pytest.raises(AgreementError, match="Canary Carol is no party of this version"):
        leave_ask(agreement=sole.agreement, party=cast.carol_party, user=cast.carol, leaves_at=soon())


def member(account: str, weight: int = 1) -> dict[str, Any]:
    return {"account": account, "weight": weight}


def test_a_rule_without_a_party_drops_its_steps_and_the_groups_that_it_empties() -> None:
    rule = {
        "variants": [
            {
                "when": {"k": 1},
                "steps": [desk.percent("party:bob", 500), desk.split(("group:team", 1), ("party:a", 1))],
            },
            {"when": {}, "steps": [desk.split(("party:a", 3), ("group:duo", 2))]},
        ],
        "groups": {
            "team": [member("group:solo"), member("party:c", 0)],
            "solo": [member("party:bob")],
            "duo": [member("party:bob"), member("party:c")],
        },
    }
    assert rule_without(rule, {"bob"}) == {
        "variants": [
            {"when": {"k": 1}, "steps": [desk.split(("party:a", 1))]},
            {"when": {}, "steps": [desk.split(("party:a", 3), ("group:duo", 2))]},
        ],
        "groups": {"duo": [member("party:c")]},
    }
    assert rule_without(rule, {"bob", "a", "c"}) is None


def test_a_change_is_told_in_words_and_in_the_rule(cast: Cast) -> None:
    version = agreed(cast)
    steps = [
        desk.percent("channel", 1000, "base"),
        desk.percent("party:bob", 700),
        desk.split(("party:alice", 60), ("party:bob", 30), ("party:carol", 10)),
    ]
    terms = DraftTerms(effective_from=soon(), hold_days=14, caps=[{"per": "order", "minor": 500, "currency": "CNY"}])
    draft = version_draft(agreement=version.agreement, rule={"steps": steps}, terms=terms, by=cast.mei)
    before = version_before(draft)
    assert before == version
    told = [(change.number, change.kind) for change in version_changes(draft, before)]
    assert told == [
        ("3.1", "added"),
        ("3.2", "changed"),
        ("4.1", "added"),
        ("4.2", "added"),
        ("4.4", "added"),
        ("4.5", "added"),
        ("5.1", "changed"),
    ]
    changed = version_changes(draft, before)[1]
    assert (changed.before, changed.after) == (
        "5% of what remains goes to Bob Codes.",
        "7% of what remains goes to Bob Codes.",
    )
    with override("zh-hans"):
        assert version_changes(draft, before)[1].after == "剩余金额的 7% 归鲍勃编程。"
    assert [(row.path, row.kind, row.before, row.after) for row in rule_changes(draft, before)] == [
        ("steps[0]", "added", "", '{"account": "channel", "bp": 1000, "of": "base", "take": "percent"}'),
        ("steps[1].bp", "changed", "500", "700"),
        ("hold_days", "changed", "7", "14"),
        ("caps[0]", "added", "", '{"currency": "CNY", "minor": 500, "per": "order"}'),
    ]
    back = [(row.path, row.kind) for row in rule_changes(before, draft)]
    assert ("steps[0]", "removed") in back
    assert [change.kind for change in version_changes(before, draft)].count("removed") == 5
    assert (version_changes(version, None), rule_changes(version, None)) == ([], [])
