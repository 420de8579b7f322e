"""Orders become conversions, credits and earnings: once each, by the touches that count."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from accounts.services import batch_open, batch_reverse_mark
from analytics.choices import ConversionKind
from analytics.models import Conversion, Credit, ReportRun, Touchpoint, Visitor, VisitorMerge
from analytics.services import SignUp, orders_settle, report_request, sign_ups_settle, touchpoints_record, visitor_merge
from analytics.services.replays import Evidence
from analytics.services.visits import NewTouch
from courses.models import Course, Order
from courses.services import NewRefund, order_refund, orders_void
from ledger.models import JournalEntry
from partners.models import EarningDecision
from partners.selectors import Weighing
from tests.factories import evidence
from tests.factories.courses import course, learner
from tests.partners import desk

pytestmark = pytest.mark.usefixtures("everything")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def selling(model: str = "linear", window: int = 30) -> Course:
    """A course whose agreement pays channels a tenth by a model."""
    alice = desk.party(f"alice{uuid4().hex[:6]}")
    made = course(creators=[alice])
    steps = [desk.percent("channel", 1000, "base"), desk.split((f"party:{alice.code}", 10_000))]
    desk.agreement(scope_id=str(made.pk), steps=steps, parties=[alice], paying_model=model, window_days=window)
    return made


def test_one_order_is_weighed_once_for_each_way_that_its_lines_agreements_ask() -> None:
    """Also where they name one model: look-back, half-life and weights are the agreement's own."""
    alice = desk.party("alice")
    steps = [desk.percent("channel", 1000, "base"), desk.split(("party:alice", 10_000))]
    asked: list[dict[str, Any]] = [
        {"paying_model": "time_decay", "half_life_days": 7},
        {"paying_model": "time_decay", "half_life_days": 14},
        {"paying_model": "linear", "window_days": 10},
        {"paying_model": "linear"},
        {"paying_model": "position_weights", "position_weights": [3, 0, 1]},
    ]
    courses = [course(creators=[alice]) for _way in asked]
    for made, terms in zip(courses, asked, strict=True):
        desk.agreement(scope_id=str(made.pk), steps=steps, parties=[alice], **terms)
    reef, pier = desk.party("reef"), desk.party("pier")
    key = evidence.visitor(NOON)
    for days, owner in ((15, reef), (1, pier)):
        mine = evidence.channel(owner.code, owner_id=owner.pk)
        evidence.touches(key, (mine, NOON - timedelta(days=days)), owner_id=owner.pk)
    order = evidence.order(courses[0], at=NOON, key=key, beside=courses[1:])
    orders_settle(order_ids=[order.pk])
    found: dict[str, dict[str, int]] = {}
    for row in Credit.objects.filter(conversion__order=order):
        found.setdefault(f"{row.model}/{row.terms}", {})[row.channel.code if row.channel else ""] = row.ppm
    assert found == {
        "time_decay/30d/7d": {"reef": 200_000, "pier": 800_000},
        "time_decay/30d/14d": {"reef": 333_333, "pier": 666_667},
        "linear/10d": {"pier": 1_000_000},
        "linear/30d": {"reef": 500_000, "pier": 500_000},
        "position_weights/30d/3:0:1": {"reef": 750_000, "pier": 250_000},
    }
    paid = EarningDecision.objects.filter(order_code=order.code, party=reef).order_by("pk")
    assert [row.credit_ppm for row in paid] == [200_000, 333_333, None, 500_000, 750_000]
    again = Evidence().journeys([order.code], Weighing("position_weights", 30, 7, (3, 0, 1)))[order.code]
    told_again = {credit.owner_id: credit.ppm for credit in again.credits["position_weights/30d/3:0:1"]}
    assert told_again == {reef.pk: 750_000, pier.pk: 250_000}


def credits_of(order: Order) -> dict[str, dict[str, int]]:
    """Model -> channel's code -> ppm."""
    found: dict[str, dict[str, int]] = {}
    for row in Credit.objects.filter(conversion__order=order).select_related("channel"):
        found.setdefault(row.model, {})[row.channel.code if row.channel else "unattributed"] = row.ppm
    return found


