"""Figures as text: the face's section 5 in both languages."""

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.utils import timezone, translation
from django.utils.formats import date_format
from hypothesis import given
from hypothesis import strategies as st

from ledger.money import exponent
from portal import figures

DAY = dt.date(2026, 11, 21)


@pytest.fixture(params=["en", "zh-hans"])
def language(request: pytest.FixtureRequest) -> Any:
    with translation.override(request.param):
        yield request.param


@pytest.mark.parametrize(
    ("minor", "currency", "english", "chinese"),
    [
        (1_248_036, "USD", "$12,480.36", "US$12,480.36"),
        (5_981_244, "CNY", "CN¥59,812.44", "¥59,812.44"),
        (812_340, "JPY", "¥812,340", "JP¥812,340"),
        (-31_840, "USD", "−$318.40", "−US$318.40"),
        (0, "USD", "$0.00", "US$0.00"),
        (12_345, "KWD", "KWD\u00a012.345", "KWD\u00a012.345"),
    ],
)
def test_money_keeps_its_currency_in_both_languages(minor: int, currency: str, english: str, chinese: str) -> None:
    for code, text in (("en", english), ("zh-hans", chinese)):
        with translation.override(code):
            assert figures.money_text(minor, currency) == text


@given(st.integers(-(10**18), 10**18), st.sampled_from(["USD", "CNY", "JPY", "KWD", "EUR", "UAH"]))
def test_every_minor_unit_survives_formatting(minor: int, currency: str) -> None:
    with translation.override("en"):
        text = figures.money_text(minor, currency)
    digits = "".join(sign for sign in text if sign.isdigit())
    assert int(digits) == abs(minor)
    assert ("−" in text) == (minor < 0)
    assert "-" not in text
    assert figures.money_plain(minor, currency) == f"{Decimal(minor).scaleb(-exponent(currency)):f}"


def test_a_change_carries_its_sign() -> None:
    with translation.override("en"):
        assert figures.money_text(150_408, "USD", sign=True) == "+$1,504.08"
        assert figures.money_text(0, "USD", sign=True) == "$0.00"
        assert figures.percent_text(0.082, sign=True) == "+8.2%"
        assert figures.percent_text(-0.034, sign=True) == "−3.4%"


def test_the_pieces_of_money_make_the_whole(language: str) -> None:
    for minor, currency in ((717_637, "USD"), (-5, "USD"), (812_340, "JPY"), (12_345, "KWD")):
        piece = figures.money_parts(minor, currency)
        assert piece.sign + piece.before + piece.whole + piece.minor + piece.after == figures.money_text(
            minor, currency
        )
    assert figures.money_parts(717_637, "USD").minor == ".37"


def test_large_numbers_are_brief() -> None:
    with translation.override("en"):
        assert figures.compact_text(1_234_567) == "1.2M"
        assert figures.compact_text(999) == "999"
        assert figures.compact_text(600, "USD") == "$600"
        assert figures.compact_text(412_860, "USD") == "$412.9K"
    with translation.override("zh-hans"):
        assert figures.compact_text(1_234_567) == "123.5万"
        assert figures.compact_text(9_999) == "9,999"
        assert figures.compact_text(412_860, "USD") == "US$41.3万"


def test_shares_credits_and_ratios_have_their_decimals(language: str) -> None:
    assert figures.bp_text(1500) == "15.00%"
    assert figures.ppm_text(336_246) == "33.6246%"
    assert figures.percent_text(Fraction(1, 3)) == "33.3%"
    assert figures.percent_text(0.12345, digits=2) == "12.35%"
    assert figures.number_text(2.54) == "2.54"
    assert figures.number_text(1204) == "1,204"
    assert figures.number_text(-2) == "−2"
    assert figures.interval_text("1,131", "1,280") == "1,131–1,280"


@pytest.mark.parametrize(
    ("style", "english", "chinese"),
    [
        ("full", "21 Nov 2026", "2026年11月21日"),
        ("short", "21 Nov", "11月21日"),
        ("weekday", "Sat 21 Nov", "11月21日周六"),
        ("axis", "21 Nov", "11/21"),
        ("month", "Nov 2026", "2026年11月"),
    ],
)
def test_days_read_without_confusion(style: str, english: str, chinese: str) -> None:
    for code, text in (("en", english), ("zh-hans", chinese)):
        with translation.override(code):
            assert figures.day_text(DAY, style) == text


def test_a_range_names_month_and_year_once() -> None:
    november, october, january = DAY.replace(day=1), dt.date(2026, 10, 22), dt.date(2027, 1, 3)
    with translation.override("en"):
        assert figures.day_range_text(november, DAY) == "1–21 Nov 2026"
        assert figures.day_range_text(october, DAY) == "22 Oct–21 Nov 2026"
        assert figures.day_range_text(DAY, january) == "21 Nov 2026–3 Jan 2027"
        assert figures.day_range_text(DAY, DAY) == "21 Nov 2026"
    with translation.override("zh-hans"):
        assert figures.day_range_text(november, DAY) == "2026年11月1日–21日"
        assert figures.day_range_text(october, DAY) == "2026年10月22日–11月21日"
        assert figures.day_range_text(DAY, january, prose=True) == "2026年11月21日至2027年1月3日"


def test_an_instant_is_told_in_the_readers_zone() -> None:
    moment = dt.datetime(2026, 11, 20, 23, 3, 7, tzinfo=dt.UTC)
    with translation.override("en"), timezone.override("Asia/Shanghai"):
        assert figures.clock_text(moment) == "07:03"
        assert figures.clock_text(moment, seconds=True) == "07:03:07"
        assert figures.day_text(moment) == "21 Nov 2026"
    assert figures.clock_text(dt.datetime(2026, 1, 1, 5, 6)) == "05:06"  # noqa: DTZ001 - naive is shown as it is


def test_django_writes_days_as_the_face_does() -> None:
    moment = dt.datetime(2026, 11, 21, 14, 3, 7)  # noqa: DTZ001 - formats, not zones
    with translation.override("en"):
        assert date_format(moment, "DATE_FORMAT") == figures.day_text(moment)
        assert date_format(moment, "DATETIME_FORMAT") == "21 Nov 2026, 14:03"
        assert date_format(moment, "SHORT_DATE_FORMAT") == "21 Nov 2026"
    with translation.override("zh-hans"):
        assert date_format(moment, "DATE_FORMAT") == figures.day_text(moment)
