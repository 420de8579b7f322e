"""`manage.py attribute` and `manage.py build_paths` as a script outside the project sees them."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from analytics.attribution.registry import MODELS

TABLE = "path,total_conversions,total_conversion_value,total_null\na > b,1,9,0\na,0,0,1\nb,0,0,1\n"
TOUCHES = (
    "customer_id,time,channel,conversion,conversion_value\n"
    "u,2025-03-01T10:00:00Z,a,0,\nu,2025-03-02T10:00:00Z,a,0,\nu,2025-03-03T10:00:00Z,b,1,9.90\n"
)
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "paths.csv"
    file.write_text(TABLE)
    return file


def manage(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run manage.py as a shell would, on a machine where no server was ever started."""
    environment = {**os.environ, "PORTAL_DATA_DIR": str(folder / "tests")}
    command = [sys.executable, str(ROOT / "manage.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def called(name: str, *arguments: object) -> str:
    errors = StringIO()
    call_command(name, *map(str, arguments), stderr=errors)
    return errors.getvalue()


def refused(name: str, *arguments: object) -> str:
    with pytest.raises(CommandError) as caught:
        called(name, *arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_credits_are_written_in_the_promised_form(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    errors = called("attribute", table, "--models", "linear, markov,linear", "--out", out)
    models = json.loads(out.read_text())["models"]
    assert list(models) == ["linear", "markov"]
    assert models["linear"] == {
        "channels": {"a": {"conversions": 0.5, "value": 4.5}, "b": {"conversions": 0.5, "value": 4.5}}
    }
    markov = models["markov"]
    assert markov["order"] == 1
    assert markov["p_conversion"] == pytest.approx(1 / 3)
    assert markov["value_per_journey"] == pytest.approx(3)
    assert markov["channels"]["a"] == pytest.approx(
        {
            "conversions": 1 / 3,
            "value": 3,
            "removal_effect_conversions": 1 / 2,
            "removal_effect_value": 1 / 2,
        }
    )
    cost = json.loads(errors.splitlines()[-1])
    assert cost.keys() == {"seconds", "compile_seconds", "peak_mb"}
    assert list(cost["seconds"]) == ["parse", "linear", "markov"]
    assert all(seconds >= 0 for seconds in [*cost["seconds"].values(), cost["compile_seconds"]])
    assert cost["peak_mb"] > 20
    assert len(errors.splitlines()) == 1, "progress is for terminals"


def test_the_order_of_the_chain_can_be_chosen(table: Path, tmp_path: Path) -> None:
    called("attribute", table, "--models", "markov", "--order", "2", "--out", tmp_path / "out.json")
    markov = json.loads((tmp_path / "out.json").read_text())["models"]["markov"]
    assert markov["order"] == 2
    assert markov["channels"]["a"]["removal_effect_conversions"] == pytest.approx(1)


def test_the_terms_of_a_model_can_be_chosen(table: Path, tmp_path: Path) -> None:
    options = ["--direct", "b, c", "--weights", "3,1", "--half-life", "1", "--recency", "--pairs"]
    models = "last_non_direct,position_weights,time_decay,counterfactual"
    called("attribute", table, "--models", models, *options, "--out", tmp_path / "out.json")
    told = json.loads((tmp_path / "out.json").read_text())["models"]
    assert told["last_non_direct"]["channels"]["a"]["conversions"] == 1
    assert told["position_weights"]["channels"]["a"]["conversions"] == 0.75
    assert told["time_decay"]["channels"]["a"]["conversions"] == pytest.approx(1 / 3)
    caused = told["counterfactual"]
    added = sum(row["shapley_conversions"] for row in caused["channels"].values())
    assert added + caused["baseline"]["conversions"] == pytest.approx(1)


def test_without_values_the_file_says_null(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,total_conversions\na > b,1\n")
    called("attribute", tmp_path / "t.csv", "--models", ",".join(MODELS), "--out", tmp_path / "out.json")
    models = json.loads((tmp_path / "out.json").read_text())["models"]
    assert all(row["value"] is None for model in models.values() for row in model["channels"].values())
    assert models["markov"]["value_per_journey"] is None
    assert models["markov"]["channels"]["a"]["removal_effect_value"] is None


def test_the_same_input_gives_the_same_bytes(table: Path, tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        called("attribute", table, "--models", ",".join(MODELS), "--out", tmp_path / name)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--models", "guess"], "unknown model 'guess', choose among first_touch, last_touch"),
        (["--models", "position_weights", "--weights", "1,x"], "--half-life and --weights must be numbers"),
        (["--models", "position_weights", "--weights", "0"], "weights of positions must be numbers of at least 0"),
        (["--models", "time_decay", "--half-life", "0"], "a half-life must be a number above 0, not 0"),
        (["--models", "linear,,markov"], "unknown model '', choose among"),
        (["--models", "markov", "--order", "0"], "--order must be a whole number of at least 1, not '0'"),
        (["--models", "markov", "--order", "two"], "--order must be a whole number of at least 1, not 'two'"),
        (["--models", "markov", "--order", "60"], "markov of order 60 over 2 channels has too many states"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(
    table: Path, tmp_path: Path, options: Any, message: str
) -> None:
    out = tmp_path / "out.json"
    out.write_text("before")
    assert refused("attribute", table, *options, "--out", out).startswith(message)
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", "paths.csv"]


def test_a_bad_row_is_named_and_nothing_is_written(table: Path, tmp_path: Path) -> None:
    table.write_text(TABLE + "a > b,-1,0,0\n")
    message = refused("attribute", table, "--models", "linear", "--out", tmp_path / "out.json")
    assert message == f"{table}, row 5, column total_conversions: '-1' must not be negative"
    assert not (tmp_path / "out.json").exists()


@pytest.mark.parametrize(("out", "message"), [("", "is a folder; name a file"), ("gone/out.json", "does not exist")])
def test_a_place_that_cannot_be_written_is_refused_first(table: Path, tmp_path: Path, out: str, message: str) -> None:
    assert message in refused("attribute", table, "--models", "linear", "--out", tmp_path / out)


def test_the_file_that_is_read_is_not_written_over(table: Path) -> None:
    message = refused("attribute", table, "--models", "linear", "--out", table)
    assert message == f"{table}: is the file that is read; name another one"
    assert table.read_text() == TABLE


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("/proc/out.json", "no such file or directory"),
        ("/dev/full", "no space left"),
        ("x" * 300, "file name too long"),
    ],
)
def test_a_failing_write_is_one_clear_line(table: Path, out: str, reason: str) -> None:
    message = refused("attribute", table, "--models", "linear", "--out", out)
    assert message.startswith(f"{out}: cannot be written: {reason}")


def test_a_device_is_written_to_directly(table: Path) -> None:
    called("attribute", table, "--models", "linear", "--out", "/dev/null")
    assert not Path("/dev/null").is_file()


def test_progress_is_shown_on_a_terminal(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    errors = Terminal()
    arguments = [str(table), "--models", "linear", "--out", str(tmp_path / "out.json")]
    call_command("attribute", *arguments, stderr=errors)
    assert errors.getvalue().splitlines()[:3] == ["compile ...", "parse ...", "linear ..."]


def test_a_shell_gets_exit_codes_and_needs_no_database(table: Path, tmp_path: Path) -> None:
    good = manage("attribute", table, "--models", "linear", "--out", tmp_path / "out.json", folder=tmp_path)
    assert good.returncode == 0, good.stderr
    assert json.loads(good.stderr.splitlines()[-1])["seconds"].keys() == {"parse", "linear"}
    assert good.stdout == ""
    gone, out = tmp_path / "gone.csv", tmp_path / "b.json"
    bad = manage("attribute", gone, "--models", "linear", "--out", out, folder=tmp_path)
    assert bad.returncode == 1
    assert bad.stderr == f"CommandError: {gone}: cannot be read: no such file or directory\n"
    assert not out.exists()
    assert {path.name for path in (tmp_path / "tests").iterdir()} <= {"secret_key"}, "a server was started"


@pytest.mark.parametrize("command", ["attribute", "build_paths"])
def test_help_gives_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        call_command(command, "--help")
    assert caught.value.code == 0
    assert f"Example: manage.py {command} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "path"), [([], "a > a > b"), (["--collapse"], "a > b"), (["--session-minutes", "1440"], "a")]
)
def test_touches_become_the_table_that_attribute_reads(tmp_path: Path, options: list[str], path: str) -> None:
    (tmp_path / "t.csv").write_text(TOUCHES)
    out = tmp_path / "paths.csv"
    called("build_paths", tmp_path / "t.csv", "--lookback-days", "30", *options, "--out", out)
    assert out.read_text() == f"path,total_conversions,total_conversion_value,total_null\n{path},1,9.9,0\n"
    called("attribute", out, "--models", "linear", "--out", tmp_path / "out.json")


@pytest.mark.parametrize("days", ["0", "-1", "x", "1.5", "99999"])
def test_an_impossible_lookback_is_refused(tmp_path: Path, days: str) -> None:
    (tmp_path / "t.csv").write_text(TOUCHES)
    message = refused("build_paths", tmp_path / "t.csv", f"--lookback-days={days}", "--out", tmp_path / "p.csv")
    assert message == f"--lookback-days must be a whole number from 1 to 36500, not '{days}'"


@pytest.mark.parametrize("minutes", ["0", "-1", "x", "1.5", "1441"])
def test_an_impossible_session_is_refused(tmp_path: Path, minutes: str) -> None:
    (tmp_path / "t.csv").write_text(TOUCHES)
    asked = ("--lookback-days", "30", f"--session-minutes={minutes}", "--out", tmp_path / "p.csv")
    message = refused("build_paths", tmp_path / "t.csv", *asked)
    assert message == f"--session-minutes must be a whole number from 1 to 1440, not '{minutes}'"


def test_bad_touches_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TOUCHES + "u,yesterday,a,0,\n")
    message = refused("build_paths", tmp_path / "t.csv", "--lookback-days", "30", "--out", tmp_path / "p.csv")
    assert message == f"{tmp_path / 't.csv'}, row 5, column time: 'yesterday' is not an ISO 8601 time"
    assert not (tmp_path / "p.csv").exists()