def told(order: Order) -> dict[str, tuple[str, int]]:
    """What partners were told of an order, without the maker."""
    rows = EarningDecision.objects.filter(order_code=order.code).select_related("party")
    return {
        row.party.code: (str(row.reason), row.amount_minor) for row in rows if not row.party.code.startswith("alice")
    }


def test_touches_of_the_window_share_the_order_by_the_agreements_model() -> None:
    mail, ads = evidence.channel("mail"), evidence.channel("ads")
    key = evidence.visitor(NOON)
    evidence.touches(key, (mail, NOON - timedelta(days=3)), (ads, NOON - timedelta(days=1)), (mail, NOON))
    order = evidence.order(selling(), at=NOON, key=key)
    assert orders_settle(order_ids=[order.pk]) == [order.pk]
    assert credits_of(order) == {"linear": {"mail": 666_667, "ads": 333_333}}
    conversion = Conversion.objects.get(order=order)
    assert (conversion.kind, conversion.value_minor, conversion.currency) == (ConversionKind.ORDER, 19_900, "CNY")


def test_the_window_includes_its_first_instant_and_nothing_before_it_or_after_the_order() -> None:
    mail, ads, late = (evidence.channel(code) for code in ("mail", "ads", "late"))
    key = evidence.visitor(NOON)
    edge = NOON - timedelta(days=30)
    evidence.touches(
        key, (ads, edge - timedelta(microseconds=1)), (mail, edge), (late, NOON + timedelta(microseconds=1))
    )
    order = evidence.order(selling(), at=NOON, key=key)
    orders_settle(order_ids=[order.pk])
    assert credits_of(order) == {"linear": {"mail": 1_000_000}}


def test_a_model_that_needs_a_report_takes_the_last_one_before_each_order_and_says_which() -> None:
    mail, ads = evidence.channel("mail"), evidence.channel("ads")
    key, of, runs = evidence.visitor(NOON), selling("counterfactual"), []
    evidence.touches(key, (mail, NOON - timedelta(days=3)), (ads, NOON - timedelta(days=2)))
    for hours, effects in ((-30, {mail: 0.0, ads: 2.0}), (-1, {mail: 1.0, ads: -1.0}), (1, {})):
        model = {"intercept": -2.0, "effects": {str(pk): effect for pk, effect in effects.items()}}
        run = ReportRun.objects.create(since=NOON.date(), until=NOON.date(), currency="CNY", state="done")
        facts = {"conversion_model": model, "removal_effects": model["effects"]}
        finished = {"finished_at": NOON + timedelta(hours=hours), "facts": facts}
        ReportRun.objects.filter(pk=run.pk).update(**finished)
        runs.append(run.pk)
    early, late = (evidence.order(of, at=NOON + timedelta(hours=hours), key=key) for hours in (-24, 0))
    orders_settle(order_ids=[early.pk, late.pk])
    known = dict(Credit.objects.values_list("conversion__order", "run").distinct())
    assert known == {early.pk: runs[0], late.pk: runs[1]}
    assert credits_of(early)["counterfactual"] == {"ads": 761_594, "unattributed": 238_406}
    assert set(credits_of(late)["counterfactual"]) == {"mail", "unattributed"}
    plain = evidence.order(selling("linear"), at=NOON, key=key)
    orders_settle(order_ids=[plain.pk])
    assert set(Credit.objects.filter(conversion__order=plain).values_list("run", flat=True)) == {None}


def test_what_somebody_asked_for_pays_nobody() -> None:
    mail, ads = evidence.channel("mail"), evidence.channel("ads")
    key, marketer = evidence.visitor(NOON), learner()
    evidence.touches(key, (mail, NOON - timedelta(days=3)), (ads, NOON - timedelta(days=2)))
    days: dict[str, Any] = {"since": NOON.date(), "until": NOON.date(), "currency": "CNY"}
    of_the_house = report_request(**days)
    asked = report_request(**days, window_days=7, requested_by=marketer)
    for run, hours, effects in ((of_the_house, 2, {mail: 0.75, ads: 0.25}), (asked, 1, {mail: 0.1, ads: 0.9})):
        told = {"removal_effects": {str(pk): effect for pk, effect in effects.items()}}
        known = {"state": "done", "finished_at": NOON - timedelta(hours=hours), "facts": told}
        ReportRun.objects.filter(pk=run.pk).update(**known)
    ReportRun.objects.filter(pk=asked.pk).update(requested_by=None)  # who asked may be erased
    order = evidence.order(selling("markov"), at=NOON, key=key)
    orders_settle(order_ids=[order.pk])
    assert credits_of(order)["markov"] == {"mail": 750_000, "ads": 250_000}
    assert set(Credit.objects.filter(conversion__order=order).values_list("run", flat=True)) == {of_the_house.pk}


