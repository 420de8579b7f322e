"""Each proof holds on books in which everything has happened, and finds its fault and names the row."""

import pytest

from ledger.selectors import Proof, proofs, register
from tests.ledger.stage import violations
from tests.ledger.tampering import account, entries, entry, events, gone, order, payouts, postings, seal, tampered


def test_sound_books_pass_every_proof_and_can_all_be_derived(books: None) -> None:
    assert violations(using="owner") == {}


def delivery(state: str, due: str, reason: str) -> list[str]:
    event = "name, key, payload, occurred_at, recorded_at) VALUES ('order.paid', 'O-9', '{}', now(), now()"
    facts = f"SELECT id, 'x.y', 'money', '{state}', 1, {due}, '{reason}' FROM events_outboxevent"
    return [
        f"INSERT INTO events_outboxevent ({event})",
        f"INSERT INTO events_delivery (event_id, handler, queue, state, attempts, due_at, reason) {facts}",
    ]


SALE, REFUND = entry("sale", "plain"), entry("refund", "plain/refund//03")
PAID = "(SELECT entry_id FROM ledger_payout ORDER BY id LIMIT 1)"
CLAIMS = "FROM ledger_payoutclaim WHERE payout_id = (SELECT min(id) FROM ledger_payout)"
SHARE = "clause = 'steps[1].parties[0]' AND amount <> 0"
ONE_MORE, ONE_LESS = "amount = amount + 1", "amount = amount - 1"
NO_HASH = "repeat('0', 64)"

