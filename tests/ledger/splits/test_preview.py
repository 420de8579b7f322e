"""Golden files through the previewer and its command."""

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ledger.splits.preview import PreviewError, parse_document, preview
from tests.ledger.splits.desk import PLATFORM_30, raw_rule

EXAMPLE = Path(__file__).parents[3] / "examples" / "splits" / "cases.json"
SALE = {"type": "sale", "order": "o1", "placed_at": "2026-03-01T12:00:00Z", "currency": "USD", "list_price": 100}


def document(*events: Any, **case: Any) -> dict[str, Any]:
    return {"format": "golden-splits/1", "cases": [{"id": "A", "rules": [raw_rule()], "events": list(events), **case}]}


def comparable(result: dict[str, Any]) -> Any:
    if "rejected" in result:
        return result["rejected"]
    return sorted((p["account"], p["currency"], p["amount"]) for p in result["postings"])


def golden(path: Path) -> int:
    """Hold every case of a golden file against what the previewer says; the number of cases."""
    wanted = json.loads(path.read_text(encoding="utf-8"))
    got = preview(wanted)["cases"]
    for case in wanted["cases"]:
        mine = got[case["id"]]
        for i, (result, expected) in enumerate(zip(mine["results"], case["expected"], strict=True)):
            assert comparable(result) == comparable(expected), f"{case['id']} event {i}"
        if "balances_after" in case:
            assert comparable({"postings": mine["balances_after"]}) == comparable({"postings": case["balances_after"]})
    return len(wanted["cases"])


def test_the_example_in_the_repository_posts_what_it_says() -> None:
    assert golden(EXAMPLE) == 4


@pytest.mark.skipif("PORTAL_SHARED_DATA" not in os.environ, reason="PORTAL_SHARED_DATA is not set")
def test_the_golden_file_is_met_case_by_case() -> None:
    assert golden(Path(os.environ["PORTAL_SHARED_DATA"]) / "data" / "splits" / "golden_splits.json") == 25


def test_results_are_postings_or_a_rejection_with_the_balances_left() -> None:
    assert preview(document(SALE, {"type": "refund", "order": "o1", "amount": 101})) == {
        "cases": {
            "A": {
                "results": [
                    {
                        "postings": [
                            {"account": "processor:clearing", "currency": "USD", "amount": -100},
                            {"account": "platform:revenue", "currency": "USD", "amount": 30},
                            {"account": "party:alice", "currency": "USD", "amount": 70},
                        ]
                    },
                    {"rejected": "exceeds_refundable"},
                ],
                "balances_after": [
                    {"account": "party:alice", "currency": "USD", "amount": 70},
                    {"account": "platform:revenue", "currency": "USD", "amount": 30},
                    {"account": "processor:clearing", "currency": "USD", "amount": -100},
                ],
            }
        }
    }