def test_last_non_direct_pays_the_channel_before_those_who_came_by_themselves() -> None:
    mail, typed = evidence.channel("mail"), evidence.channel("typed", kind="direct")
    key = evidence.visitor(NOON)
    evidence.touches(key, (mail, NOON - timedelta(days=3)), (typed, NOON))
    order = evidence.order(selling("last_non_direct"), at=NOON, key=key)
    orders_settle(order_ids=[order.pk])
    assert credits_of(order) == {"last_non_direct": {"mail": 1_000_000}}


def test_without_a_touch_in_the_window_all_of_it_is_unattributed() -> None:
    key = evidence.visitor(NOON)
    evidence.touches(key, (evidence.channel("mail"), NOON - timedelta(days=31)))
    order = evidence.order(selling(), at=NOON, key=key)
    orders_settle(order_ids=[order.pk])
    assert credits_of(order) == {"linear": {"unattributed": 1_000_000}}


def test_browsers_of_one_person_make_one_journey_and_a_strangers_browser_does_not_join_it() -> None:
    mail, ads, other = (evidence.channel(code) for code in ("mail", "ads", "other"))
    buyer, stranger = learner(), learner()
    phone, desktop, foreign = evidence.visitor(NOON), evidence.visitor(NOON), evidence.visitor(NOON, stranger)
    for place, (key, channel) in enumerate([(phone, mail), (desktop, ads), (foreign, other)]):
        evidence.touches(key, (channel, NOON - timedelta(hours=9 - place)))
    visitor_merge(user_id=buyer.pk, visitor_key=phone, at=NOON)
    visitor_merge(user_id=buyer.pk, visitor_key=foreign, at=NOON)
    order = evidence.order(selling(), at=NOON, buyer=buyer, key=desktop)
    orders_settle(order_ids=[order.pk])
    assert credits_of(order) == {"linear": {"mail": 500_000, "ads": 500_000}}
    assert Visitor.objects.get(key=foreign).user == stranger


def test_a_browser_that_was_never_seen_is_remembered_as_the_persons() -> None:
    buyer, key = learner(), uuid4()
    visitor_merge(user_id=buyer.pk, visitor_key=key, at=NOON)
    visitor_merge(user_id=learner().pk, visitor_key=key, at=NOON)
    assert Visitor.objects.get(key=key).user == buyer


def test_touches_of_a_withdrawn_import_count_nowhere() -> None:
    batch = batch_open(source="shop", actor=None)
    key = evidence.visitor(NOON)
    mail, ads = evidence.channel("mail"), evidence.channel("ads")
    evidence.touches(key, (ads, NOON - timedelta(days=1)), batch_id=batch.pk)
    evidence.touches(key, (mail, NOON - timedelta(days=2)))
    batch_reverse_mark(batch=batch, actor=None, at=NOON)
    order = evidence.order(selling("last_touch"), at=NOON, key=key)
    orders_settle(order_ids=[order.pk])
    assert credits_of(order) == {"last_touch": {"mail": 1_000_000}}


def test_settling_again_changes_nothing() -> None:
    key = evidence.visitor(NOON)
    evidence.touches(key, (evidence.channel("mail"), NOON))
    order = evidence.order(selling(), at=NOON, key=key)
    orders_settle(order_ids=[order.pk])
    before = [model.objects.count() for model in (Conversion, Credit, JournalEntry, EarningDecision)]
    assert orders_settle(order_ids=[order.pk, order.pk]) == []
    assert [model.objects.count() for model in (Conversion, Credit, JournalEntry, EarningDecision)] == before
    assert before[2] == 1


def test_an_order_voided_before_its_turn_is_never_booked() -> None:
    order = evidence.order(selling(), at=NOON)
    orders_void(codes=[order.code], at=NOON, actor_id=None, reason="second thoughts")
    for _time in range(2):
        assert orders_settle(order_ids=[order.pk]) == []
    assert not JournalEntry.objects.exists()
    assert [(row.reason, row.amount_minor) for row in EarningDecision.objects.all()] == [("voided", 0)]


