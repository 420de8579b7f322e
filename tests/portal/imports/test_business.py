"""Importing a business: the receipt equals the files, curators are owed the hand calculation, and it goes back."""

import csv
import gzip
import shutil
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import ImportBatch, ImportedRow, Party, User
from accounts.scope import all_rows
from analytics.models import Campaign, ChannelReportRow, Conversion, Credit, ReportRun, Spend, Touchpoint, Visitor
from analytics.selectors import report_table
from analytics.services import report_request, report_run
from courses.models import Course, Order
from ledger.models import FxRate, JournalEntry
from ledger.selectors import trial_balance
from partners.models import Agreement

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE, MAPPING = ROOT / "examples/imports/paid_courses", ROOT / "examples/imports/paid_courses.toml"
WRITTEN = (
    Agreement, Campaign, Conversion, Course, Credit, FxRate, ImportBatch, ImportedRow, JournalEntry, Order, Party,
    Spend, Touchpoint, User, Visitor,
)  # fmt: skip
"""Every table that an import writes."""

pytestmark = pytest.mark.usefixtures("db")


def imported(folder: Path = EXAMPLE, *options: str, mapping: Path = MAPPING) -> str:
    """What the command prints."""
    out = StringIO()
    call_command("import_business", str(folder), "--mapping", str(mapping), *options, stdout=out)
    return out.getvalue()


