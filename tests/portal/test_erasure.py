"""Erasing a person: nothing of theirs is in a dump afterwards, the books hold, nobody else's journey moves (F24)."""

import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections, transaction
from django.test import Client

from accounts.models import Erasure, User
from accounts.scope import all_rows
from accounts.services import person_create, seat_give
from analytics.models import Conversion, Credit, Touchpoint, Visitor
from analytics.selectors import report_inputs
from analytics.selectors.mirror import TOUCHES, mirrored
from analytics.services import mirror_update, orders_settle, partitions_ensure, visitor_merge
from courses.services import behaviour_record, cart_add
from events.services import SignUp, sign_ups_record
from ledger.models import Posting
from portal import tasks
from portal.erasure import ErasureRefusedError, person_erase, touches_expire
from portal.ground import programs
from recommender.choices import Slot
from recommender.models import Impression
from recommender.services import course_dismiss, suggest, taste_set
from tests.analytics.test_settlement import selling
from tests.factories import evidence
from tests.factories.courses import course
from tests.partners import desk

pytestmark = [pytest.mark.race, pytest.mark.usefixtures("committed_db")]
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ADDRESS, NAME = "quirina.vantongeren@mail.example", "Quirina Vantongeren"


def dump() -> str:
    """All of the database as text, by the owner."""
    connections["owner"].ensure_connection()
    row = connections["owner"].settings_dict
    command = [
        str(programs.postgres("pg_dump")),
        "--inserts",
        "--enable-row-security",
        "-h",
        str(row["HOST"]),
        "-U",
        str(row["USER"]),
    ]
    done = subprocess.run([*command, str(row["NAME"])], check=True, capture_output=True, text=True)
    return done.stdout


def bought(person: User, key: Any) -> Any:
    """An order by way of mail, settled."""
    evidence.touches(key, (evidence.channel("mail"), NOON - timedelta(days=1)))
    order = evidence.order(selling("last_touch"), at=NOON, buyer=person, key=key)
    orders_settle(order_ids=[order.pk])
    return order


def money() -> list[Any]:
    with all_rows():
        return [
            *Posting.objects.order_by("pk").values_list("entry_id", "account__code", "amount"),
            *Credit.objects.order_by("pk").values_list("conversion_id", "channel_id", "ppm"),
        ]


def paths() -> dict[int, int]:
    """How many touches a report sees before each order."""
    with all_rows():
        found = report_inputs(since=NOON.date(), until=NOON.date(), window_days=30, currency="CNY")
    return {order.order_id or 0: len(order.path) for order in found.orders}


def test_a_dump_holds_nothing_of_who_was_erased_and_the_books_hold() -> None:
    with all_rows():
        person = person_create(email=ADDRESS, name=NAME, password="a long one 123", verified=True)
        other = person_create(email="someone.else@mail.example")
        key, second, foreign = evidence.visitor(NOON), evidence.visitor(NOON), evidence.visitor(NOON)
        sign_ups_record(sign_ups=[SignUp(user_id=person.pk, visitor_key=str(key))])
        theirs, others = bought(person, key), bought(other, foreign)
        visitor_merge(user_id=person.pk, visitor_key=second, at=NOON)
        cart_add(visitor_key=second, user=person, course_id=course().pk)
        behaviour_record(kind="view", visitor_key=key, course_id=course().pk)
        course_dismiss(user=person, course_id=course().pk)
        taste_set(user=person, topic_ids=[course().topic_id])
        assert suggest(user=person, visitor_key=None, slot=Slot.HOME).code
        assert suggest(user=None, visitor_key=second, slot=Slot.HOME).code
    Client().force_login(person)
    marks = [ADDRESS, NAME, str(key), str(second)]
    before, assets = dump(), money()
    assert all(mark in before for mark in marks)
    assert paths() == {theirs.pk: 1, others.pk: 1}
    mirror_update()
    call_command("erase", person=ADDRESS.upper(), reason="asked for it", by="someone.else@mail.example", verbosity=0)
    after = dump()
    assert [mark for mark in marks if mark in after] == []
    assert str(foreign) in after
    assert money() == assets
    assert paths() == {theirs.pk: 0, others.pk: 1}
    assert mirror_update().touches == 0
    assert len(mirrored(TOUCHES, run=2)) == 1, "the columnar mirror goes on without them"
    call_command("verify_ledger", verbosity=0)
    row = Erasure.objects.get()
    assert (row.user_id, row.by, row.reason) == (person.pk, other, "asked for it")
    assert row.counts["analytics_touchpoint"] == 1
    assert row.counts["django_session"] == 1
    said = ("servedlist", "dismissal", "taste")
    assert [row.counts[f"recommender_{name}"] for name in said] == [2, 1, 1]
    assert not Impression.objects.exists()
    for verb in (Touchpoint.objects.all().delete, lambda: Erasure.objects.update(reason="x")):
        with pytest.raises(DatabaseError), transaction.atomic(), all_rows():
            verb()