def test_everyone_whom_the_learner_came_by_is_told_what_became_of_it() -> None:
    """Also a partner whose link was followed in the window and who is neither the last nor credited."""
    reef, pier, cove = (desk.party(code) for code in ("reef", "pier", "cove"))
    key = evidence.visitor(NOON)
    for days, owner in ((40, cove), (5, reef), (1, pier)):
        mine = evidence.channel(owner.code, owner_id=owner.pk)
        evidence.touches(key, (mine, NOON - timedelta(days=days)), owner_id=owner.pk)
    order = evidence.order(selling("last_touch"), at=NOON, key=key)
    orders_settle(order_ids=[order.pk])
    assert told(order) == {
        "pier": ("earned", 1_990), "reef": ("no_credit", 0), "cove": ("window_closed", 0),
    }  # fmt: skip


def test_a_sale_told_a_second_time_under_another_number_is_a_duplicate_for_who_brought_the_learner() -> None:
    reef, buyer = desk.party("reef"), learner()
    channel = evidence.channel("reef", owner_id=reef.pk)
    key = evidence.visitor(NOON, buyer)
    evidence.touches(key, (channel, NOON - timedelta(days=1)), owner_id=reef.pk)
    made = selling("last_touch")
    first = evidence.order(made, at=NOON, buyer=buyer, key=key)
    again = evidence.order(made, at=NOON, buyer=buyer, key=key)
    other = evidence.order(selling("last_touch"), at=NOON, buyer=buyer, key=key)
    orders_settle(order_ids=[first.pk, again.pk, other.pk])
    assert [told(order)["reef"][0] for order in (first, again, other)] == ["earned", "duplicate", "earned"]
    order_refund(order_id=first.pk, refund=NewRefund(amount_minor=first.total_minor, reason="twice"), at=NOON)
    order_refund(order_id=again.pk, refund=NewRefund(amount_minor=again.total_minor, reason="twice"), at=NOON)
    late = evidence.order(made, at=NOON + timedelta(hours=1), buyer=buyer, key=key)
    orders_settle(order_ids=[late.pk])
    assert told(late)["reef"][0] == "earned"


def test_the_owner_of_a_channel_is_paid_and_one_who_came_too_early_is_told_so() -> None:
    reef, pier = desk.party("reef"), desk.party("pier")
    mine, theirs = evidence.channel("reef", owner_id=reef.pk), evidence.channel("pier", owner_id=pier.pk)
    key = evidence.visitor(NOON)
    evidence.touches(key, (theirs, NOON - timedelta(days=40)), owner_id=pier.pk)
    evidence.touches(key, (mine, NOON - timedelta(days=1)), owner_id=reef.pk)
    order = evidence.order(selling("last_touch"), at=NOON, key=key)
    orders_settle(order_ids=[order.pk])
    found = {row.party.code: (row.reason, row.amount_minor) for row in EarningDecision.objects.select_related("party")}
    assert found["reef"] == ("earned", 1_990)
    assert found["pier"] == ("window_closed", 0)


@pytest.mark.parametrize("sizes", [(1,), (3, 1), (2, 2, 1)])
def test_credits_of_every_settled_order_sum_to_a_million(sizes: tuple[int, ...]) -> None:
    of = selling("time_decay")
    ids = []
    for place, size in enumerate(sizes):
        key = evidence.visitor(NOON)
        ways = [evidence.channel(f"way{place}{step}") for step in range(size)]
        evidence.touches(key, *((way, NOON - timedelta(days=step)) for step, way in enumerate(ways)))
        ids.append(evidence.order(of, at=NOON, key=key).pk)
    orders_settle(order_ids=ids)
    sums = Credit.objects.values("conversion", "model").annotate(total=Sum("ppm")).values_list("total", flat=True)
    assert list(sums) == [1_000_000] * len(sizes)


