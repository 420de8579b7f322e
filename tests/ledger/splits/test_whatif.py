"""A stored order run again: as it was booked, and with other terms in the place of its corrections."""

from datetime import UTC, datetime
from typing import Any

from ledger.splits.sale import net
from ledger.splits.whatif import StoredSale, rerun
from tests.ledger.splits.desk import ALICE_REST, PLATFORM_30, raw_rule, rule

PLACED = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINES = [{"id": "a", "list_price": 1000}, {"id": "b", "list_price": 500}]
TWENTY = raw_rule({**PLATFORM_30, "bp": 2000}, ALICE_REST, version=2)


def stored(lines: list[dict[str, Any]] | None = None) -> StoredSale:
    told = LINES if lines is None else lines
    rules = [rule(PLATFORM_30, ALICE_REST)] * len(told)
    return StoredSale("o1", PLACED, {"currency": "USD", "lines": told}, rules, {})


def sums(movements: Any) -> dict[str, int]:
    return {posting.account: posting.amount for posting in net(movements)}


def test_a_sale_without_events_moves_what_was_booked() -> None:
    again = rerun(stored())
    assert [sums(part) for part in again.movements] == [
        {"processor:clearing": -1500, "platform:revenue": 450, "party:alice": 1050}
    ]


def test_events_follow_in_order_and_what_is_not_allowed_moves_nothing_and_says_why() -> None:
    again = rerun(stored(), [{"type": "refund", "amount": 1500}, {"type": "refund", "amount": 1}])
    assert sums(again.movements[1]) == {"party:alice": -1050, "platform:revenue": -450, "processor:clearing": 1500}
    assert again.movements[2] == ()
    assert again.rejected == ("exceeds_refundable",)


def test_a_correction_holds_as_booked_unless_other_terms_stand_in_its_place() -> None:
    correction = {"type": "correct_rule", "rule": TWENTY}
    assert sums(rerun(stored(), [correction]).movements[1]) == {"platform:revenue": -150, "party:alice": 150}
    without_a = rerun(stored(), [correction], without_corrections_of={"a"})
    assert sums(without_a.movements[1]) == {"platform:revenue": -50, "party:alice": 50}
    without_both = rerun(stored(), [correction], without_corrections_of={"a", "b"})
    assert without_both.movements[1] == ()


def test_a_correction_of_one_line_is_left_out_by_that_lines_terms_alone() -> None:
    correction = {"type": "correct_rule", "rule": TWENTY, "line": "b"}
    assert sums(rerun(stored(), [correction], without_corrections_of={"a"}).movements[1]) == {
        "platform:revenue": -50,
        "party:alice": 50,
    }
    assert rerun(stored(), [correction], without_corrections_of={"b"}).movements[1] == ()
