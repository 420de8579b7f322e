"""Columns come out of PostgreSQL as they went in."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from accounts.columns import instants, numbers, texts
from accounts.models import Party
from accounts.services import party_create

ODD = ["plain", "", 'a "quoted" one', "back\\slash", "{1,2}", "NULL", "tab\tand\nline", "学习 🙂", "it's %s"]


def back(kind: str, literal: str) -> list[object]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT %s::{kind}[]", [literal])
        return list(cursor.fetchone()[0])


def test_whatever_stands_in_them(db: None) -> None:
    assert back("text", texts(ODD)) == ODD
    assert back("text", texts([])) == []
    assert back("bigint", numbers([1, None, -(2**62)])) == [1, None, -(2**62)]
    now = datetime(2026, 3, 1, 12, 30, 15, 123_456, tzinfo=UTC)
    assert back("timestamptz", instants([now, now, None, now + timedelta(days=1)])) == [
        now,
        now,
        None,
        now + timedelta(days=1),
    ]
    assert back("date", instants([date(2026, 3, 1), None])) == [date(2026, 3, 1), None]


def test_no_text_holds_a_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        texts(["a", "b\0c"])


def test_among_finds_what_in_finds(everything: None, django_assert_num_queries: object) -> None:
    made = [party_create(code=code, kind="creator", name=code) for code in ("a", "b-x", "c")]
    ids = [party.pk for party in made]
    assert set(Party.objects.filter(pk__among=ids[:2])) == set(made[:2])
    assert set(Party.objects.filter(code__among=["a", "b-x", "none"])) == set(made[:2])
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert not list(Party.objects.filter(pk__among=[]))