def test_the_database_refuses_credits_that_do_not_sum() -> None:
    order = evidence.order(selling(), at=NOON)
    conversion = Conversion.objects.create(kind="order", order=order, occurred_at=NOON, value_minor=1, currency="CNY")
    with pytest.raises(IntegrityError, match="sum to 999999 ppm"), transaction.atomic():
        Credit.objects.create(conversion=conversion, model="linear", channel_id=evidence.channel("mail"), ppm=999_999)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_conversion_and_a_recognised_browser_name_rows_that_are_there() -> None:
    told: dict[str, Any] = {"occurred_at": NOON, "value_minor": 1, "currency": "CNY"}
    for named in ({"kind": "order", "order_id": 2**40}, {"kind": "sign_up", "user_id": 2**40}):
        with pytest.raises(IntegrityError, match=r"that is not in (courses_order|accounts_user)"), transaction.atomic():
            Conversion.objects.create(**told, **named)
    visitor = Visitor.objects.get(key=evidence.visitor(NOON))
    for visitor_id, user_id in ((2**40, learner().pk), (visitor.pk, 2**40)):
        with (
            pytest.raises(IntegrityError, match=r"analytics_visitormerge name a (visitor|user)_id"),
            transaction.atomic(),
        ):
            VisitorMerge.objects.create(visitor_id=visitor_id, user_id=user_id, cause="purchase")


def test_evidence_cannot_be_changed_or_removed() -> None:
    key = evidence.visitor(NOON)
    evidence.touches(key, (evidence.channel("mail"), NOON))
    order = evidence.order(selling(), at=NOON, key=key)
    orders_settle(order_ids=[order.pk])
    for table in ("analytics_touchpoint", "analytics_conversion", "analytics_credit"):
        for verb in (f"DELETE FROM {table}", f"UPDATE {table} SET id = id"):
            refused = pytest.raises(DatabaseError, match=r"append-only|permission denied")
            with refused, transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(verb)
    assert Touchpoint.objects.count() == 1


def test_partitions_are_made_when_a_touch_needs_them_and_hold_it() -> None:
    key, channel = evidence.visitor(NOON), evidence.channel("mail")
    ends = [datetime(2019, 2, 28, 23, 59, 59, 999_999, UTC), datetime(2019, 3, 1, tzinfo=UTC)]
    stored = touchpoints_record(touches=[NewTouch(key, channel, at) for at in ends])
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM analytics_touchpoint ORDER BY occurred_at")
        tables = [row[0] for row in cursor.fetchall()]
    assert (stored, tables) == (2, ["analytics_touchpoint_2019_02", "analytics_touchpoint_2019_03"])


def test_sign_ups_count_once_and_claim_their_browser() -> None:
    person, key = learner(), evidence.visitor(NOON)
    for _again in range(2):
        sign_ups_settle(sign_ups=[SignUp(person.pk, key, NOON), SignUp(learner().pk, None, NOON)])
    assert Conversion.objects.filter(kind="sign_up", user=person).count() == 1
    assert Visitor.objects.get(key=key).user == person


def test_settling_costs_the_same_number_of_queries_for_one_order_and_for_many() -> None:
    of, mail = selling(), evidence.channel("mail")

    def orders(number: int) -> list[int]:
        made = []
        for _ in range(number):
            key = evidence.visitor(NOON)
            evidence.touches(key, (mail, NOON))
            made.append(evidence.order(of, at=NOON, key=key).pk)
        return made

    counts = []
    orders_settle(order_ids=orders(1))
    for number in (1, 12):
        ids = orders(number)
        with CaptureQueriesContext(connection) as queries:
            orders_settle(order_ids=ids)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_no_check_of_an_order_reads_the_whole_of_a_table_that_grows() -> None:
    """A plan made for an empty table, and for many rows at once, is kept for those that come one by one."""
    made = selling()
    with connection.cursor() as cursor:
        cursor.execute("DISCARD PLANS")
    orders_settle(order_ids=[evidence.order(made, at=NOON).pk for _order in range(60)])
    order = evidence.order(made, at=NOON)
    grown = ("ledger_posting", "ledger_journalentry", "analytics_credit", "analytics_conversion")
    scans = "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE seq_scan > 0 AND relname = ANY (%s)"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(scans, [list(grown)])
        before = dict(cursor.fetchall())
        orders_settle(order_ids=[order.pk])
        cursor.execute(scans, [list(grown)])
        after = dict(cursor.fetchall())
    assert JournalEntry.objects.count() == 61
    assert after == before
