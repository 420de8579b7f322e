"""A malformed record is found by the row where it begins and the column where it goes wrong."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.attribution.records import broken_column, broken_field, last_place
from tests.examples import examples

NAMES = ["id", "title", "price"]


@pytest.mark.parametrize(
    ("record", "index"),
    [
        ("", 0),
        ('"a', 0),
        ('1,"a', 1),
        ('1,,"a""', 2),
        ('"1","a"b,3', 1),
        ('"a\nb","c" ,3', 1),
        ('1,a"b"c,"3', 2),
        ("1,a\nnext,record", 1),
        ('"1",a', 1),
    ],
)
def test_the_field_in_which_quotes_go_wrong_is_counted(record: str, index: int) -> None:
    assert broken_field(record) == index


@settings(max_examples=examples(60))
@given(st.lists(st.text("ab,\"\n\r '", max_size=4), min_size=1, max_size=5))
def test_a_quote_that_never_ends_is_found_behind_any_fields(fields: list[str]) -> None:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="").writerow([*fields, "x"])
    assert broken_field(text.getvalue().removesuffix('"')) == len(fields)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_record_is_sought_at_its_own_line(end: str) -> None:
    text = end.join(["id,title,price", '1,"two', 'lines",3', "", '4,5,"6'])
    assert broken_column(text, row=5, names=NAMES) == "price"
    assert broken_column('1,2,3,"4', row=1, names=NAMES) is None
    assert broken_column('"id', row=1, names=[]) is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", (1, None)),
        ("id,ti", (1, None)),
        ("id,title,price\n", (2, "id")),
        ("id,title,price\r\n\r\n1,a", (3, "title")),
        ('id,title,price\n1,"a', (2, "title")),
        ('id,title,price\n1,"a\nb', (3, None)),
        ('id,title,price\n1,"a"b,c\n2,a', (3, None)),
        ("id,title,price\n1,2,3,4", (2, None)),
    ],
)
def test_the_readable_beginning_of_a_damaged_file_ends_somewhere(text: str, place: tuple[int, str | None]) -> None:
    assert last_place(text) == place
