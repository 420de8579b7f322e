"""Money back: bounds, lines, what learners lose and get again, who decides, and what is told once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import User
from courses.choices import DisputeState, EventKind, RefundState, Standing
from courses.errors import (
    DisputeError,
    NotRefundableError,
    NotVoidableError,
    RefundConflictError,
    RefundStepError,
)
from courses.models import BehaviourEvent, Dispute, Enrolment, LineReturn, Order, Refund
from courses.selectors import happenings
from courses.services import (
    NewDispute,
    NewRefund,
    dispute_close,
    dispute_open,
    enrolments_withdraw,
    order_refund,
    orders_void,
    refund_approve,
    refund_decline,
    refund_request,
    refund_reverse,
)
from events.models import OutboxEvent
from ledger.services import rate_set
from tests.factories.courses import NOON, course, learner
from tests.factories.orders import lines_of, paid

pytestmark = pytest.mark.usefixtures("everything")
LATER = NOON + timedelta(days=3)


def back(order: Order, minor: int, at: Any = LATER, **facts: Any) -> Refund:
    facts.setdefault("reason", "Did not like it")
    return order_refund(order_id=order.pk, refund=NewRefund(amount_minor=minor, **facts), at=at)


def disputed(order: Order, minor: int, at: Any = LATER, **facts: Any) -> Dispute:
    facts.setdefault("reason", "fraudulent")
    return dispute_open(order_id=order.pk, dispute=NewDispute(amount_minor=minor, **facts), at=at)


def now(order: Order) -> tuple[Standing, int]:
    order.refresh_from_db()
    return order.standing, order.returned_minor


def holds(order: Order) -> list[bool]:
    """For each line, whether the learner may open the course."""
    return [
        Enrolment.objects.filter(user=order.buyer, course=line.course_id, withdrawn_at=None).exists()
        for line in lines_of(order)
    ]


def returned(order: Order) -> list[int]:
    return [sum(row.amount_minor for row in LineReturn.objects.filter(line=line)) for line in lines_of(order)]


def told(name: str) -> list[dict[str, Any]]:
    return list(OutboxEvent.objects.filter(name=name).order_by("pk").values_list("payload", flat=True))


def test_a_part_of_an_order_goes_back_over_its_lines_as_the_engine_divides_it() -> None:
    order = paid(course(), course(), course(), lists=[100, 100, 100])
    refund = back(order, 100)
    assert returned(order) == [34, 33, 33]
    assert now(order) == (Standing.PARTLY_REFUNDED, 100)
    back(order, 100)
    assert returned(order) == [67, 67, 66]
    assert holds(order) == [True, True, True]
    assert (refund.number, refund.occurred_at, refund.state) == (1, LATER, RefundState.DONE)
    assert told("order.refunded")[0] == {
        "order_id": order.pk, "code": order.code, "number": 1, "refund_id": refund.pk,
    }  # fmt: skip


def test_a_line_that_is_given_back_whole_closes_its_course_and_a_refund_taken_back_opens_it() -> None:
    order = paid(course(), course(), lists=[100, 300])
    first, _second = lines_of(order)
    refund = back(order, 100, line_id=first.pk)
    assert (holds(order), returned(order)) == ([False, True], [100, 0])
    assert BehaviourEvent.objects.filter(kind=EventKind.REFUND, user=order.buyer, course=first.course_id).count() == 1
    undo = refund_reverse(refund_id=refund.pk, reason="The bank sent it back", at=LATER + timedelta(days=1))
    assert (holds(order), returned(order)) == ([True, True], [0, 0])
    assert now(order) == (Standing.PAID, 0)
    assert (undo.reverses, undo.number, undo.amount_minor) == (refund, 2, 100)
    assert refund_reverse(refund_id=refund.pk, reason="again") == undo
    with pytest.raises(RefundStepError, match="once"):
        refund_reverse(refund_id=undo.pk, reason="and back")
    assert [payload["number"] for payload in told("order.refund_reversed")] == [2]


def test_a_course_that_another_order_paid_too_stays_open() -> None:
    buyer, one = learner(), course()
    order, other = paid(one, buyer=buyer, lists=[100]), paid(one, buyer=buyer, lists=[50])
    back(order, 100)
    assert holds(order) == [True]
    assert Enrolment.objects.get(user=buyer).order_line == lines_of(other)[0]
    back(other, 50)
    assert holds(order) == [False]


def test_what_was_withdrawn_by_hand_does_not_come_back_with_the_money() -> None:
    order = paid(course(), lists=[100])
    enrolments_withdraw(ids=[Enrolment.objects.get().pk], at=NOON)
    refund_reverse(refund_id=back(order, 100).pk, reason="failed")
    assert holds(order) == [False]


def test_no_more_goes_back_than_is_left_of_the_order_or_the_line() -> None:
    order = paid(course(), course(), lists=[100, 300])
    first, second = lines_of(order)
    back(order, 60, line_id=first.pk)
    for minor, line in ((41, first.pk), (301, second.pk), (341, None), (0, None)):
        with pytest.raises(NotRefundableError, match="left"):
            back(order, minor, line_id=line)
    with pytest.raises(NotRefundableError, match="no such line"):
        back(order, 1, line_id=lines_of(paid(course()))[0].pk)
    back(order, 340)
    assert now(order) == (Standing.REFUNDED, 400)
    with pytest.raises(NotRefundableError, match=r"0\.00 CNY are left"):
        back(order, 1)


def test_only_a_paid_order_gives_money_back() -> None:
    order = paid(course())
    orders_void(codes=[order.code], reason="mistake", at=LATER)
    for act in (lambda: back(order, 1), lambda: disputed(order, 1)):
        with pytest.raises(NotRefundableError, match="voided"):
            act()


def test_a_providers_refund_is_one_refund_however_often_it_is_told() -> None:
    order, other = paid(course(), lists=[100]), paid(course(), lists=[100])
    refund = back(order, 40, provider="stripe", external_id="re_1")
    assert back(order, 40, provider="stripe", external_id="re_1") == refund
    for of, minor in ((order, 41), (other, 40)):
        with pytest.raises(RefundConflictError, match="re_1"):
            back(of, minor, provider="stripe", external_id="re_1")
    assert Refund.objects.count() == len(told("order.refunded")) == 1


def test_a_dispute_takes_what_is_left_and_holds_refunds_until_it_is_won() -> None:
    order = paid(course(), course(), lists=[100, 300])
    back(order, 100, line_id=lines_of(order)[0].pk)
    dispute = disputed(order, 400, fee_minor=15)
    assert returned(order) == [100, 300]
    assert now(order) == (Standing.DISPUTED, 400)
    assert holds(order) == [False, True]  # nothing is taken from the learner while it is open
    with pytest.raises(NotRefundableError, match="in dispute"):
        back(order, 1)
    with pytest.raises(NotVoidableError, match="in dispute"):
        orders_void(codes=[order.code], reason="x")
    with pytest.raises(DisputeError, match="already"):
        disputed(order, 1)
    with pytest.raises(DisputeError, match="More of the fee"):
        dispute_close(dispute_id=dispute.pk, won=True, fee_returned_minor=16)
    won = dispute_close(dispute_id=dispute.pk, won=True, fee_returned_minor=15, at=LATER)
    assert (won.state, won.closed_number, won.fee_returned_minor) == (DisputeState.WON, 3, 15)
    assert now(order) == (Standing.PARTLY_REFUNDED, 100)
    assert dispute_close(dispute_id=dispute.pk, won=True, fee_returned_minor=15) == won
    with pytest.raises(DisputeError, match="won"):
        dispute_close(dispute_id=dispute.pk, won=False)


def test_a_lost_dispute_stays_given_back_and_closes_the_courses() -> None:
    order = paid(course(), lists=[100])
    dispute = disputed(order, 100)
    dispute_close(dispute_id=dispute.pk, won=False, at=LATER)
    assert (now(order), holds(order)) == ((Standing.REFUNDED, 100), [False])
    assert [name for name in ("order.disputed", "order.dispute_lost") if len(told(name)) == 1]


def test_what_happened_is_told_in_its_order_with_what_the_books_need() -> None:
    order = paid(course(), course(), lists=[100, 300])
    first = back(order, 50, line_id=lines_of(order)[0].pk)
    refund_reverse(refund_id=first.pk, reason="failed")
    dispute = disputed(order, 400, fee_minor=15)
    dispute_close(dispute_id=dispute.pk, won=False, at=LATER)
    rows = happenings(order_ids=[order.pk])[order.pk]
    assert [(row.number, row.event["type"]) for row in rows] == [
        (1, "refund"), (2, "refund_reversal"), (3, "dispute_opened"), (4, "dispute_lost"),
    ]  # fmt: skip
    assert rows[0].event == {"type": "refund", "amount": 50, "line": str(lines_of(order)[0].pk)}
    assert rows[1].reverses == rows[0].source == ("refund", str(first.pk))
    assert rows[2].event == {"type": "dispute_opened", "amount": 400, "fee": 15}


def test_above_the_limit_a_second_person_approves(settings: Any) -> None:
    settings.REFUND_APPROVAL_MINOR = 100
    order, maker, checker = paid(course(), lists=[300]), learner(), learner()

    def ask(minor: int) -> Refund:
        return refund_request(order_id=order.pk, refund=NewRefund(amount_minor=minor, reason="x"), by=maker)

    assert ask(100).state == RefundState.DONE
    waiting = ask(150)
    assert (waiting.state, now(order)) == (RefundState.REQUESTED, (Standing.PARTLY_REFUNDED, 100))
    with pytest.raises(RefundStepError, match="second person"):
        refund_approve(refund_id=waiting.pk, by=maker)
    done = refund_approve(refund_id=waiting.pk, by=checker, at=LATER)
    assert (done.decided_by, done.occurred_at, now(order)[1]) == (checker, LATER, 250)
    assert refund_approve(refund_id=waiting.pk, by=checker) == done
    with pytest.raises(RefundStepError, match="taken back"):
        refund_decline(refund_id=waiting.pk, by=checker)
    undo = refund_reverse(refund_id=done.pk, reason="failed", by=maker)
    assert undo.state == RefundState.REQUESTED
    refund_decline(refund_id=undo.pk, by=checker)
    again = refund_reverse(refund_id=done.pk, reason="failed after all", by=maker)
    refund_approve(refund_id=again.pk, by=checker)
    assert now(order)[1] == 100


def test_an_approval_comes_too_late_when_less_is_left_by_then(settings: Any) -> None:
    settings.REFUND_APPROVAL_MINOR = 1
    order, maker, checker = paid(course(), lists=[300]), learner(), learner()
    waiting = refund_request(order_id=order.pk, refund=NewRefund(amount_minor=300, reason="x"), by=maker)
    back(order, 10)
    with pytest.raises(NotRefundableError, match=r"2\.90 CNY are left"):
        refund_approve(refund_id=waiting.pk, by=checker)
    refund_decline(refund_id=waiting.pk, by=maker)
    with pytest.raises(RefundStepError, match="declined"):
        refund_approve(refund_id=waiting.pk, by=checker)


@pytest.mark.parametrize(("currency", "minor", "waits"), [("USD", 100, False), ("USD", 101, True), ("JPY", 1, True)])
def test_the_limit_is_in_the_platforms_currency(settings: Any, currency: str, minor: int, waits: bool) -> None:
    settings.REFUND_APPROVAL_MINOR, settings.CURRENCY = 700, "CNY"
    rate_set(base="USD", quote="CNY", day=NOON.date(), rate="7", source="test")
    order = paid(course(currency=currency), currency=currency, lists=[1_000])
    refund = refund_request(order_id=order.pk, refund=NewRefund(amount_minor=minor, reason="x"), by=learner(), at=LATER)
    assert (refund.state == RefundState.REQUESTED) is waits


def test_the_database_refuses_a_line_that_gives_back_more_than_was_paid_for_it() -> None:
    order = paid(course(), lists=[100])
    refund = back(order, 60)
    for amount in (41, -61):
        with pytest.raises(IntegrityError, match="would have given back"), transaction.atomic():
            other = Refund.objects.create(
                order=order, amount_minor=1, reason="x", provider="t", number=9, occurred_at=LATER
            )
            LineReturn.objects.create(line=lines_of(order)[0], refund=other, amount_minor=amount)
    assert refund.returns.get().amount_minor == 60


def test_what_was_done_is_never_changed_or_removed(settings: Any) -> None:
    settings.REFUND_APPROVAL_MINOR = 1
    order = paid(course(), lists=[100])
    refund_request(order_id=order.pk, refund=NewRefund(amount_minor=10, reason="x"), by=learner())
    back(order, 20)
    dispute_close(dispute_id=disputed(order, 50).pk, won=True)
    for statement in (
        "UPDATE courses_refund SET reason = 'y'",
        "UPDATE courses_refund SET decided_at = now() WHERE state = 'done'",
        "UPDATE courses_refund SET amount_minor = 11 WHERE state = 'requested'",
        "DELETE FROM courses_refund",
        "UPDATE courses_dispute SET closed_at = now()",
        "DELETE FROM courses_dispute",
        "UPDATE courses_linereturn SET amount_minor = 1",
        "DELETE FROM courses_linereturn",
    ):
        refused = pytest.raises(DatabaseError, match=r"never changed|permission denied")
        with refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


def test_a_refund_decided_by_the_one_who_asked_is_refused_by_the_table() -> None:
    order, maker = paid(course(), lists=[100]), learner()
    with pytest.raises(IntegrityError, match="two_persons"), transaction.atomic():
        Refund.objects.create(
            order=order, amount_minor=1, reason="x", provider="t", number=1, occurred_at=LATER,
            requested_by=maker, decided_by=maker,
        )  # fmt: skip


ACTS = st.tuples(st.sampled_from(["refund", "line", "undo", "dispute", "won", "lost"]), st.integers(0, 10**7))


def test_whatever_happens_lines_stay_within_what_was_paid_and_sum_to_the_order() -> None:
    courses = [course(lessons=0, published=False) for _one in range(4)]

    @settings(max_examples=12, deadline=None)
    @given(lists=st.lists(st.integers(0, 10**7), min_size=1, max_size=4), acts=st.lists(ACTS, min_size=4, max_size=10))
    def holds_for(lists: list[int], acts: list[tuple[str, int]]) -> None:
        order = paid(*courses[: len(lists)], lists=lists)
        for act, size in acts:
            _act(order, act, size)
        order.refresh_from_db()
        sums = returned(order)
        assert all(0 <= got <= line.payable_minor for got, line in zip(sums, lines_of(order), strict=True))
        assert sum(sums) == order.returned_minor
        assert order.disputed == Dispute.objects.filter(order=order, state="open").exists()

    holds_for()


def _act(order: Order, act: str, size: int) -> None:
    dispute = Dispute.objects.filter(order=order, state="open").first()
    done = [row for row in Refund.objects.filter(order=order, reverses=None) if not row.reversals.exists()]
    try:
        if act == "refund":
            back(order, size)
        elif act == "line":
            some = lines_of(order)
            back(order, size, line_id=some[size % len(some)].pk)
        elif act == "undo" and done:
            refund_reverse(refund_id=done[size % len(done)].pk, reason="x")
        elif act == "dispute":
            disputed(order, size)
        elif dispute:
            dispute_close(dispute_id=dispute.pk, won=act == "won")
    except (NotRefundableError, DisputeError):
        pass


def test_readers_of_the_portal_see_no_refunds(as_parties: Any) -> None:
    order = paid(course(), lists=[100])
    back(order, 10)
    disputed(order, 20)
    person: User = learner()
    assert person.pk
    with as_parties():
        assert not Refund.objects.exists()
        assert not Dispute.objects.exists()
        assert not LineReturn.objects.exists()
