"""`manage.py close_month`: two persons of finance close a month from the shell."""

import io
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from ledger.selectors import is_closed
from ledger.services import period_prepare
from tests.cast import Cast
from tests.ledger import stage
from tests.ledger.test_periods import MARCH

pytestmark = pytest.mark.usefixtures("everything")


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("close_month", *arguments, stdout=out)
    return out.getvalue()


def test_two_persons_close_a_month_and_nobody_else_can(cast: Cast) -> None:
    stage.parties()
    stage.sell("O-1", 100, at=datetime(2026, 3, 5, tzinfo=UTC))
    assert "ok  The month is over" in run("2026-03")
    for arguments, says in (
        (["2026-13"], "is no month"),
        (["2026-03", "--prepare", cast.mei.email], "nobody who may prepare"),
        (["2026-03", "--close", cast.finn.email], "was not prepared yet"),
    ):
        with pytest.raises(CommandError, match=says):
            run(*arguments)
    assert "another person closes it" in run("2026-03", "--prepare", cast.finn.email)
    with pytest.raises(CommandError, match="You prepared this month"):
        run("2026-03", "--close", cast.finn.email)
    period_prepare(month=MARCH, by=stage.clerk("pam"))
    assert "2026-03 is closed" in run("2026-03", "--close", cast.finn.email)
    assert is_closed(month=MARCH)
