"""`split_preview --post`: the books answer as the previewer does, refuse in one line, and keep nothing."""

import json
import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Party
from ledger.models import Account, JournalEntry
from ledger.splits.preview import PreviewError, preview
from tests.ledger.splits.desk import raw_rule
from tests.ledger.splits.test_preview import EXAMPLE, SALE, comparable, document

pytestmark = pytest.mark.usefixtures("everything")

GOLDEN = Path(os.environ.get("PORTAL_SHARED_DATA", "")) / "data" / "splits" / "golden_splits.json"
REFUND = {"type": "refund", "order": "o1", "amount": 1}


def post(path: Path) -> dict[str, Any]:
    out = StringIO()
    call_command("split_preview", str(path), post=True, stdout=out)
    cases: dict[str, Any] = json.loads(out.getvalue())["cases"]
    return cases


def written(tmp_path: Path, *events: Any, **case: Any) -> Path:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps(document(*events, **case)), encoding="utf-8")
    return path


def kept() -> tuple[int, int, int]:
    return Party.objects.count(), Account.objects.count(), JournalEntry.objects.count()


@pytest.mark.parametrize(
    "path",
    [
        EXAMPLE,
        pytest.param(GOLDEN, marks=pytest.mark.skipif("PORTAL_SHARED_DATA" not in os.environ, reason="no shared data")),
    ],
    ids=["example", "golden"],
)
def test_a_golden_file_is_booked_to_the_unit_and_rolled_back(path: Path) -> None:
    before = kept()
    answers = post(path)
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
        told = answers[case["id"]]["results"]
        assert [comparable(result) for result in told] == [comparable(wanted) for wanted in case["expected"]]
    assert kept() == before


def test_long_names_of_orders_and_events_stay_apart_in_the_books(tmp_path: Path) -> None:
    long = "order-" + "7" * 60
    events = [
        {**SALE, "order": f"{long}a"},
        {**SALE, "order": f"{long}b", "list_price": 50},
        {**REFUND, "order": f"{long}a", "event_id": f"{long}x"},
        {**REFUND, "order": f"{long}a", "event_id": f"{long}y"},
        {**REFUND, "order": f"{long}a", "event_id": f"{long}y"},
    ]
    told = post(written(tmp_path, *events))["A"]["results"]
    wanted = preview(document(*events))["cases"]["A"]["results"]
    assert [comparable(result) for result in told] == [comparable(result) for result in wanted]
    assert [result["postings"] != [] for result in told] == [True, True, True, True, False]


def test_long_names_of_order_lines_stay_apart_in_the_books(tmp_path: Path) -> None:
    long = "line-" + "7" * 60
    lines = [{"id": f"{long}a", "list_price": 5}, {"id": f"{long}b", "list_price": 600}]
    sale = {key: value for key, value in SALE.items() if key != "list_price"}
    events = [
        {**sale, "lines": lines},
        {**REFUND, "line": f"{long}b", "amount": 600},
        {**REFUND, "line": f"{long}a", "amount": 6},
        {**REFUND, "line": f"{long}c"},
    ]
    told = post(written(tmp_path, *events))["A"]["results"]
    wanted = preview(document(*events))["cases"]["A"]["results"]
    assert [comparable(result) for result in told] == [comparable(result) for result in wanted]
    assert told[2:] == [{"rejected": "exceeds_refundable"}, {"rejected": "unknown_line"}]


@pytest.mark.parametrize(
    "case",
    [
        {"rules": [{**raw_rule(), "reserve_bp": 10_001}]},
        {"rules": ["none"]},
        {"rules": [raw_rule({"take": "split", "parties": [{"account": "party:a\u00a0b", "weight": 1}]})]},
        {
            "events": [
                {"type": "payout_run", "party": "alice", "currency": "USD", "at": SALE["placed_at"], "increment": -1}
            ]
        },
        {"events": [SALE, {"type": "pool", "currency": "USD", "amount": 9, "creator_bp": 5000}]},
    ],
    ids=["rule", "no rule", "party", "payout", "pool"],
)
def test_a_wrong_file_is_told_alike_with_and_without_the_books(tmp_path: Path, case: dict[str, Any]) -> None:
    before = kept()
    path = written(tmp_path, **case)
    with pytest.raises(PreviewError) as wanted:
        preview(json.loads(path.read_text(encoding="utf-8")))
    with pytest.raises(CommandError) as told:
        post(path)
    assert str(told.value) == f"{path}: {wanted.value}"
    assert kept() == before


def test_what_the_books_refuse_is_told_with_the_names_of_the_file(tmp_path: Path) -> None:
    sales = [{**SALE, "order": f"o{i}", "list_price": 2**62} for i in range(4)]
    payout = {"type": "payout_run", "party": "alice", "currency": "USD", "at": "2026-04-01T00:00:00Z"}
    with pytest.raises(CommandError, match=r"event 4 \('payout_run'\): .*[0-9]+ is no amount for party:alice\.$"):
        post(written(tmp_path, *sales, payout))


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({**SALE, "list_price": 2**63}, r"case A, event 0 \('sale'\): .*-9223372036854775808 is no amount"),
        ({**SALE, "list_price": 10**900}, r"case A, event 0 \('sale'\): .{,200} is no amount for processor:clearing"),
        ({**SALE, "note": [["\0"]]}, "the field 'note' holds a zero character"),
        ({**SALE, "note": json.loads("[" * 600 + "]" * 600)}, "broken JSON: nested too deeply"),
        ({**SALE, "order": "o\0"}, "the field 'order' holds a zero character"),
        ({**SALE, "channel": "\ud800"}, "the field 'channel' holds a zero character or half of a surrogate pair"),
        (
            {**SALE, "placed_at": "9999-12-31T23:59:59-14:00"},
            r"case A, event 0 \('sale'\): placed_at must be an instant",
        ),
    ],
)
def test_what_the_books_cannot_hold_is_refused_in_one_line(tmp_path: Path, event: Any, message: str) -> None:
    before = kept()
    path = written(tmp_path, event)
    with pytest.raises(CommandError, match=f"^{path}: {message}") as caught:
        post(path)
    assert "\n" not in str(caught.value)
    assert kept() == before