def table(name: str) -> list[dict[str, str]]:
    """The rows of a file of the example."""
    with (EXAMPLE / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def counts() -> dict[str, int]:
    """Rows in every table that an import writes."""
    with all_rows():
        return {model.__name__: model._default_manager.count() for model in WRITTEN}


def balances(currency: str = "UAH") -> dict[str, int]:
    """Account -> balance."""
    with all_rows():
        rows = trial_balance(visible_to=None)
    return {row.code: row.amount for row in rows if row.currency == currency and row.amount}


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


def test_two_actors_are_two_people() -> None:
    with pytest.raises(CommandError, match="two different people"):
        imported(EXAMPLE, "--prepared-by", "a@x.test", "--approved-by", "a@x.test")
    with pytest.raises(CommandError, match="nobody here has the address"):
        imported(EXAMPLE, "--prepared-by", "a@x.test", "--approved-by", "b@x.test")


def copied(tmp_path: Path) -> Path:
    """The example in a folder of its own."""
    folder = tmp_path / "files"
    shutil.copytree(EXAMPLE, folder)
    return folder


def edited(tmp_path: Path, name: str, edit: Callable[[str], str]) -> Path:
    """The example with one file changed."""
    folder = copied(tmp_path)
    path = folder / name
    text = path.read_text(encoding="utf-8")
    changed = edit(text)
    assert changed != text, "the edit must change the file"
    path.write_text(changed, encoding="utf-8")
    return folder


def replaced(before: str, after: str) -> Callable[[str], str]:
    """Replace the first occurrence."""
    return lambda text: text.replace(before, after, 1)


BAD_FILES: dict[str, tuple[str, Callable[[str], str], str]] = {
    "a row that is too short": (
        "courses_payment.csv",
        replaced(",503,7200", ",503"),
        r"courses_payment\.csv, row 2, column paid_amount: the row has 5 fields where 6 are expected",
    ),
    "a quote that never ends": (
        "courses_course.csv",
        replaced("Data pipelines", '"Data pipelines'),
        r"courses_course\.csv, row \d+: this line is not well-formed CSV",
    ),
    "a negative price": (
        "courses_course.csv",
        replaced(",9600,", ",-9600,"),
        r'courses_course\.csv, row 2, column price_uah: "-9600" is negative',
    ),
    "a negative payment": (
        "courses_payment.csv",
        replaced(",7200\n", ",-7200\n"),
        r'courses_payment\.csv, row 2, column paid_amount: "-7200" is negative',
    ),
    "an amount that is no number": (
        "courses_payment.csv",
        replaced(",7200\n", ",7.2e3\n"),
        r'courses_payment\.csv, row 2, column paid_amount: "7\.2e3" is not an amount in UAH',
    ),
    "a payment id that stands there twice": (
        "courses_payment.csv",
        replaced("\n5002,", "\n5001,"),
        r'courses_payment\.csv, row 3, column id: payment "5001" stands in row 2 already',
    ),
    "a transaction that stands there twice": (
        "courses_payment.csv",
        replaced(",00005002,", ",00005001,"),
        r'courses_payment\.csv, row 3, column txn_id: transaction "00005001" stands in row 2 already',
    ),
    "a person who is unknown": (
        "courses_payment.csv",
        replaced(",5004,503", ",9999,503"),
        r'courses_payment\.csv, row 2, column user_id: "9999" does not stand in courses_user\.csv',
    ),
    "a time that is none": (
        "courses_user.csv",
        replaced("2023-10-02 09:23:38.4", "yesterday"),
        r'courses_user\.csv, row 2, column join_ts: "yesterday" is not a date and time',
    ),
    "a share above the whole": (
        "courses_course.csv",
        replaced(",45,", ",101,"),
        r"courses_course\.csv, row 2, column curator_fee_pct: a share is a percentage of 0 to 100",
    ),
    "a column that is missing": (
        "courses_marketing_google.csv",
        replaced("cost_micros", "cost"),
        r"courses_marketing_google\.csv, row 1, column cost_micros: the column is missing",
    ),
    "clicks below nothing": (
        "courses_marketing_facebook.csv",
        replaced(",548,5,", ",548,-5,"),
        r'courses_marketing_facebook\.csv, row 2, column clicks: "-5" is not a whole number',
    ),
    "an empty file": ("courses_user.csv", lambda text: "", r"courses_user\.csv: the file is empty"),
}
BAD_MAPPINGS: dict[str, tuple[Callable[[str], str], str]] = {
    "an unknown currency": (
        replaced('currency = "UAH"', 'currency = "UAX"'),
        r'paid_courses\.toml, column orders\.currency: unknown currency "UAX"',
    ),
    "a rate that is none": (
        replaced('rate = "36.60"', 'rate = "-1"'),
        r'paid_courses\.toml, column rates\.0\.rate: "-1" is not a rate above 0',
    ),
    "a channel that is unknown": (
        replaced('otherwise = "direct"', 'otherwise = "nowhere"'),
        r"paid_courses\.toml, column channel_map\.otherwise: no \[\[channels\]\] entry has the code",
    ),
    "a key that is missing": (
        replaced("hold_days = 0", ""),
        r"paid_courses\.toml, column agreements\.hold_days: the mapping lacks this key",
    ),
    "TOML that is none": (replaced("[source]", "[source"), r"paid_courses\.toml: this is not well-formed TOML"),
    "a time zone that is none": (
        replaced('time_zone = "UTC"', 'time_zone = "Mars/Base"'),
        r'paid_courses\.toml, column source\.time_zone: unknown time zone "Mars/Base"',
    ),
}


def refused(call: Callable[[], Any], words: str) -> None:
    """The call fails with one line, and nothing is written. A CommandError ends the program with exit code 1."""
    before = counts()
    with pytest.raises(CommandError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert caught.value.returncode == 1
    assert counts() == before


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_bad_file_is_named_with_row_and_column_and_nothing_is_written(what: str, tmp_path: Path) -> None:
    name, edit, words = BAD_FILES[what]
    folder = edited(tmp_path, name, edit)
    refused(lambda: imported(folder), words)


@pytest.mark.parametrize("what", BAD_MAPPINGS)
def test_a_bad_mapping_is_named_with_its_key_and_nothing_is_written(what: str, tmp_path: Path) -> None:
    edit, words = BAD_MAPPINGS[what]
    path = tmp_path / MAPPING.name
    path.write_text(edit(MAPPING.read_text(encoding="utf-8")), encoding="utf-8")
    refused(lambda: imported(mapping=path), words)


def test_a_missing_file_folder_or_mapping_is_named(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / "courses_user.csv").unlink()
    refused(lambda: imported(folder), r"courses_user\.csv: there is no such file")
    refused(lambda: imported(tmp_path / "nowhere"), "there is no such folder")
    refused(lambda: imported(mapping=tmp_path / "nowhere.toml"), r"nowhere\.toml: the mapping cannot be read")
