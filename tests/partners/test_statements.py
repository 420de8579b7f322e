"""Monthly statements: they are the ledger, they never change, and a partner can prove every line alone."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import ProgrammingError, connections, transaction

from accounts.services import person_create, seat_give
from events.models import OutboxEvent
from events.services import relay_all
from ledger.models import ClosedPeriod
from ledger.selectors import OrderKey, proofs
from ledger.services import (
    PayoutTerms,
    adjustment_book,
    advance_book,
    hold_lift,
    hold_place,
    payout_book,
    period_close,
    period_prepare,
)
from partners.errors import StatementError
from partners.models import Statement, StatementMonth
from partners.selectors import merkle
from partners.selectors.posting_explained import posting_explained
from partners.selectors.statements import day_of, statement_leaves, statement_months, statement_of, statement_proven
from partners.services import earnings_event, earnings_settle, statements_issue, statements_issue_due
from tests.cast import Cast
from tests.partners.stage import Stage

pytestmark = pytest.mark.usefixtures("everything")
MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)
SCRIPT = Path(__file__).resolve().parents[2] / "platform" / "portal" / "static" / "portal" / "verify_statement.py"


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 4, tzinfo=UTC)


def close(cast: Cast, month: date) -> None:
    ClosedPeriod.objects.create(month=month, prepared_by=cast.finn, closed_by=cast.ada, totals={})


@pytest.fixture
def year(stage: Stage, cast: Cast) -> Stage:
    """Two months: a sale with an advance running, a part of it refunded, a bonus, a payout."""
    advance_book(
        party="alice", currency="CNY", amount=2_000, recoup_bp=5_000, source=OrderKey("advance", "1"), at=at(3, 1)
    )
    earnings_settle(sales=[stage.sale("O-1", {"reef": 1_000_000}, placed_at=at(3, 2))])
    earnings_event(
        order_code="O-1", event={"type": "refund", "amount": 2_500}, source=OrderKey("refund", "1"), at=at(4, 3)
    )
    adjustment_book(
        party="alice", currency="CNY", amount=700, reason="=a bonus", source=OrderKey("adj", "1"), at=at(4, 4)
    )
    payout_book(
        party="alice",
        currency="CNY",
        cut_off=at(4, 20),
        terms=PayoutTerms(),
        source=OrderKey("item", "1"),
        at=at(4, 20),
    )
    return stage


def violations(code: str) -> list[Any]:
    # As the tests' own role, since their rows are not committed; `verify_ledger` asks as the owner.
    proof = next(proof for proof in proofs() if proof.code == code)
    with connections["default"].cursor() as cursor:
        cursor.execute(proof.sql)
        return list(cursor.fetchall())


def test_a_statement_opens_lists_and_closes_as_the_books_do(year: Stage) -> None:
    march = statement_of(party=year.alice, month=MARCH, currency="CNY", visible_to=None)
    april = statement_of(party=year.alice, month=APRIL, currency="CNY", visible_to=None)
    assert march is not None
    assert april is not None
    assert [code for code, _n, _minor in march.sums()] == ["sales", "recouped"]
    assert [code for code, _n, _minor in april.sums()] == ["refunds", "adjustments", "payouts"]
    assert march.head["closing"]["advance"] == 0
    assert (march.opening, march.closing) == (0, 5_040 - 2_000)
    assert april.opening == march.closing
    assert april.closing == 0
    assert march.opening + sum(minor for _c, _n, minor in march.sums()) == march.closing
    assert march.maturing() == (0, 5_040 - 2_000)


def test_what_a_month_holds_comes_free_in_a_later_one_and_stands_in_both(stage: Stage, cast: Cast) -> None:
    earnings_settle(
        sales=[
            stage.sale("O-1", placed_at=at(3, 2)),
            stage.sale("O-2", placed_at=at(3, 28)),
            # Late in the evening of the house's 30 April, which is the afternoon in UTC.
            stage.sale("O-3", placed_at=datetime(2026, 4, 23, 15, 59, tzinfo=UTC)),
        ]
    )

    def month(first: date) -> tuple[int, tuple[int, int]]:
        found = statement_of(party=stage.alice, month=first, currency="CNY", visible_to=None)
        assert found is not None
        return found.closing, found.maturing()

    share = 5_600
    assert month(MARCH) == (2 * share, (share, share))
    assert month(APRIL) == (3 * share, (0, 2 * share))
    close(cast, MARCH)
    statements_issue(month=MARCH)
    assert month(MARCH) == (2 * share, (share, share))


def test_days_of_a_statement_are_those_of_the_house() -> None:
    assert day_of("2026-03-31T16:00:00+00:00") == APRIL
    assert day_of("2026-03-31T15:59:59+00:00") == date(2026, 3, 31)


def test_a_statement_says_what_held_payouts_back_at_its_end(stage: Stage, cast: Cast) -> None:
    earnings_settle(sales=[stage.sale("O-1", placed_at=at(3, 2))])
    seat_give(user=cast.lee, party=stage.alice)
    client = cast.client_of(cast.lee)
    with time_machine.travel(at(3, 20), tick=False):
        hold = hold_place(party=stage.alice, reason="Two orders, one card", decide_by=date(2026, 4, 9))
    with time_machine.travel(at(4, 8), tick=False):
        hold_lift(hold_id=hold.pk)

    def page(month: str) -> str:
        return client.get(f"/creator/statements/{month}/?party=alice").content.decode()

    told = "Payouts are on hold: Two orders, one card. It is decided by"
    assert told in page("2026-03")
    assert told not in page("2026-04")
    pdf = client.get("/creator/statements/2026-03.pdf?party=alice").content
    assert len(pdf) > len(client.get("/creator/statements/2026-04.pdf?party=alice").content)


def test_statements_are_issued_once_after_the_close_in_the_order_of_months(year: Stage, cast: Cast) -> None:
    with pytest.raises(StatementError, match="2026-03 is not closed yet"):
        statements_issue(month=MARCH)
    close(cast, MARCH)
    close(cast, APRIL)
    with pytest.raises(StatementError, match="Issue 2026-03 first"):
        statements_issue(month=APRIL)
    assert statements_issue_due() == 2
    assert statements_issue_due() == 0
    first, second = StatementMonth.objects.order_by("month")
    assert statements_issue(month=MARCH) == first
    assert second.previous == first.root
    assert set(Statement.objects.filter(month=MARCH).values_list("number", flat=True)) == {
        "2026-03-alice-CNY", "2026-03-bob-CNY", "2026-03-reef-CNY",
    }  # fmt: skip
    assert OutboxEvent.objects.filter(name="statement.issued").count() == Statement.objects.count()
    assert not [violations(code) for code in ("I20", "I20-lines", "I20-roots") if violations(code)]
    found = statement_of(party=year.alice, month=MARCH, currency="CNY", visible_to=None)
    assert found is not None
    assert found.issued is not None
    assert found.issued.root == merkle.root(statement_leaves(found.issued.body))


def test_closing_a_month_issues_its_statements_as_soon_as_the_news_is_handled(year: Stage, cast: Cast) -> None:
    period_prepare(month=MARCH, by=cast.finn)
    period_close(month=MARCH, by=cast.ada)
    assert not StatementMonth.objects.exists()
    relay_all()
    assert list(StatementMonth.objects.values_list("month", flat=True)) == [MARCH]


def test_the_list_of_months_shows_what_each_moved_also_where_it_is_a_draft(year: Stage, cast: Cast) -> None:
    close(cast, MARCH)
    statements_issue(month=MARCH)
    rows = {row.month: row for row in statement_months(party=year.alice, visible_to=None) if row.currency == "CNY"}
    assert [month for month, row in rows.items() if row.issued] == [MARCH]
    for month, row in rows.items():
        whole = statement_of(party=year.alice, month=month, currency="CNY", visible_to=None)
        assert whole is not None
        assert (row.opening, row.closing, row.lines) == (whole.opening, whole.closing, len(whole.lines))
    assert statement_months(party=year.alice, visible_to=cast.carol) == []


def test_the_proof_names_a_statement_that_is_not_the_ledger(year: Stage, cast: Cast) -> None:
    close(cast, MARCH)
    statements_issue(month=MARCH)
    whole = Statement.objects.get(number="2026-03-alice-CNY")
    body = json.loads(json.dumps(whole.body))
    body["lines"][0]["amount"] += 1
    Statement.objects.create(
        of=whole.of, place=99, number="2026-03-alice-CNY-2", party=year.pier, currency="CNY", month=MARCH,
        opening_minor=0, closing_minor=5, lines=1, root="", body=body,
    )  # fmt: skip
    for code, also in (("I20", ()), ("I20-lines", ()), ("I20-roots", ("month 2026-03",))):
        assert {row[0] for row in violations(code)} == {"statement 2026-03-alice-CNY-2", *also}


def test_issued_statements_only_grow_and_belong_to_their_party(
    year: Stage, cast: Cast, as_parties: Callable[..., AbstractContextManager[None]]
) -> None:
    close(cast, MARCH)
    statements_issue(month=MARCH)
    for statement in ("UPDATE partners_statement SET root = ''", "DELETE FROM partners_statementmonth"):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            transaction.atomic(),
            connections["default"].cursor() as cursor,
        ):
            cursor.execute(statement)
    with as_parties(year.bob):
        assert [row.number for row in Statement.objects.all()] == ["2026-03-bob-CNY"]


def verified(path: Path) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(path)], capture_output=True, text=True, check=False, encoding="utf-8"
    )
    return done.returncode, done.stdout + done.stderr


def test_a_partner_checks_the_file_with_nothing_but_python(year: Stage, cast: Cast, tmp_path: Path) -> None:
    close(cast, MARCH)
    statements_issue(month=MARCH)
    proven = statement_proven(Statement.objects.select_related("of").get(number="2026-03-alice-CNY"))
    path = tmp_path / "statement.json"
    path.write_text(json.dumps(proven, ensure_ascii=False), encoding="utf-8")
    code, said = verified(path)
    assert (code, "Every line is proven." in said) == (0, True), said
    tampered = json.loads(json.dumps(proven))
    tampered["lines"][1]["amount"] += 1
    path.write_text(json.dumps(tampered), encoding="utf-8")
    code, said = verified(path)
    assert code == 1
    assert f"posting {tampered['lines'][1]['posting']}" in said
    assert "payable: opening 0" in said
    other = json.loads(json.dumps(proven))
    other["month"]["leaf"]["root"] = "00" * 32
    path.write_text(json.dumps(other), encoding="utf-8")
    assert "another statement" in verified(path)[1]
    for broken in ({}, {**proven, "head": {**proven["head"], "opening": []}}):
        path.write_text(json.dumps(broken), encoding="utf-8")
        assert "no statement that can be checked" in verified(path)[1]


@pytest.mark.parametrize("count", range(1, 10))
def test_every_leaf_is_proven_whatever_their_number(count: int) -> None:
    leaves = [merkle.leaf({"n": n}) for n in range(count)]
    root = merkle.root(leaves)
    for one, path in zip(leaves, merkle.proofs(leaves), strict=True):
        assert merkle.climbed(one, path) == root
    assert merkle.climbed(merkle.leaf({"n": -1}), merkle.proofs(leaves)[0]) != root


def test_a_party_reads_and_takes_its_months(year: Stage, cast: Cast) -> None:

    owner = person_create(email="al@cast.test", name="Al", password="a quiet river at noon", verified=True)
    seat_give(user=owner, party=year.alice)
    close(cast, MARCH)
    statements_issue(month=MARCH)
    client = cast.client_of(owner)
    listed = client.get("/creator/statements/").content.decode()
    assert "/creator/statements/2026-03/" in listed
    page = client.get("/creator/statements/2026-03/?party=bob").content.decode()
    assert "2026-03-alice-CNY" in page
    assert "30.40" in page
    draft = client.get("/creator/statements/2026-04/").content.decode()
    assert "not closed yet" in draft
    rows = list(csv.DictReader(io.StringIO(client.get("/creator/statements/2026-04.csv").content.decode("utf-8-sig"))))
    assert [(row["note"], row["amount"], row["amount_minor"]) for row in rows if row["section"] == "adjustments"] == [
        ("'=a bonus", "7.00", "700")
    ]
    for nothing in ("2026-04.json", "9999-12/", "9999-12.pdf", "2026-13/"):
        assert client.get(f"/creator/statements/{nothing}").status_code == 404
    assert client.get("/creator/statements/2026-03.json").json()["head"]["number"] == "2026-03-alice-CNY"
    pdf = client.get("/creator/statements/2026-03.pdf", headers={"Accept-Language": "zh-hans"})
    assert pdf.content.startswith(b"%PDF")
    assert len(pdf.content) < 200_000
    for nowhere in ("2026-13", "nonsense", "0"):
        assert client.get(f"/creator/statements/{nowhere}/").status_code == 404


def test_finance_issues_and_takes_them_again(year: Stage, cast: Cast) -> None:
    close(cast, MARCH)
    client = cast.client_of(cast.finn)
    assert "1 month was issued" in client.get("/admin/partners/statement/issue/", follow=True).content.decode()
    found = Statement.objects.get(number="2026-03-bob-CNY")
    address = f"/admin/partners/statement/{found.pk}/statement.json"
    assert client.get(address).content == client.get(address).content
    assert cast.client_of(cast.marco).get(address).status_code == 403


def test_every_line_of_a_statement_is_computed_again_and_agrees(year: Stage, cast: Cast) -> None:
    kinds = set()
    for month in (MARCH, APRIL):
        found = statement_of(party=year.alice, month=month, currency="CNY", visible_to=None)
        assert found is not None
        for line in found.lines:
            why = posting_explained(posting_id=line["posting"], visible_to=None)
            assert why is not None
            assert why.agrees, (why, line)
            kinds.add(why.kind)
    assert kinds == {"advance", "sale", "refund", "adjustment", "payout"}
    owner = person_create(email="bo@cast.test", name="Bo", password="a quiet river at noon", verified=True)
    seat_give(user=owner, party=year.alice)
    client = cast.client_of(owner)
    april = statement_of(party=year.alice, month=APRIL, currency="CNY", visible_to=None)
    assert april is not None
    refund = next(line for line in april.lines if line["section"] == "refunds")
    page = client.get(f"/creator/postings/{refund['posting']}/").content.decode()
    assert "what was booked, to the last minor unit" in page
    assert "12.60" in page  # a quarter of the share of 50.40
    march = statement_of(party=year.alice, month=MARCH, currency="CNY", visible_to=None)
    assert march is not None
    sale = next(line for line in march.lines if line["section"] == "sales")
    page = client.get(f"/creator/postings/{sale['posting']}/").content.decode()
    assert "The split, step by step" in page
    assert "This line of the statement" in page
    theirs = statement_of(party=year.bob, month=MARCH, currency="CNY", visible_to=None)
    assert theirs is not None
    assert client.get(f"/creator/postings/{theirs.lines[0]['posting']}/").status_code == 404
