"""`verify_ledger`: every entry is derived anew, faults are named, and the night's run keeps what became of it."""

import io
import logging
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from accounts.scope import all_rows
from ledger.models import Account, JournalEntry, Posting, Verification
from ledger.selectors import Proof, proofs
from ledger.services import books_verified, books_verify
from tests.ledger import stage
from tests.ledger.stage import violations
from tests.ledger.tampering import entries, entry, events, order, postings, tampered


def verify(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("verify_ledger", *arguments, stdout=out, stderr=err, no_color=True)
    except CommandError as error:
        return out.getvalue(), f"{err.getvalue()}{error}"
    return out.getvalue(), err.getvalue()


SALE, REFUND, FIXED = entry("sale", "plain"), entry("refund", "plain/refund//03"), entry("sale", "fixed")
CORRECTION = entry("correction", "fixed/correct_rule//05")
SHARE = "clause = 'steps[1].parties[0]' AND amount <> 0"
RULE = "UPDATE ledger_splitrule SET body = jsonb_set(body, '{steps,0,bp}', '1') WHERE body ? 'steps'"

OF_KIND = "entry_id IN (SELECT id FROM ledger_journalentry WHERE kind ="

FAULTS: list[tuple[list[str], str]] = [
    ([postings("amount = amount + 1", SALE, SHARE)], "posting 3 is party:alice 421 CNY (L1 steps[1].parties[0]) from"),
    ([postings("clause = 'steps[9]'", SALE, SHARE)], "its inputs make party:alice 420 CNY (L1 steps[1].parties[0])"),
    ([postings("matures_at = matures_at + interval '1 day'", SALE, SHARE)], "from 2026-03-09T12:00:00+00:00"),
    ([f"DELETE FROM ledger_posting WHERE entry_id = {SALE} AND position > 3"], "posting 4 is missing"),
    ([entries("inputs = jsonb_set(inputs, '{sale,lines,0,list_price}', '999')", SALE)], "entry 1: posting 0 is"),
    ([entries("inputs = '{}'", SALE)], "entry 1: cannot be derived: 'sale'"),
    ([entries("inputs = jsonb_set(inputs, '{rules}', '[\"x\"]')", SALE)], "the books hold no rule x"),
    ([entries("inputs = jsonb_set(inputs, '{sale}', '[]')", SALE)], "entry 1: cannot be derived: "),
    ([RULE], "or changed it"),
    ([postings("amount = amount + 1", REFUND, SHARE)], ": posting "),
    ([events("body = jsonb_set(body, '{amount}', '666')", REFUND)], "its inputs are not those of its event"),
    ([events("body = jsonb_set(body, '{amount}', '9999')", REFUND)], "number 1 of order plain is not possible: "),
    ([events("occurred_at = occurred_at + interval '1 day'", REFUND)], "its instant is not that of its event"),
    ([events("body_hash = repeat('0', 64)", REFUND)], "hash differs"),
    ([events("entry_id = NULL", REFUND)], ": posting 0 is missing, its inputs make"),
    ([postings("amount = amount + 1", CORRECTION, SHARE)], "(L1 steps[1].parties[0])"),
    ([order("reserve_minor = 5", "kept")], "order kept: reserve_minor is 5, its history makes 0"),
    ([order("settled_minor = 5000", "kept")], "order kept: settled_minor is 5000, its history makes 1111"),
    ([order("sale_id = NULL", "kept")], "order kept: cannot be derived: "),
    *[
        ([postings("amount = 9 * sign(amount)", entry(kind, source))], ": posting 0 is ")
        for kind, source in (("advance", "adv"), ("guarantee", "gar"), ("pool", "pool"), ("adjustment", "adj"))
    ],
    *[
        (
            [
                f"UPDATE ledger_posting SET amount = 9 WHERE position = 0 AND {OF_KIND} '{kind}')",
            ],
            ": posting 0 is ",
        )
        for kind in ("payout", "payout_sent", "payout_failed")
    ],
    *[
        ([f"UPDATE ledger_journalentry SET trace = '{{}}' WHERE kind = '{kind}'"], "its trace is not what its inputs")
        for kind in ("sale", "correction", "pool", "payout", "payout_sent")
    ],
    (["UPDATE ledger_journalentry SET inputs = '{}' WHERE kind = 'pool'"], "inputs of format None are not known here"),
]


@pytest.mark.parametrize(("statements", "names"), FAULTS)
def test_what_does_not_follow_from_its_inputs_is_named(books: None, statements: list[str], names: str) -> None:
    with tampered(*statements):
        found = violations("derivation", using="owner")["derivation"]
    assert any(names in f"{row}: {what}" for row, what in found), found


def test_the_command_runs_all_of_it_and_says_how_much(books: None) -> None:
    out, error = verify("--only", *[p.code for p in proofs() if "partners_" not in p.sql], "derivation")
    assert not error
    assert "holds  Every entry is what its stored inputs make of it" in out
    assert "proofs hold, 44 entries derived anew" in out
    out, error = verify("--skip-derivation")
    assert not error
    assert f"{len(proofs())} proofs hold\n" in out
    assert verify("--only", "I0")[1].startswith("there is no proof I0; known are I1, I2")


def test_the_nightly_run_is_kept_and_a_failure_is_an_error_in_the_log(
    committed_db: str, caplog: pytest.LogCaptureFixture
) -> None:
    with all_rows():
        stage.parties()
        entry_id = stage.sell("O-1", 100)
    sound = books_verified()
    assert sound is not None
    assert sound.failed == 0
    assert books_verified(unless_within_minutes=60) is None
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_posting DISABLE TRIGGER refuse_change")
        cursor.execute("UPDATE ledger_posting SET amount = amount + 1 WHERE amount > 0 AND position = 2")
        cursor.execute("ALTER TABLE ledger_posting ENABLE TRIGGER refuse_change")
    with caplog.at_level(logging.ERROR):
        kept = books_verified()
    assert kept is not None
    assert kept.failed == len(kept.failures) > 2
    assert (kept.entries, kept.orders) == (1, 0)
    assert [f"entry {entry_id}", "CNY 1"] in next(f for f in kept.failures if f["code"] == "I1")["rows"]
    assert f"First: entry {entry_id} CNY 1" in caplog.text
    with all_rows():
        assert [row.failed for row in Verification.objects.order_by("pk")] == [0, kept.failed]
    out, error = verify()
    assert "I1           FAILS" in out
    assert f"entry {entry_id}: CNY 1" in error
    connections.close_all()


def plan(sql: str) -> list[str]:
    """The steps that the planner takes, whatever they cost."""

    def steps(node: dict[str, Any]) -> list[str]:
        return [node["Node Type"], *[step for below in node.get("Plans", ()) for step in steps(below)]]

    with all_rows(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}")
        return steps(cursor.fetchone()[0][0]["Plan"])


@pytest.mark.parametrize("proof", proofs(), ids=lambda proof: proof.code)
def test_a_proof_is_planned_for_all_that_it_may_find_though_a_few_are_shown(books: None, proof: Proof) -> None:
    with CaptureQueriesContext(connections["owner"]) as asked:
        assert not books_verify(using="owner", only=[proof.code]).failed
    [run] = [query["sql"] for query in asked if "LIMIT" in query["sql"]]
    assert plan(run) == ["Limit", *plan(proof.sql), "CTE Scan"]


def test_a_proof_that_cannot_be_run_any_more_fails(books: None) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE events_delivery RENAME TO events_elsewhere")
    try:
        (failed,) = books_verify(using="owner", only=["I17"]).failed
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute("ALTER TABLE events_elsewhere RENAME TO events_delivery")
    assert "could not be run: relation" in failed.rows[0][1]


def test_postings_come_with_their_entry_and_never_later(committed_db: str) -> None:
    stage_rows = "SELECT entry_id, {}, account_id, party_id, {}1, currency, line, clause, occurred_at, booked_on"
    fields = "entry_id, position, account_id, party_id, amount, currency, line, clause, occurred_at, booked_on"
    with all_rows():
        stage.parties()
        stage.sell("O-1", 1_000)
    with (
        pytest.raises(IntegrityError, match="Entry 1 was booked before; its postings come with it, never later"),
        all_rows(),
        connection.cursor() as cursor,
    ):
        # Balanced, of the right accounts, day and parties: nothing else would find it before the next proof.
        for position, sign in ((90, "-"), (91, "")):
            cursor.execute(
                f"INSERT INTO ledger_posting ({fields}) {stage_rows.format(position, sign)}"
                " FROM ledger_posting WHERE position = 3"
            )
    with all_rows(), transaction.atomic():  # in savepoints of one transaction they may come one after the other
        with transaction.atomic():
            entry = JournalEntry.objects.create(
                kind="sale", source_kind="x", source_id="x", occurred_at=stage.PLACED, inputs={},
                booked_on=stage.PLACED.date(),
            )  # fmt: skip
        for position, amount in ((0, 5), (1, -5)):
            with transaction.atomic():
                account = Account.objects.get(code="platform:revenue")
                Posting.objects.create(
                    entry=entry, position=position, account=account, amount=amount, currency="CNY",
                    occurred_at=entry.occurred_at, booked_on=entry.booked_on,
                )  # fmt: skip
    assert not books_verify(only=["I1", "I2", "I19"]).failed