def test_who_still_acts_for_somebody_is_not_erased_and_the_role_app_erases_nobody() -> None:
    with all_rows():
        person = person_create(email=ADDRESS, name=NAME)
        seat_give(user=person, party=desk.party("reef"))
        key = evidence.visitor(NOON, person)
        evidence.touches(key, (evidence.channel("mail"), NOON))
    with pytest.raises(CommandError, match="acts for a party"):
        call_command("erase", person=ADDRESS, reason="x")
    with pytest.raises(CommandError, match="no person"):
        call_command("erase", person="nobody@mail.example", reason="x")
    with pytest.raises(CommandError, match="no month"):
        call_command("erase", touches_before="2026", reason="x")
    with pytest.raises(DatabaseError), all_rows(), connections["default"].cursor() as cursor:
        cursor.execute("SELECT set_config('app.erasing', 'on', true)")
        cursor.execute("DELETE FROM analytics_touchpoint")
    assert Touchpoint.objects.count() == 1


def test_an_address_in_a_place_that_nobody_thought_of_stops_the_erasure() -> None:
    with all_rows():
        person_create(email=ADDRESS)
        party = desk.party("reef")
        party.name = f"Payee of {ADDRESS}"
        party.save()
    with pytest.raises(ErasureRefusedError, match=r"accounts_party\.name"):
        person_erase(email=ADDRESS, reason="x")
    assert User.objects.filter(email=ADDRESS).exists()
    assert not Erasure.objects.exists()


def test_old_touches_go_at_night_by_whole_months_and_what_they_led_to_stays(settings: Any) -> None:
    old = datetime(2024, 1, 15, tzinfo=UTC)
    with all_rows():
        partitions_ensure(instants=[NOON])
        mail = evidence.channel("mail")
        gone, kept = evidence.visitor(old), evidence.visitor(old)
        evidence.touches(gone, (mail, old))
        evidence.touches(kept, (mail, old), (mail, NOON))
        orders_settle(order_ids=[evidence.order(selling(), at=NOON, key=kept).pk])
    for months in (0, 25):  # for ever, and just as long as they are old
        assert touches_expire(months=months, today=datetime(2026, 2, 9, tzinfo=UTC).date()) is None
    assert not Erasure.objects.exists()
    settings.TOUCH_MONTHS = 24
    with time_machine.travel(datetime(2026, 2, 9, tzinfo=UTC), tick=False):
        tasks.touches_expire()
    done = Erasure.objects.get()
    assert "PORTAL_TOUCH_MONTHS" in done.reason
    assert done.counts == {"analytics_touchpoint_2024_01": 2, "analytics_visitor": 1}
    assert Touchpoint.objects.get().occurred_at == NOON
    assert Visitor.objects.filter(key=kept).exists()
    assert Conversion.objects.count() == 1
