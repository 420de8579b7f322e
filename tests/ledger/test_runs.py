"""Payout runs: who is paid, who is not and why, two persons, and money that leaves once."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from accounts.errors import BadPayoutDetails, NotAllowed
from accounts.models import PayoutDetails
from accounts.services import payout_details_set
from events.models import OutboxEvent
from ledger.errors import RunRefusedError
from ledger.models import Payout, PayoutHold, PayoutItem, PayoutRun, PayoutRunEvent
from ledger.selectors import balance_of, party_balances
from ledger.services import (
    hold_lift,
    hold_place,
    item_arrived,
    item_failed,
    items_exclude,
    items_include,
    rate_set,
    run_approve,
    run_arrived,
    run_book,
    run_cancel,
    run_prepare,
    run_send_back,
    run_submit,
)
from tests.cast import Cast
from tests.ledger import stage
from tests.ledger.runs import approved, details, earn, payee, standing, terms, waiting

pytestmark = pytest.mark.usefixtures("everything")


def owed(code: str) -> int:
    return balance_of(code=f"party:{code}", currency="CNY", visible_to=None)


def test_everybody_with_a_balance_stands_in_a_run_with_an_amount_or_a_reason(cast: Cast) -> None:
    payee("paid", 10_050, cast.alice)
    payee("small", 900, cast.alice)
    payee("minus", -300, cast.alice)
    payee("bare", 5_000)
    payee("fresh", 5_000, cast.alice, days=2)
    held, shut = payee("held", 5_000, cast.alice), payee("shut", 5_000, cast.alice)
    hold_place(party=held, reason="Two orders were paid with one card", by=cast.mei)
    shut.closed_at = timezone.now()
    shut.save(update_fields=["closed_at"])
    run = run_prepare(terms=terms(minimum=1_000, increment=100, withholding_bp=1_000), by=cast.finn)
    assert standing(run) == {
        "paid": ("proposed", "", 10_000),
        "small": ("ineligible", "minimum", 0),
        "minus": ("ineligible", "negative", 0),
        "bare": ("ineligible", "no_details", 0),
        "held": ("ineligible", "on_hold", 0),
        "shut": ("ineligible", "closed", 0),
    }
    item = PayoutItem.objects.get(party__code="paid")
    assert (item.available_minor, item.withheld_minor, item.sent_minor, item.lines) == (10_050, 1_000, 9_000, 1)


def test_a_run_is_booked_once_and_settles_its_postings(cast: Cast) -> None:
    payee("one", 10_000, cast.alice)
    payee("two", 7_000, cast.alice)
    run = approved(cast.finn, cast.ada, withholding_bp=500)
    assert run.approved_minor == 16_150
    assert (run_book(run_id=run.pk), run_book(run_id=run.pk)) == (2, 0)
    assert {state for state, _why, _amount in standing(run).values()} == {"sent"}
    assert PayoutRun.objects.get(pk=run.pk).state == "done"
    assert (owed("one"), owed("two")) == (0, 0)
    assert sorted(Payout.objects.values_list("amount_minor", "withheld_minor")) == [(7_000, 350), (10_000, 500)]
    assert OutboxEvent.objects.filter(name="payout.sent").count() == 2


def test_who_prepared_or_changed_a_run_cannot_approve_it(cast: Cast) -> None:
    payee("one", 10_000, cast.alice)
    payee("two", 7_000, cast.alice)
    run = waiting(cast.finn)
    with pytest.raises(RunRefusedError, match="second person"):
        run_approve(run_id=run.pk, total_minor=17_000, by=cast.finn)
    run_send_back(run_id=run.pk, note="look at two", by=cast.ada)
    two = PayoutItem.objects.get(party__code="two")
    items_exclude(run_id=run.pk, items=[two.pk], note="invoice under discussion", by=cast.ada)
    run_submit(run_id=run.pk, by=cast.ada)
    with pytest.raises(RunRefusedError, match="second person"):
        run_approve(run_id=run.pk, total_minor=10_000, by=cast.ada)
    assert run_approve(run_id=run.pk, total_minor=10_000, by=cast.finn).approved
    assert standing(run)["two"] == ("excluded", "by_hand", 7_000)
    assert [row.step for row in PayoutRunEvent.objects.order_by("pk")] == [
        "prepared", "submitted", "sent_back", "excluded", "submitted", "approved",
    ]  # fmt: skip


def test_the_database_too_wants_two_persons(cast: Cast) -> None:
    payee("one", 10_000, cast.alice)
    run = waiting(cast.finn)
    with pytest.raises(IntegrityError, match="ledger_run_two_persons"), transaction.atomic():
        PayoutRun.objects.filter(pk=run.pk).update(
            state="approved", approved_by=cast.finn, approved_at=timezone.now(), approved_minor=1
        )
    with pytest.raises(IntegrityError, match="ledger_run_approved"), transaction.atomic():
        PayoutRun.objects.filter(pk=run.pk).update(state="approved")


def test_another_total_than_the_runs_approves_nothing(cast: Cast) -> None:
    payee("one", 10_000, cast.alice)
    run = waiting(cast.finn)
    with pytest.raises(RunRefusedError, match="not the total"):
        run_approve(run_id=run.pk, total_minor=10_001, by=cast.ada)
    assert standing(run)["one"][0] == "proposed"


def test_a_stale_run_is_computed_again_instead_of_approved(cast: Cast) -> None:
    one, two = payee("one", 10_000, cast.alice), payee("two", 7_000, cast.alice)
    three, four = payee("three", 4_000, cast.alice), payee("four", 3_000, cast.alice)
    run = waiting(cast.finn)
    earn(one, -2_500, days=0)  # a refund
    earn(two, 500, days=20)  # more than was prepared stays for the next run
    hold_place(party=three, reason="under review")
    details(four, cast.alice, "DE02 1203 0000 0000 2020 51")
    found = run_approve(run_id=run.pk, total_minor=24_000, by=cast.ada)
    assert not found.approved
    assert {item.party.code: (item.was_minor, item.amount_minor) for item in found.changed} == {
        "one": (10_000, 7_500),
        "three": (4_000, 0),
        "four": (3_000, 3_000),
    }
    assert PayoutRun.objects.get(pk=run.pk).state == "waiting"
    assert run_approve(run_id=run.pk, total_minor=7_500 + 7_000 + 3_000, by=cast.ada).approved


def test_what_falls_after_the_approval_is_left_for_the_next_run(cast: Cast) -> None:
    one = payee("one", 10_000, cast.alice)
    payee("two", 7_000, cast.alice)
    run = approved(cast.finn, cast.ada)
    earn(one, -1, days=0)
    assert run_book(run_id=run.pk) == 2
    assert standing(run) == {"one": ("fell", "fell", 10_000), "two": ("sent", "", 7_000)}
    assert owed("one") == 9_999
    assert standing(run_prepare(terms=terms(), by=cast.finn))["one"] == ("proposed", "", 9_999)


def test_a_party_stands_in_one_open_run_at_a_time(cast: Cast) -> None:
    one = payee("one", 10_000, cast.alice)
    payee("two", 7_000, cast.alice)
    first = run_prepare(terms=terms(), by=cast.finn)
    items_exclude(run_id=first.pk, items=[PayoutItem.objects.get(party__code="two").pk], note="later", by=cast.finn)
    second = run_prepare(terms=terms(), by=cast.finn)
    assert standing(second) == {"one": ("ineligible", "elsewhere", 0), "two": ("proposed", "", 7_000)}
    with pytest.raises(IntegrityError, match="ledger_item_one_live"), transaction.atomic():
        PayoutItem.objects.filter(run=second, party=one).update(
            state="proposed", amount_minor=1, available_minor=1, reason=""
        )
    assert items_include(run_id=first.pk, items=[PayoutItem.objects.get(run=first, party__code="two").pk], by=cast.finn)
    assert standing(first)["two"] == ("ineligible", "elsewhere", 0)
    run_cancel(run_id=first.pk, note="wrong day", by=cast.finn)
    assert standing(run_prepare(terms=terms(), by=cast.finn))["one"] == ("proposed", "", 10_000)


def test_a_payout_that_comes_back_is_owed_again_until_the_party_says_where_else(cast: Cast) -> None:
    one = payee("one", 10_000, cast.alice)
    run = approved(cast.finn, cast.ada, withholding_bp=1_000)
    run_book(run_id=run.pk)
    item = PayoutItem.objects.get(run=run)
    with pytest.raises(RunRefusedError, match="Say why"):
        item_failed(item_id=item.pk, reason=" ", by=cast.finn)
    item_failed(item_id=item.pk, reason="The bank knows no such account", by=cast.finn)
    assert owed("one") == 10_000
    assert balance_of(code="tax:withholding", currency="CNY", visible_to=None) == 0
    with pytest.raises(RunRefusedError, match="only one that is on its way"):
        item_arrived(item_id=item.pk, by=cast.finn)
    with pytest.raises(RunRefusedError, match="Nobody can be paid"):
        run_prepare(terms=terms(), by=cast.finn)
    details(one, cast.alice, "6222 0000 9917")
    again = approved(cast.finn, cast.ada)
    run_book(run_id=again.pk)
    assert run_arrived(run_id=again.pk, by=cast.finn) == 1
    assert (owed("one"), standing(again)["one"]) == (0, ("arrived", "", 10_000))
    assert balance_of(code="bank:operating", currency="CNY", visible_to=None) == 10_000


def test_another_currency_is_sent_at_the_rate_of_the_cut_off(cast: Cast) -> None:
    payee("euro", 10_000, cast.alice, currency="EUR")
    payee("yen", 10_000, cast.alice, currency="JPY")
    rate_set(base="EUR", quote="CNY", day=timezone.localdate() - timedelta(days=3), rate="8", source="test")
    run = approved(cast.finn, cast.ada)
    assert standing(run)["yen"] == ("ineligible", "no_rate", 0)
    item = PayoutItem.objects.get(party__code="euro")
    assert (item.sent_currency, item.sent_minor, item.rate) == ("EUR", 1_250, "1/8")
    run_book(run_id=run.pk)
    payout = Payout.objects.get()
    assert (payout.sent_currency, payout.sent_minor, payout.amount_minor) == ("EUR", 1_250, 10_000)
    day = timezone.localdate() - timedelta(days=3)
    quote = {"rate": "1/8", "day": day.isoformat(), "source": "test"}
    assert payout.entry.inputs["event"]["fx"] == {"currency": "EUR", "amount": 1_250, **quote}
    found = stage.violations("derivation", "I14", "I18-runs")
    assert not {"I14", "I18-runs"} & found.keys()
    assert f"entry {payout.entry_id}" not in dict(found["derivation"])  # where the sales of this stage have no inputs
    page = cast.client_of(cast.alice).get("/creator/payouts/?party=euro").content.decode()
    assert "at 1/8 of" in page
    assert ", test</small>" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cut_off": timezone.now() + timedelta(days=1)}, "lies ahead"),
        ({"currency": "XXX"}, "no currency"),
        ({"increment": 0}, "at least one"),
        ({"withholding_bp": 10_001}, "0 to 100%"),
        ({}, "Nobody can be paid"),
    ],
)
def test_a_run_that_cannot_be_is_refused(cast: Cast, changes: dict[str, object], words: str) -> None:
    with pytest.raises(RunRefusedError, match=words):
        run_prepare(terms=terms(**changes), by=cast.finn)
    assert not PayoutRun.objects.exists()


def test_states_go_forward_and_what_was_approved_stays(cast: Cast) -> None:
    payee("one", 10_000, cast.alice)
    run = approved(cast.finn, cast.ada)
    item = PayoutItem.objects.get(run=run)
    faults = {
        f"UPDATE ledger_payoutitem SET amount_minor = 1 WHERE id = {item.pk}": "ledger_item_moves|does not change",
        f"UPDATE ledger_payoutitem SET state = 'proposed' WHERE id = {item.pk}": "does not change",
        f"DELETE FROM ledger_payoutitem WHERE id = {item.pk}": "does not change",
        f"UPDATE ledger_payoutrun SET approved_minor = 1 WHERE id = {run.pk}": "does not change",
        f"UPDATE ledger_payoutrun SET state = 'draft' WHERE id = {run.pk}": "does not change",
        f"UPDATE ledger_payoutitem SET state = 'sent' WHERE id = {item.pk}": "ledger_item_booked",
    }
    for statement, words in faults.items():
        with pytest.raises(IntegrityError, match=words), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        PayoutRunEvent.objects.all().delete()


def test_an_owner_says_where_a_party_is_paid_and_others_never_read_it(
    cast: Cast, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    _ = cast.alice, cast.bob
    said = {"method": "bank", "holder": "Alice", "institution": "ICBC", "reference": "6222 0000 4471"}
    with pytest.raises(NotAllowed):
        payout_details_set(party=cast.alice_party, by=cast.bob, **said)
    with pytest.raises(BadPayoutDetails):
        payout_details_set(party=cast.alice_party, by=cast.alice, **(said | {"reference": "12"}))
    first = payout_details_set(party=cast.alice_party, by=cast.alice, **said)
    assert payout_details_set(party=cast.alice_party, by=cast.alice, **said) == first
    assert first.masked == "ICBC ••4471"
    payout_details_set(party=cast.bob_party, by=cast.bob, **(said | {"reference": "99998888"}))
    with as_parties(cast.alice_party):
        assert [row.reference for row in PayoutDetails.objects.all()] == ["622200004471"]
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            PayoutDetails.objects.create(party=cast.bob_party, entered_by=cast.alice, **said)
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        PayoutDetails.objects.update(reference="mine now")


def test_a_party_reads_its_own_payouts_and_holds_only(
    cast: Cast, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    one, two = payee("one", 10_000, cast.alice), payee("two", 7_000, cast.bob)
    hold_place(party=two, reason="secret of two")
    approved(cast.finn, cast.ada)
    with as_parties(one):
        assert [item.party_id for item in PayoutItem.objects.all()] == [one.pk]
        assert PayoutItem.objects.get().state == "approved"
        assert not PayoutHold.objects.exists()
        assert not PayoutRun.objects.exists()
        assert not PayoutRunEvent.objects.exists()
    with as_parties(two):
        assert [hold.reason for hold in PayoutHold.objects.all()] == ["secret of two"]
        assert not PayoutItem.objects.exists()  # left out, and why is the house's


def test_a_lifted_hold_stays_as_it_was(cast: Cast) -> None:
    hold = hold_place(party=payee("one", 1_000, cast.alice), reason="under review", by=cast.mei)
    assert hold_place(party=hold.party, reason="again") == hold
    assert hold_lift(hold_id=hold.pk, by=cast.mei).lifted_by == cast.mei
    with pytest.raises(IntegrityError), transaction.atomic():
        PayoutHold.objects.filter(pk=hold.pk).update(reason="never")
    assert party_balances(parties=[hold.party_id], visible_to=None)[0].available == 1_000