def test_each_case_starts_with_empty_books() -> None:
    twice = document(SALE)
    twice["cases"].append({**twice["cases"][0], "id": "B"})
    answer = preview(twice)["cases"]
    assert answer["A"] == answer["B"]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (None, "the file is not in the format golden-splits/1"),
        ([], "the file is not in the format golden-splits/1"),
        ({"format": "golden-splits/2", "cases": []}, "the file is not in the format golden-splits/1"),
        ({"format": "golden-splits/1"}, "cases must be a list"),
        ({"format": "golden-splits/1", "cases": [7]}, r"cases\[0\] must be an object"),
        ({"format": "golden-splits/1", "cases": [{}]}, r"cases\[0\].id is missing"),
        (
            {"format": "golden-splits/1", "cases": [{"id": "A", "rules": [], "events": []}] * 2},
            "case A: the id is used twice",
        ),
        ({"format": "golden-splits/1", "cases": [{"id": "A", "events": []}]}, "case A: rules is missing"),
        ({"format": "golden-splits/1", "cases": [{"id": "A", "rules": []}]}, "case A: events is missing"),
        (document(rules={}), "case A: rules must be a list"),
        (document(rules=[raw_rule(), raw_rule(PLATFORM_30)]), r"case A: rules\[1\].steps\[0\] can leave money"),
        (document(SALE, 5), "case A, event 1: the whole must be an object"),
        (document(SALE, {"type": "gift"}), r"case A, event 1 \('gift'\): type is not an event that exists"),
        (
            document({**SALE, "list_price": "1"}),
            r"case A, event 0 \('sale'\): list_price must be a whole number \(found '1'\)",
        ),
        (
            document({"type": "pool", "currency": "USD", "amount": 9, "creator_bp": 5000}),
            r"case A, event 0 \('pool'\): weights is missing",
        ),
    ],
)
def test_what_is_wrong_is_named_by_case_event_and_field(bad: Any, message: str) -> None:
    with pytest.raises(PreviewError, match=f"^{message}"):
        preview(bad)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "broken JSON in line 1, column 1"),
        ('{"a": 1,\n "b" 2}', "broken JSON in line 2, column 6"),
        ('{"a": 1, "a": 2}', "broken JSON: one object has the field 'a' twice"),
        ('{"a": NaN}', "broken JSON: NaN is not a number"),
        ("[" * 100_000, "broken JSON: nested too deeply"),
        ("[" * 101 + "]" * 101, "broken JSON: nested too deeply"),
        ('{"a": ' * 101 + "0" + "}" * 101, "broken JSON: nested too deeply"),
        ("1" * 5000, "broken JSON: a number has too many digits"),
        ("-" + "1" * 1000, "broken JSON: a number has too many digits"),
        ('{"a": "\\u0000"}', "the field 'a' holds a zero character"),
        ('{"a": ["x", "\\ud800"]}', "the field 'a' holds a zero character or half of a surrogate pair"),
        ('{"a": [[1, ["\\udfff"]]]}', "the field 'a' holds a zero character or half of a surrogate pair"),
    ],
)
def test_broken_json_is_said_to_be_so(text: str, message: str) -> None:
    with pytest.raises(PreviewError, match=message):
        parse_document(text)


def test_what_is_nested_as_far_as_files_need_is_read() -> None:
    assert parse_document("[" * 100 + "]" * 100) != []


def test_sums_of_the_longest_numbers_can_still_be_written() -> None:
    price = 10**1000 - 1
    sales = [{**SALE, "list_price": price}, {**SALE, "order": "o2", "list_price": price}]
    answer = preview(parse_document(json.dumps(document(*sales))))
    balances = json.loads(json.dumps(answer))["cases"]["A"]["balances_after"]
    assert {b["account"]: b["amount"] for b in balances}["processor:clearing"] == -2 * price


@pytest.mark.parametrize(
    "sale",
    [{"list_price": -(10**900)}, {"discounts": [{"amount": 10**900, "borne_by": "pool"}]}],
    ids=["price", "discount"],
)
def test_a_number_without_end_is_told_by_its_beginning(sale: dict[str, Any]) -> None:
    with pytest.raises(PreviewError, match=r"10{50,60}\.\.\.") as caught:
        preview(document({**SALE, **sale}))
    assert len(str(caught.value)) < 200


def test_integers_beyond_a_doubles_precision_stay_exact() -> None:
    price = 2**60 + 1
    text = json.dumps(document({**SALE, "list_price": price}))
    postings = preview(parse_document(text))["cases"]["A"]["results"][0]["postings"]
    assert postings[0]["amount"] == -price
    assert sum(posting["amount"] for posting in postings) == 0


def run(path: Path) -> str:
    out = StringIO()
    call_command("split_preview", str(path), stdout=out)
    return out.getvalue()


def test_the_command_prints_the_answer_as_json(tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    path.write_text("\ufeff" + json.dumps(document(SALE)), encoding="utf-8")
    assert json.loads(run(path)) == preview(document(SALE))


def test_the_command_names_file_case_event_and_field(tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(document(SALE, {"type": "refund", "order": "o1"})), encoding="utf-8")
    with pytest.raises(CommandError) as caught:
        run(path)
    assert str(caught.value) == f"{path}: case A, event 1 ('refund'): amount is missing"
    assert caught.value.returncode == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        (b"\xff\xfe", "is not UTF-8 text (byte 0)"),
        (b"{", "broken JSON in line 1, column 2"),
        (b"{}", "the file is not in the format golden-splits/1"),
    ],
)
def test_the_command_says_in_one_line_why_a_file_cannot_be_read(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "cases.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError) as caught:
        run(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_the_commands_help_shows_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        call_command("split_preview", "--help")
    assert caught.value.code == 0
    assert "Example: manage.py split_preview examples/splits/cases.json" in capsys.readouterr().out
