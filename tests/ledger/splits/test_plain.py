"""What is read in one go is what is read field by field; what is unusual or wrong is left to the latter."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.splits.facts import _read
from ledger.splits.plain import plain_sale
from ledger.splits.problems import EventError
from ledger.splits.reading import Reader
from tests.examples import examples

LINE: dict[str, Any] = {
    "id": "1",
    "tax": {"mode": "exclusive", "amount": 60},
    "channels": [{"ppm": 300_000, "party": "reef"}, {"ppm": 700_000}],
    "discounts": [{"amount": 100, "borne_by": "party:reef"}],
    "brought_by": "partner",
    "list_price": 1_000,
    "channel_kind": "partner",
}
SALE: dict[str, Any] = {"lines": [LINE], "currency": "CNY", "processor_fee": 29}
ODD: list[Any] = [
    None,
    -1,
    0,
    5,
    True,
    1.5,
    "",
    "5",
    "a:b",
    [],
    {},
    [{}],
    [1],
    {"mode": "none"},
    {"mode": "inclusive", "amount": 901},
]
PLACES: list[tuple[Any, ...]] = [
    (),
    ("currency",),
    ("processor_fee",),
    ("lines",),
    ("more",),
    ("lines", 0),
    *[("lines", 0, name) for name in (*LINE, "refused", "meter_before")],
    ("lines", 0, "tax", "mode"),
    ("lines", 0, "tax", "amount"),
    ("lines", 0, "tax", "rate_bp"),
    ("lines", 0, "channels", 0),
    ("lines", 0, "channels", 0, "party"),
    ("lines", 0, "channels", 1, "ppm"),
    ("lines", 0, "discounts", 0, "amount"),
    ("lines", 0, "discounts", 0, "borne_by"),
]


def _agree(raw: Any) -> None:
    told = plain_sale(raw)
    if told is not None:
        assert told == _read(Reader(raw))


def _with(place: tuple[Any, ...], value: Any) -> Any:
    raw = deepcopy(SALE)
    if not place:
        return value
    inner: Any = raw
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return raw


def test_a_usual_sale_is_read_in_one_go() -> None:
    told = plain_sale(SALE)
    assert told == _read(Reader(SALE))
    assert told is not None
    assert [(line.payable, line.fee, line.borne) for line in told.lines] == [(960, 29, (100,))]
    two = {**SALE, "lines": [LINE, {"id": "2", "list_price": 0}], "processor_fee": 0}
    assert plain_sale(two) == _read(Reader(two))


@pytest.mark.parametrize("place", PLACES)
def test_whatever_stands_in_a_place_both_read_the_same(place: tuple[Any, ...]) -> None:
    for value in ODD:
        _agree(_with(place, value))


@pytest.mark.parametrize(
    "raw",
    [
        {**SALE, "lines": [LINE, LINE]},
        {**SALE, "lines": []},
        _with(("lines", 0, "list_price"), 99),
        _with(("lines", 0, "channels", 1, "ppm"), 700_001),
        _with(("lines", 0, "discounts", 0, "borne_by"), "nobody"),
    ],
)
def test_what_is_wrong_is_left_to_who_says_so(raw: Any) -> None:
    assert plain_sale(raw) is None
    with pytest.raises(EventError):
        _read(Reader(raw))


@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.sampled_from("123"), "list_price": st.integers(0, 10_000)},
            optional={
                "tax": st.fixed_dictionaries(
                    {"mode": st.sampled_from(["inclusive", "exclusive", "none"]), "amount": st.integers(0, 900)}
                ),
                "channels": st.lists(
                    st.fixed_dictionaries({"ppm": st.integers(0, 400_000)}, optional={"party": st.sampled_from("abc")}),
                    max_size=3,
                ),
                "discounts": st.lists(
                    st.fixed_dictionaries(
                        {"amount": st.integers(0, 900), "borne_by": st.sampled_from(["pool", "party:a"])}
                    ),
                    max_size=2,
                ),
            },
        ),
        min_size=1,
        max_size=3,
    ),
    st.integers(0, 500),
)
@settings(max_examples=examples(50))
def test_any_lines_are_read_alike(lines: list[dict[str, Any]], fee: int) -> None:
    _agree({"currency": "CNY", "processor_fee": fee, "lines": lines})