FAULTS: list[tuple[str, list[str], str]] = [
    ("I1", [postings(ONE_MORE, SALE, SHARE)], "CNY 1"),
    ("I1", [f"DELETE FROM ledger_posting WHERE entry_id = {SALE}"], "no postings"),
    ("I2", [postings(ONE_MORE, SALE, SHARE)], "currency CNY: 1"),
    ("I3", ["UPDATE ledger_balancesnapshot SET amount = amount + 1 WHERE id = 1"], "instead of"),
    ("I4", [postings(ONE_MORE, SALE, SHARE)], "hash differs"),
    ("I4", [postings("matures_at = matures_at - interval '1 day'", SALE, SHARE)], "hash differs"),
    ("I4", [entries("inputs = '{}'", SALE)], "hash differs"),
    ("I4-seals", [entries("booked_on = booked_on - 1", REFUND)], "is not what seal"),
    ("I4-seals", [entries(f"body_hash = {NO_HASH}", SALE)], "entry 1: is not what seal 1 sealed"),
    ("I4-seals", [seal(f"digest = {NO_HASH}", 2)], "seal 2: hash differs"),
    ("I4-seals", [seal(f"digest = {NO_HASH}", 2)], "seal 3: does not follow the seal before"),
    ("I4-seals", ["DELETE FROM ledger_seal WHERE number = 2"], "seal 3: does not follow the seal before"),
    ("I4-seals", [seal("entries = entries + 1", 1)], "seal 1: covers 8 entries, found 7"),
    ("I4-seals", gone(REFUND), "is not what seal"),
    ("I5", [postings(ONE_MORE, REFUND, SHARE)], "order plain: L1 steps[1].parties[0] keeps 1"),
    (
        "I5",
        [postings(ONE_LESS, entry("void", "free/void//03"), "clause = 'steps[0]'")],
        "order free: L1 steps[0] keeps -1",
    ),
    ("I5-points", [entries(f"reverses_id = {entry('sale', 'two')}", REFUND)], "refund points at sale"),
    ("I5-points", [entries("reverses_id = NULL", REFUND)], "points at nothing"),
    ("I6", [postings("amount = 1", SALE, SHARE)], "order plain: L1 steps[1].parties[0] remains -"),
    (
        "I6",
        [postings("amount = 2", entry("refund", "off/refund//03"), "clause = 'steps[0]'")],
        "order off: L1 steps[0] remains",
    ),
    (
        "I6",
        [postings(ONE_MORE, entry("sale", "fixed"), "clause = 'steps[0]'")],
        "order fixed: clauses keep 812, settled and not reversed is 811",
    ),
    (
        "I7",
        [
            "ALTER TABLE ledger_bookedorder DROP CONSTRAINT ledger_order_refund_bound",
            order("refunded_minor = 1001", "plain"),
        ],
        "order plain: paid 1000, given back 1001, by its events 1000",
    ),
    ("I7", [order("refunded_minor = 99", "two")], "given back 99, by its events 200"),
    ("I7", [order("refunded_minor = 1", "won")], "given back 1, by its events 0"),
    ("I7-events", [order("events_count = 1", "plain")], "order plain: counts 1 events, has 2 up to number 2"),
    ("I7-events", [order("disputed = true", "won")], "order won"),
    (
        "I8",
        [
            "ALTER TABLE ledger_journalentry DROP CONSTRAINT ledger_entry_once",
            entries("source_id = 'plain'", entry("sale", "two")),
        ],
        "sale test/plain: 2 entries",
    ),
    (
        "I8",
        [
            "ALTER TABLE ledger_orderevent DROP CONSTRAINT ledger_order_event_once",
            "UPDATE ledger_orderevent SET source_id = 'x', source_kind = 'x' WHERE number = 1",
        ],
        "event x/x: ",
    ),
    ("I8", [events("source_id = 'x'", REFUND)], "is of refund test/plain/refund//03"),
    ("I8", [events("entry_id = NULL", REFUND)], "is no event of order plain"),
    ("I8", [order("sale_id = NULL", "plain")], "test/plain: its sale is entry none"),
    (
        "I10",
        [payouts("claimed_minor = claimed_minor + 1, carried_out_minor = carried_out_minor + 1")],
        "says it settles",
    ),
    ("I10", [f"DELETE {CLAIMS}"], "its postings are 0"),
    ("I10", [payouts("number = 9", "number = 2")], "is number 9 after 1"),
    (
        "I10",
        [payouts("carried_in_minor = 5, carried_out_minor = carried_out_minor + 5 - carried_in_minor", "number = 2")],
        "carries in 5, left over was",
    ),
    ("I9-days", [entries("booked_on = booked_on + 1", REFUND)], "stands on 2026-03-04, by the calendar of"),
    ("I10", [payouts("cut_off = '2026-03-02'")], "postings on hold at its cut-off"),
    (
        "I10",
        [payouts(f"party_id = (SELECT party_id FROM ledger_account WHERE id = {account('party:carol')}), number = 7")],
        "postings of other accounts",
    ),
    (
        "I10",
        [
            "ALTER TABLE ledger_payoutclaim DROP CONSTRAINT ledger_payoutclaim_posting_id_key",
            f"INSERT INTO ledger_payoutclaim (payout_id, posting_id) SELECT payout_id, posting_id {CLAIMS} LIMIT 1",
        ],
        "settled by 2 payouts",
    ),
    ("I10-entries", [payouts("withheld_minor = 1")], "1 withheld"),
    ("I10-entries", [entries("kind = 'payout'", entry("adjustment", "adj"))], "is no payout of the list"),
    ("I10-entries", ["UPDATE ledger_journalentry SET reverses_id = 1 WHERE kind = 'payout_sent'"], "concluded 1 times"),
    ("I11", [entries("inputs = jsonb_set(inputs, '{balance}', '1')", PAID)], "payout 1: paid"),
    ("I11", [entries("inputs = jsonb_set(inputs, '{event,most}', '1')", PAID)], "payout 1: paid"),
    (
        "I11",
        [
            "ALTER TABLE ledger_payout DROP CONSTRAINT ledger_payout_carry",
            payouts("carried_out_minor = -1, claimed_minor = amount_minor - carried_in_minor - 1"),
        ],
        "left over -1",
    ),
    ("I12", [order("reserve_minor = 1", "kept")], "order kept: reserve 0"),
    (
        "I12",
        [f"UPDATE ledger_posting SET amount = -9999 WHERE account_id = {account('party:alice:reserve')}"],
        "account party:alice:reserve CNY: lies at -",
    ),
    ("I12", ["UPDATE ledger_orderevent SET kind = 'release' WHERE kind = 'refund'"], "releases of the whole"),
    (
        "I13",
        [f"UPDATE ledger_posting SET amount = 999 WHERE amount > 0 AND account_id = {account('party:alice:advance')}"],
        "account party:alice:advance CNY: paid back",
    ),
    (
        "I13",
        [entries("inputs = jsonb_set(inputs, '{advances,party:alice,0}', '1')", entry("sale", "recouped"))],
        "party:alice:advance got",
    ),
    (
        "I13",
        [f"UPDATE ledger_account SET recoup_bp = 1 WHERE id = {account('party:alice:advance')}"],
        "account party:alice:advance CNY: pays back at 1, its last advance says ",
    ),
    (
        "I14",
        [
            entries(
                """inputs = jsonb_set(inputs, '{event,fx}',
                '{"currency": "USD", "rate": "7", "day": "2026-03-01", "source": "x"}')""",
                PAID,
            )
        ],
        "was exchanged at 7 of 2026-03-01, which no rate of that day is",
    ),
    ("I14", [payouts("sent_minor = 30", "sent_minor = 31")], "USD -31 on fx:position, recorded -30"),
    ("I14", [postings(f"account_id = {account('fx:position')}", SALE, SHARE)], "recorded 0"),
    (
        "I16",
        [postings("amount = 59", entry("sale", "two"), "clause = 'sale.tax' AND line = 'L1'")],
        "order two: states tax of 120, booked 119",
    ),
    (
        "I16",
        [postings(f"account_id = {account('tax:payable')}", entry("adjustment", "adj"), "amount > 0")],
        "tax of 25 by adjustment adj",
    ),
    ("I17", delivery("due", "now() - interval '6 minutes'", ""), "order.paid O-9 to x.y due since"),
    ("I17", delivery("parked", "now()", ""), "is parked without a reason"),
    ("I18-actor", ["UPDATE ledger_journalentry SET actor_id = NULL WHERE kind = 'adjustment'"], "adj names nobody"),
    ("I19", [postings("party_id = NULL", SALE, SHARE)], "party:alice CNY"),
    (
        "I19-party",
        [f"UPDATE ledger_account SET code = 'party:zed' WHERE id = {account('party:bob')}"],
        "party:zed of bob",
    ),
]


@pytest.mark.parametrize(("code", "statements", "names"), FAULTS)
def test_each_proof_finds_its_fault_and_names_the_row(
    books: None, code: str, statements: list[str], names: str
) -> None:
    with tampered(*statements):
        found = violations(code, using="owner")
    assert code in found
    assert any(names in f"{row}: {what}" for row, what in found[code]), found[code]


def test_every_proof_of_the_ledger_has_been_seen_to_fail() -> None:
    elsewhere = {"P15", "I18-runs"}  # tests/ledger/test_periods.py, test_run_proofs.py
    ours = {proof.code for proof in proofs() if not any(floor in proof.sql for floor in ("partners_", "courses_"))}
    assert ours - elsewhere == {code for code, _statements, _names in FAULTS}


def test_a_proof_is_registered_once_under_its_code() -> None:
    assert register(proofs()[0]) == proofs()[0]
    with pytest.raises(ValueError, match="stands twice"):
        register(Proof("I1", "other", "SELECT 1, 2"))
