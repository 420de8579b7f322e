"""Agreements: drafted, proposed in words, accepted by every party, put in force by a second person."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import OutboxEvent
from partners.errors import AgreementError, RuleRefusedError
from partners.models import Acceptance, Agreement, AgreementParty, AgreementVersion
from partners.selectors import terms_as_known
from partners.selectors.wording import text_hash
from partners.services import (
    DraftTerms,
    agreement_create,
    agreement_party_add,
    agreements_establish,
    earnings_settle,
    version_accept,
    version_draft,
    version_propose,
    version_put_in_force,
    version_redraft,
    version_withdraw,
)
from tests.cast import Cast
from tests.partners import desk
from tests.partners.desk import PLACED, START

pytestmark = pytest.mark.usefixtures("everything")

RULE = {"steps": desk.THIRTY}


@pytest.fixture
def shared(cast: Cast) -> Agreement:
    """Alice owns it, bob is in it."""
    cast.alice  # noqa: B018 - takes her seat
    cast.bob  # noqa: B018
    return agreement_create(
        code="python",
        title="Python",
        title_zh="Python 入门",
        owner=cast.alice_party,
        scope_id="1",
        parties=[cast.bob_party],
    )


def drafted(agreement: Agreement, cast: Cast, **terms: Any) -> AgreementVersion:
    return version_draft(
        agreement=agreement, rule=RULE, terms=DraftTerms(**({"effective_from": START} | terms)), by=cast.mei
    )


def accepted(version: AgreementVersion, cast: Cast) -> AgreementVersion:
    version = version_propose(version=version, by=cast.mei)
    for party, user in ((cast.alice_party, cast.alice), (cast.bob_party, cast.bob)):
        version_accept(version=version, party=party, user=user, text_hash=version.text_hash)
    version.refresh_from_db()
    return version


def test_a_version_lives_from_draft_to_in_force(shared: Agreement, cast: Cast) -> None:
    version = drafted(shared, cast)
    assert (version.number, version.state, version.rule["owner"]) == (1, "draft", "party:alice")
    version = version_propose(version=version, by=cast.mei)
    assert version.text_hash == text_hash(version.text, version.text_zh)
    version_accept(version=version, party=cast.alice_party, user=cast.alice, text_hash=version.text_hash)
    version.refresh_from_db()
    assert version.state == "proposed"
    version_accept(version=version, party=cast.bob_party, user=cast.bob, text_hash=version.text_hash)
    version.refresh_from_db()
    assert version.state == "accepted"
    version = version_put_in_force(version=version, by=cast.finn)
    assert (version.state, version.approved_by, version.created_by) == ("in_force", cast.finn, cast.mei)
    assert OutboxEvent.objects.filter(name="agreement.in_force", key=str(version.pk)).count() == 1


def test_the_text_says_the_rule_in_both_languages(shared: Agreement, cast: Cast) -> None:
    text, text_zh = (
        getattr(version_propose(version=drafted(shared, cast, paying_model="time_decay"), by=cast.mei), field)
        for field in ("text", "text_zh")
    )
    for sentence in (
        "“Python” and belongs to Alice Studio",
        "§3.1 10% of the price after discounts and tax is shared among the partners who brought the learner",
        "§3.2 The payment processor's fee is taken from what remains.",
        "§3.3 30% of what remains goes to the platform.",
        "§3.4 What remains is shared: 80% to Alice Studio, 20% to Bob Codes.",
        "§4.1 Credit is given by the model time decay, half-life 7 days, over touches within 30 days",
        "§5.1 A share becomes available 7 days after the order.",
    ):
        assert sentence in text
    for sentence in ("《Python 入门》", "归平台", "爱丽丝工作室 80%，鲍勃编程 20%", "下单 7 天后可结算", "时间衰减"):
        assert sentence in text_zh


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([desk.split(("party:alice", 0))], r"steps\[0\]\.parties gives every party weight zero"),
        (
            [desk.percent("party:alice", 10_001), desk.split(("party:alice", 1))],
            r"steps\[0\]\.bp must be at most 10000",
        ),
        ([desk.percent("party:alice", 500)], r"steps\[0\] can leave money that belongs to nobody"),
        (
            [desk.split(("processor:clearing", 1))],
            r"steps\[0\]\.parties\[0\]\.account names an account that no rule may pay",
        ),
        (
            [desk.split(("party:carol", 1))],
            r"steps\[0\]\.parties\[0\] pays party:carol, but there is no such party",
        ),
        ([], "steps must not be empty"),
    ],
)
def test_a_rule_that_cannot_be_applied_is_refused_with_its_clause(
    shared: Agreement, cast: Cast, steps: list[Any], says: str
) -> None:
    with pytest.raises(RuleRefusedError, match=says):
        version_draft(agreement=shared, rule={"steps": steps}, terms=DraftTerms(effective_from=START), by=cast.mei)
    assert not shared.versions.exists()


def test_a_rule_that_names_another_owner_start_or_hold_than_its_version_is_refused(
    shared: Agreement, cast: Cast
) -> None:
    same = {"owner": "party:alice", "hold_days": 7, "effective_from": "2026-01-01T08:00:00+08:00", "version": 9}
    terms = DraftTerms(effective_from=START, hold_days=7)
    version = version_draft(agreement=shared, rule={**RULE, **same}, terms=terms, by=cast.mei)
    assert (version.rule["version"], version.rule["hold_days"]) == (1, 7)
    for name, value in (("owner", "party:bob"), ("hold_days", 30), ("effective_from", "2026-02-01T00:00:00Z")):
        with pytest.raises(RuleRefusedError, match=f"{name} is {value!r} in the rule, but the version says"):
            version_redraft(version=version, rule={**RULE, name: value}, terms=terms, by=cast.mei)


def test_only_a_draft_changes_and_only_once_is_proposed(shared: Agreement, cast: Cast) -> None:
    version = drafted(shared, cast)
    other = {"steps": [desk.split(("party:alice", 1))]}
    version = version_redraft(
        version=version, rule=other, terms=DraftTerms(effective_from=PLACED, hold_days=3), by=cast.mei
    )
    assert (version.effective.lower, version.hold_days, version.rule["hold_days"]) == (PLACED, 3, 3)
    version_propose(version=version, by=cast.mei)
    with pytest.raises(AgreementError, match="was proposed and never changes"):
        version_redraft(version=version, rule=other, terms=DraftTerms(effective_from=START), by=cast.mei)
    with pytest.raises(AgreementError, match="Only a draft can be proposed"):
        version_propose(version=version, by=cast.mei)


def test_only_who_has_a_seat_accepts_and_only_this_text(shared: Agreement, cast: Cast) -> None:
    draft = drafted(shared, cast)
    with pytest.raises(AgreementError, match="Only a proposed version"):
        version_accept(version=draft, party=cast.alice_party, user=cast.alice, text_hash="")
    version = version_propose(version=draft, by=cast.mei)
    wrong = [
        (cast.alice_party, cast.bob, version.text_hash, "has a seat in Alice Studio"),
        (cast.alice_party, cast.mei, version.text_hash, "has a seat in Alice Studio"),
        (cast.alice_party, cast.alice, "0" * 64, "not the text of this version"),
        (cast.carol_party, cast.carol, version.text_hash, "Canary Carol is no party"),
    ]
    for party, user, digest, says in wrong:
        with pytest.raises(AgreementError, match=says):
            version_accept(version=version, party=party, user=user, text_hash=digest)
    with pytest.raises(AgreementError, match="Only staff"):
        version_accept(
            version=version, party=cast.bob_party, user=cast.alice, text_hash=version.text_hash, on_behalf=True
        )
    first = version_accept(version=version, party=cast.alice_party, user=cast.alice, text_hash=version.text_hash)
    again = version_accept(version=version, party=cast.alice_party, user=cast.alice, text_hash=version.text_hash)
    assert first == again
    paper = version_accept(
        version=version, party=cast.bob_party, user=cast.mei, text_hash=version.text_hash, on_behalf=True
    )
    assert paper.on_behalf


def test_a_second_person_puts_in_force_what_all_accepted(shared: Agreement, cast: Cast) -> None:
    version = version_propose(version=drafted(shared, cast), by=cast.mei)
    with pytest.raises(AgreementError, match="every party accepted"):
        version_put_in_force(version=version, by=cast.finn)
    for party, user in ((cast.alice_party, cast.alice), (cast.bob_party, cast.bob)):
        version_accept(version=version, party=party, user=user, text_hash=version.text_hash)
    with pytest.raises(AgreementError, match="a second person does"):
        version_put_in_force(version=version, by=cast.mei)


def test_the_next_version_ends_the_one_before(shared: Agreement, cast: Cast) -> None:
    first = version_put_in_force(version=accepted(drafted(shared, cast), cast), by=cast.finn)
    twin = accepted(drafted(shared, cast, effective_from=PLACED), cast)
    second = version_put_in_force(version=accepted(drafted(shared, cast, effective_from=PLACED), cast), by=cast.finn)
    first.refresh_from_db()
    assert (first.state, first.effective.upper, second.effective.upper) == ("superseded", PLACED, None)
    with pytest.raises(AgreementError, match="lies in the range of another version: version 3 holds from"):
        drafted(shared, cast, effective_from=START + timedelta(days=1))
    with pytest.raises(AgreementError, match="lies in the range of another version"):
        version_put_in_force(version=twin, by=cast.finn)
    assert version_withdraw(version=twin, by=cast.mei).state == "withdrawn"
    with pytest.raises(AgreementError, match="cannot be withdrawn"):
        version_withdraw(version=second, by=cast.mei)


def test_a_version_does_not_reach_back_over_settled_orders(shared: Agreement, cast: Cast) -> None:
    early = accepted(drafted(shared, cast), cast)
    earnings_settle(sales=[desk.sale("none", placed_at=START, lines=[desk.line(item_party_ids=[cast.alice_party.pk])])])
    with pytest.raises(RuleRefusedError, match="effective_from lies before orders that are settled"):
        drafted(shared, cast)
    with pytest.raises(AgreementError, match="they keep their terms"):
        version_put_in_force(version=early, by=cast.finn)
    later = accepted(drafted(shared, cast, effective_from=START + timedelta(seconds=1)), cast)
    version_put_in_force(version=later, by=cast.finn)
    earnings_settle(sales=[desk.sale("paid", lines=[desk.line(2)])])
    third = drafted(shared, cast, effective_from=PLACED + timedelta(seconds=1))
    with pytest.raises(RuleRefusedError, match="before orders that are settled"):
        drafted(shared, cast, effective_from=PLACED)
    with pytest.raises(RuleRefusedError, match="before orders that are settled"):
        version_redraft(version=third, rule=RULE, terms=DraftTerms(effective_from=PLACED), by=cast.mei)


CHANGES: list[tuple[str, Any]] = [
    ("rule", {"steps": []}),
    ("text", "other"),
    ("text_zh", "别的"),
    ("text_hash", "0" * 64),
    ("hold_days", 0),
    ("reserve_days", 1),
    ("caps", [{"per": "order", "minor": 1, "currency": "CNY"}]),
    ("meter", "year"),
    ("window_days", 1),
    ("paying_model", "first_touch"),
    ("precedence", "link"),
    ("self_purchase", "allow"),
    ("number", 7),
    ("note", "x"),
    ("created_by_id", None),
    ("recorded_at", START),
    ("state", "draft"),
    ("state", "superseded"),
    ("effective", (PLACED, None)),
    ("effective", (START, PLACED)),
]


@pytest.mark.parametrize(("field", "value"), CHANGES, ids=lambda value: str(value)[:20])
def test_the_database_keeps_what_was_proposed(shared: Agreement, cast: Cast, field: str, value: Any) -> None:
    version = accepted(drafted(shared, cast), cast)
    with pytest.raises(IntegrityError, match=r"never changes|cannot go from|may only be closed"), transaction.atomic():
        AgreementVersion.objects.filter(pk=version.pk).update(**{field: value})


def test_the_database_wants_every_acceptance_and_two_persons(shared: Agreement, cast: Cast) -> None:
    version = version_propose(version=drafted(shared, cast), by=cast.mei)
    version_accept(version=version, party=cast.alice_party, user=cast.alice, text_hash=version.text_hash)
    rows = AgreementVersion.objects.filter(pk=version.pk)
    finn, ada = cast.finn, cast.ada  # made before the savepoints below roll back
    rows.update(state="accepted")
    with pytest.raises(IntegrityError, match=rf"Version {version.pk} was not accepted by: bob"), transaction.atomic():
        rows.update(state="in_force", approved_by=finn)
    Acceptance.objects.create(version=version, party=cast.bob_party, text_hash=version.text_hash)
    for approver, says in ((cast.mei, "two_persons"), (None, "persons_known")):
        with pytest.raises(IntegrityError, match=says), transaction.atomic():
            rows.update(state="in_force", approved_by=approver)
    assert rows.update(state="in_force", approved_by=finn) == 1
    with pytest.raises(IntegrityError, match="written once"), transaction.atomic():
        rows.update(approved_by=ada)


def test_the_database_lets_versions_begin_as_drafts_and_only_drafts_go(shared: Agreement, cast: Cast) -> None:
    draft = drafted(shared, cast)
    copy = {field.attname: getattr(draft, field.attname) for field in AgreementVersion._meta.concrete_fields}
    copy |= {"id": None, "number": 9, "state": "in_force", "approved_by_id": cast.finn.pk, "text_hash": "x"}
    with pytest.raises(IntegrityError, match="begins as a draft"), transaction.atomic():
        AgreementVersion.objects.create(**copy)
    proposed = version_propose(version=drafted(shared, cast), by=cast.mei)
    with pytest.raises(IntegrityError, match="past its draft"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM partners_agreementversion WHERE id = %s", [proposed.pk])
    draft.delete()


def test_the_database_lets_no_two_ranges_overlap(shared: Agreement, cast: Cast) -> None:
    version_put_in_force(version=accepted(drafted(shared, cast), cast), by=cast.finn)
    second = accepted(drafted(shared, cast, effective_from=PLACED), cast)
    with pytest.raises(IntegrityError, match="partners_versions_do_not_overlap"), transaction.atomic():
        AgreementVersion.objects.filter(pk=second.pk).update(state="in_force", approved_by=cast.finn)


def test_acceptances_are_never_taken_back(shared: Agreement, cast: Cast) -> None:
    accepted(drafted(shared, cast), cast)
    for verb in (Acceptance.objects.all().delete, lambda: Acceptance.objects.update(accepted_at=timezone.now())):
        with pytest.raises(Exception, match="permission denied"), transaction.atomic():
            verb()


def test_many_agreements_are_taken_over_in_a_constant_number_of_queries(cast: Cast) -> None:
    from partners.services import NewAgreement

    def new(number: int, **changes: Any) -> NewAgreement:
        facts: dict[str, Any] = {
            "code": f"a-{number}",
            "title": f"A {number}",
            "owner_id": cast.alice_party.pk,
            "scope_id": str(number),
            "party_ids": [cast.bob_party.pk],
            "rule": RULE,
            "effective_from": START,
            "prepared_by_id": cast.mei.pk,
            "approved_by_id": cast.finn.pk,
            "accepted_by": {cast.alice_party.pk: cast.alice.pk},
        }
        return NewAgreement(**(facts | changes))

    new(0)  # names everybody
    counts = []
    for numbers in ([1], range(2, 40)):
        with CaptureQueriesContext(connection) as queries:
            versions = agreements_establish(agreements=[new(number) for number in numbers])
        counts.append(len(queries))
    assert counts[0] == counts[1], counts
    assert {version.state for version in versions} == {"in_force"}
    told = {(row.party.code, row.on_behalf) for row in Acceptance.objects.select_related("party")}
    assert told == {("alice", False), ("bob", True)}
    with pytest.raises(AgreementError, match=r"a-50: .*second person"):
        agreements_establish(agreements=[new(49), new(50, approved_by_id=cast.mei.pk)])
    with pytest.raises(RuleRefusedError, match="no party of the agreement"):
        agreements_establish(agreements=[new(51, party_ids=[])])
    assert Agreement.objects.count() == 39


def test_an_agreement_is_about_one_thing_and_names_its_parties(shared: Agreement, cast: Cast) -> None:
    for code, scope_id, says in (("python", "2", "“python” already"), ("p", "1", "new version")):
        with pytest.raises(AgreementError, match=says):
            agreement_create(title="", owner=cast.alice_party, code=code, scope_id=scope_id)
    agreement_party_add(agreement=shared, party=cast.carol_party)
    agreement_party_add(agreement=shared, party=cast.carol_party)
    assert shared.parties.count() == 3


def test_parties_read_what_names_them_and_no_drafts(
    shared: Agreement, cast: Cast, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    proposed = version_propose(version=drafted(shared, cast), by=cast.mei)
    version_accept(version=proposed, party=cast.alice_party, user=cast.alice, text_hash=proposed.text_hash)
    drafted(shared, cast)
    with as_parties(cast.bob_party):
        assert list(Agreement.objects.all()) == [shared]
        assert list(AgreementVersion.objects.all()) == [proposed]
        assert [row.party_id for row in AgreementParty.objects.all()] == [cast.bob_party.pk]
        assert not Acceptance.objects.exists()
    with as_parties(cast.alice_party):
        assert Acceptance.objects.count() == 1
    with as_parties(cast.carol_party):
        for model in (Agreement, AgreementVersion, AgreementParty, Acceptance):
            assert not model.objects.exists()


def test_since_when_a_version_is_known_is_written_when_it_comes_in_force(shared: Agreement, cast: Cast) -> None:
    before = timezone.now()
    first = version_put_in_force(version=accepted(drafted(shared, cast), cast), by=cast.finn)
    assert first.in_force_at is not None
    assert before <= first.in_force_at <= timezone.now()
    rows = AgreementVersion.objects.filter(pk=first.pk)
    with pytest.raises(IntegrityError, match="is written once"), transaction.atomic():
        rows.update(in_force_at=START)
    # The release before this field puts versions in force without naming the instant; the database does.
    second = accepted(drafted(shared, cast, effective_from=PLACED), cast)
    rows.update(effective=(START, PLACED), state="superseded")
    AgreementVersion.objects.filter(pk=second.pk).update(state="in_force", approved_by=cast.finn)
    second.refresh_from_db()
    assert second.in_force_at is not None


def test_what_held_when_is_answered_as_it_was_known(shared: Agreement, cast: Cast) -> None:
    days = [START + timedelta(days=n) for n in range(0, 100, 10)]
    first = version_put_in_force(version=accepted(drafted(shared, cast), cast), by=cast.finn, at=days[1])
    second = version_put_in_force(
        version=accepted(drafted(shared, cast, effective_from=days[3]), cast), by=cast.finn, at=days[5]
    )

    def held(at: int, known_on: int) -> AgreementVersion | None:
        return terms_as_known(agreement=shared, at=days[at], known_on=days[known_on])

    assert held(4, 0) is None
    assert held(4, 1) == held(4, 4) == held(2, 9) == first
    assert held(4, 5) == held(9, 9) == second
    assert terms_as_known(agreement=shared, at=START - timedelta(days=1), known_on=days[9]) is None
