"""Importing a business: the receipt equals the files, curators are owed the hand calculation, and it goes back."""

import gzip
import re
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ImportBatch, User
from accounts.scope import all_rows
from analytics.models import ChannelReportRow, ReportRun, Spend
from analytics.selectors import report_table
from analytics.services import report_request, report_run
from courses.models import Course, Order
from ledger.models import JournalEntry
from tests.cast import Cast
from tests.portal.imports.business import EXAMPLE, balances, copied, counts, edited, imported, table

pytestmark = pytest.mark.usefixtures("db")


def owed() -> list[int]:
    """What is payable to each curator, in the order of the courses."""
    with all_rows():
        found = balances()
        courses = Course.objects.order_by("pk").prefetch_related("creators")
        parties = [course.creators.all()[0].code for course in courses]
    return [found.get(f"party:{code}", 0) for code in parties]


def october(currency: str = "UAH") -> dict[str, dict[str, int]]:
    """Figure -> channel's code -> sum, last touch, over the days of the files."""
    run = report_run(run_id=report_request(since=date(2023, 10, 1), until=date(2023, 12, 31), currency=currency).pk)
    rows = ChannelReportRow.objects.filter(run=run, model="last_touch").select_related("channel")
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        code = row.channel.code if row.channel else "unattributed"
        for name, figure in (
            ("sign_ups", row.sign_ups_ppm), ("revenue", row.revenue_minor), ("spend", row.spend_minor)
        ):  # fmt: skip
            if figure:
                found.setdefault(name, {})[code] = figure
    return found


class TestRealFiles:
    """The export of a real platform. Its figures were worked out by hand from the files."""

    @pytest.fixture
    def files(self, shared_data: Path) -> Path:
        folder = shared_data / "data" / "attribution"
        if not folder.is_dir():
            pytest.fail(f"{folder} is not a folder")
        return folder

    def test_curators_are_owed_what_the_hand_calculation_says(self, files: Path) -> None:
        text = imported(files)
        # 12 x 12,000 x 50 %, 9 x 10,000 x 40 %, 8 x 14,000 x 40 %, ... to the last minor unit
        assert sorted(owed()) == sorted(100 * uah for uah in (72_000, 36_000, 44_800, 4_400, 10_000))
        assert "payments in the file   377000.00 UAH" in text
        assert "booked by this import  377000.00 UAH" in text

    def test_the_channel_report_holds_every_sign_up_and_every_hryvnia(self, files: Path) -> None:
        imported(files)
        found = october()
        assert found["sign_ups"] == {
            code: count * 10**6
            for code, count in {"direct": 67, "organic-search": 27, "paid-search": 38, "paid-social": 12}.items()
        }
        assert found["revenue"] == {
            code: uah * 100
            for code, uah in {
                "direct": 192_000, "paid-search": 134_000, "organic-search": 31_000, "paid-social": 20_000
            }.items()
        }  # fmt: skip
        # 14,106.11 and 5,563.90 USD at 36.60, each rounded once
        assert found["spend"] == {"paid-search": 51_628_363, "paid-social": 20_363_874}

    def test_spend_is_rounded_once_and_lies_in_the_campaign_days(self, files: Path) -> None:
        text = imported(files)
        assert "rounded once 14106.11 USD" in text
        assert "booked by this import 14106.11 USD" in text
        assert "booked by this import 5563.90 USD" in text
        sums = dict.fromkeys(("google", "facebook"), 0)
        for source, minor in Spend.objects.values_list("campaign__source", "amount_minor"):
            sums[source] += minor
        assert sums == {"google": 1_410_611, "facebook": 556_390}

    def test_a_second_run_skips_every_row_and_a_reversal_takes_all_of_it_back(self, files: Path) -> None:
        imported(files)
        before = counts()
        assert "Nothing new: every row was imported before." in imported(files)
        assert counts() == before
        with all_rows():
            batch = ImportBatch.objects.get()
        call_command("reverse_import", str(batch.pk), "--reason", "wrong export", stdout=StringIO())
        assert balances() == {}
        assert october() == {}


def test_the_shipped_example_ties_and_names_every_file() -> None:
    text = imported()
    total = sum(int(row["paid_amount"]) for row in table("courses_payment.csv"))
    assert f"payments in the file   {total}.00 UAH" in text
    assert f"booked by this import  {total}.00 UAH" in text
    for path in EXAMPLE.glob("*.csv"):
        assert path.name in text
    assert sum(october()["revenue"].values()) == total * 100
    assert sum(october()["sign_ups"].values()) == 48 * 10**6


def test_the_shipped_examples_curators_get_their_share_of_each_payment() -> None:
    imported()
    paid: dict[str, int] = {}
    for row in table("courses_payment.csv"):
        paid[row["course_id"]] = paid.get(row["course_id"], 0) + int(row["paid_amount"])
    # hryvnias times percent are kopecks
    assert owed() == [paid.get(row["id"], 0) * Decimal(row["curator_fee_pct"]) for row in table("courses_course.csv")]
    assert sum(balances().values()) == 0


def test_a_dry_run_prints_the_receipt_and_writes_nothing() -> None:
    before = counts()
    text = imported(EXAMPLE, "--dry-run")
    assert text.startswith("Dry run")
    assert "booked by this import" in text
    assert counts() == before
    real = imported()
    assert text.splitlines()[2:9] == real.splitlines()[2:9]


def test_a_second_run_skips_everything_with_its_reason() -> None:
    imported()
    before = counts()
    text = imported()
    assert "48 already imported" in text
    assert counts() == before


