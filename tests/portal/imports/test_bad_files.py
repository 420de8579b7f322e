"""Whatever is wrong with what an operator hands us is one line that names file, row and column; nothing is written."""

from collections.abc import Callable
from pathlib import Path

import pytest

from courses.errors import BadOrderError
from tests.portal.imports.business import MAPPING, copied, edited, imported, refused, replaced

pytestmark = pytest.mark.usefixtures("db")

BAD_FILES: dict[str, tuple[str, Callable[[str], str], str]] = {
    "a row that is too short": (
        "courses_payment.csv",
        replaced(",503,7200", ",503"),
        r"courses_payment\.csv, row 2, column paid_amount: the row has 5 fields where 6 are expected",
    ),
    "a quote that never ends": (
        "courses_course.csv",
        replaced("Data pipelines", '"Data pipelines'),
        r"courses_course\.csv, row 2, column name: this row is not well-formed CSV",
    ),
    "a quote within a quote": (
        "courses_course.csv",
        replaced("Rust", '"Rust" '),
        r"courses_course\.csv, row 3, column name: this row is not well-formed CSV",
    ),
    "a row that is too long": (
        "courses_payment.csv",
        replaced(",503,7200", ",503,7200,8"),
        r"courses_payment\.csv, row 2, column paid_amount: the row has 7 fields where 6 are expected",
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
    "a zero byte": (
        "courses_course.csv",
        replaced("Data pipelines", "Data\0pipelines"),
        r"courses_course\.csv, row 2, column name: this line holds a zero byte",
    ),
    "an amount beyond all bounds": (
        "courses_payment.csv",
        replaced(",7200\n", f",{10**18}\n"),
        r"courses_payment\.csv, row 2, column paid_amount: .* is more than 1,000,000,000,000",
    ),
    "a time in the future": (
        "courses_payment.csv",
        replaced("2023-10-", "9998-10-"),
        r'courses_payment\.csv, row 2, column time: "9998-10-10 04:52:40\.0" lies in the future',
    ),
    "a time before all others": (
        "courses_user.csv",
        replaced("2023-10-02 09:23:38.4", "0001-01-01T00:00:00+14:00"),
        r"courses_user\.csv, row 2, column join_ts: .* is not a date and time",
    ),
    "a payment before the agreements": (
        "courses_payment.csv",
        replaced("2023-10-", "2023-09-"),
        r"courses_payment\.csv, row 2, column time: this payment lies before agreements\.effective_from",
    ),
    "an id without end": (
        "courses_payment.csv",
        replaced("00005001", "9" * 300),
        r"courses_payment\.csv, row 2, column txn_id: .* \(300 characters\) is longer than 100 characters",
    ),
    "digits of another alphabet": (
        "courses_marketing_facebook.csv",
        replaced(",548,5,", ",548,٥,"),
        r'courses_marketing_facebook\.csv, row 2, column clicks: "٥" is not a whole number',
    ),
    "a value of two lines": (
        "courses_payment.csv",
        replaced(",5004,503", ',"9999\n9999",503'),
        r'courses_payment\.csv, row 2, column user_id: "9999 9999" does not stand in courses_user\.csv',
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
    "a path instead of a name": (
        replaced('file = "courses_user.csv"', 'file = "../secrets.csv"'),
        r"\.\./secrets\.csv: the mapping names files by their names, not by paths",
    ),
    "a model that is unknown": (
        replaced('"last_touch"', '"wizardry"'),
        r'paid_courses\.toml, column agreements\.paying_model: unknown value "wizardry"; choose among first_touch',
    ),
    "a channel that stands there twice": (
        replaced('code = "paid-social"', 'code = "direct"'),
        r'paid_courses\.toml, column channels\.2\.code: "direct" stands in two',
    ),
    "a network that two files share": (
        replaced('file = "courses_marketing_facebook.csv"', 'file = "courses_marketing_google.csv"'),
        r"courses_marketing_google\.csv, row 1, column start_date: the column is missing",
    ),
    "a look-back of nothing": (
        replaced("window_days = 30", "window_days = 0"),
        r"paid_courses\.toml, column agreements\.window_days: 0 is not a whole number from 1 to 365",
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


def test_two_files_of_one_network_are_two_lines_of_the_receipt_and_no_day_counts_twice(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    mapping = tmp_path / "two.toml"
    google = MAPPING.read_text(encoding="utf-8").partition("[[spend]]")[2].partition("[[spend]]")[0]
    second = google.replace("courses_marketing_google.csv", "november.csv")
    mapping.write_text(f"{MAPPING.read_text(encoding='utf-8')}\n[[spend]]{second}", encoding="utf-8")
    head, first, *_rest = (folder / "courses_marketing_google.csv").read_text(encoding="utf-8").splitlines()
    (folder / "november.csv").write_text(f"{head}\n{first}\n", encoding="utf-8")
    refused(
        lambda: imported(folder, mapping=mapping),
        r'november\.csv, row 2: campaign "7001" has cost on 2023-10-01 in courses_marketing_google\.csv already',
    )
    later = first.replace("2023-10-01", "2023-11-01").rpartition(",")[0]
    (folder / "november.csv").write_text(f"{head}\n{later},5000000\n", encoding="utf-8")
    assert "november.csv: exactly 500 minor units; rounded once 5.00 USD; apportioned over 1" in imported(
        folder, mapping=mapping
    )


def test_what_a_floor_refuses_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_orders: object) -> None:
        raise BadOrderError("Order 5001 has no line.")

    monkeypatch.setattr("portal.imports.write.orders_record", refuse)
    refused(imported, r"the import was refused as a whole, nothing is kept: Order 5001 has no line\.")