def test_what_is_new_is_added_beside_what_is_there(tmp_path: Path) -> None:
    imported()
    folder = copied(tmp_path)
    with (folder / "courses_payment.csv").open("a", encoding="utf-8") as file:
        file.write("5999,00005999,2023-10-30 10:00:00.0,5001,501,9600\n")
    text = imported(folder)
    assert "booked by this import  9600.00 UAH" in text
    with all_rows():
        assert Order.objects.filter(code__contains="-5999-").count() == 1


def test_a_row_that_changed_since_is_refused(tmp_path: Path) -> None:
    imported()
    before = counts()
    folder = edited(tmp_path, "courses_payment.csv", lambda text: text.replace(",7200\n", ",7201\n", 1))
    with pytest.raises(
        CommandError, match=r"courses_payment\.csv, row 2: payment .5001. was imported before with other"
    ):
        imported(folder)
    assert counts() == before


def test_files_may_be_compressed_and_hold_blank_lines(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    path = folder / "courses_user.csv"
    body = path.read_text(encoding="utf-8").replace("\n", "\n\n")
    (folder / "courses_user.csv.gz").write_bytes(gzip.compress(body.encode()))
    path.unlink()
    assert "courses_user.csv.gz                      48       48        0" in imported(folder)


def test_a_reversal_voids_and_withdraws_and_the_files_can_come_again() -> None:
    imported()
    with all_rows():
        batch = ImportBatch.objects.get()
        entries = JournalEntry.objects.count()
    out = StringIO()
    call_command("reverse_import", str(batch.pk), "--reason", "wrong export", stdout=out)
    assert out.getvalue().startswith(f"Import {batch.pk} is reversed: 10 orders voided, 10 entries")
    with all_rows():
        assert JournalEntry.objects.count() == 2 * entries, "voids are entries of their own; nothing is deleted"
        assert not User.objects.filter(import_batch=batch, is_active=True).exists()
    assert balances() == {}
    assert october() == {}
    with pytest.raises(CommandError, match="was reversed on"):
        call_command("reverse_import", str(batch.pk), "--reason", "again")
    assert "booked by this import" in imported()
    assert sum(october()["sign_ups"].values()) == 48 * 10**6


def test_an_import_that_does_not_exist_cannot_be_reversed() -> None:
    with pytest.raises(CommandError, match="there is no import 987654"):
        call_command("reverse_import", "987654", "--reason", "x")


def test_the_report_of_an_import_has_lines_that_sum() -> None:
    imported()
    october()
    report = report_table(ReportRun.objects.get(), model="markov")
    assert sum(line.revenue("markov") for line in report.lines) == report.total.revenue("markov")
    assert report.total.models["markov"].roas is not None


class TestDesk:
    """Reversing an import in the admin."""

    def test_finance_reverses_an_import_with_a_reason_and_others_do_not(self, cast: Cast) -> None:
        imported()
        with all_rows():
            batch = ImportBatch.objects.get()
        page, act = (f"/admin/accounts/importbatch/{batch.pk}/{end}/" for end in ("change", "reverse"))
        form = {"reason": "wrong export", "step": "confirm"}
        assert cast.client_of(cast.mei).post(act, form).status_code == 403
        finance = cast.client_of(cast.finn)
        text = finance.get(page).content.decode()
        total = sum(int(row["paid_amount"]) for row in table("courses_payment.csv"))
        assert f"10 orders of UAH\xa0{total:,}.00 · 48 people" in text
        assert "Became payable" in text
        assert act in text
        assert f"UAH\xa0{total:,}.00" in finance.get(act).content.decode(), "the dialog says what it takes back"
        assert finance.post(act, form).status_code == 302
        batch.refresh_from_db()
        assert batch.state == "reversed"
        assert balances() == {}
        assert not Course.objects.filter(state="published").exists(), "its courses are off sale"
        assert act not in finance.get(page).content.decode()
        assert finance.post(act, form).status_code == 403, "once is enough"

    def test_a_large_import_is_left_to_the_command(self, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
        imported()
        monkeypatch.setattr("portal.imports.admin.MOST_ORDERS", 9)
        with all_rows():
            batch = ImportBatch.objects.get()
        act = f"/admin/accounts/importbatch/{batch.pk}/reverse/"
        answer = cast.client_of(cast.finn).post(act, {"reason": "x", "step": "confirm"}, follow=True)
        assert f"manage.py reverse_import {batch.pk}" in answer.content.decode()
        batch.refresh_from_db()
        assert batch.state == "committed"


def test_two_actors_are_two_people() -> None:
    with pytest.raises(CommandError, match="two different people"):
        imported(EXAMPLE, "--prepared-by", "a@x.test", "--approved-by", "a@x.test")
    with pytest.raises(CommandError, match="nobody here has the address"):
        imported(EXAMPLE, "--prepared-by", "a@x.test", "--approved-by", "b@x.test")


def test_ids_may_be_any_text(tmp_path: Path) -> None:
    """Ids become parts of codes, addresses and mails; what may not stand there is named by a hash."""
    folder = copied(tmp_path)
    for name in ("courses_user.csv", "courses_payment.csv", "courses_course.csv"):
        path = folder / name
        text = path.read_text(encoding="utf-8")
        text = text.replace("\n5001,", "\nA/1 课,").replace("\n5002,", "\na/1 课,").replace("\n5016,", f"\n{'z' * 90},")
        text = text.replace(",5016,", f",{'z' * 90},").replace("\n501,", "\n«1»,").replace(",501,", ",«1»,")
        path.write_text(text, encoding="utf-8")
    imported(folder)
    with all_rows():
        assert Order.objects.count() == 10
        assert all(re.fullmatch(r"[A-Za-z0-9-]{1,32}", code) for code in Order.objects.values_list("code", flat=True))
        assert all(re.fullmatch(r"[a-z0-9-]+", slug) for slug in Course.objects.values_list("slug", flat=True))
    assert "Nothing new" in imported(folder)
