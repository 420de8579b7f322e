"""Readers of the environment fail loudly, and say what is allowed."""

from pathlib import Path

import pytest

from portal import connections, env


def test_a_value_is_set_where_somebody_gave_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORTAL_INJECTION_SECONDS", raising=False)
    assert not env.is_set("PORTAL_INJECTION_SECONDS")
    monkeypatch.setenv("PORTAL_INJECTION_SECONDS", "5")
    assert env.is_set("PORTAL_INJECTION_SECONDS")


@pytest.mark.parametrize("value", ["1", "true", "YES", "On"])
def test_a_flag_is_on(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PORTAL_DEMO", value)
    assert env.flag("PORTAL_DEMO") is True


@pytest.mark.parametrize("value", ["0", "false", "No", "off", ""])
def test_a_flag_is_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PORTAL_DEMO", value)
    assert env.flag("PORTAL_DEMO") is False


def test_an_unknown_truth_value_is_refused_with_name_value_and_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_DEMO", "maybe")
    with pytest.raises(
        env.VariableError, match=r"PORTAL_DEMO='maybe' is not allowed; allowed: one of 1, true.*0, false"
    ):
        env.flag("PORTAL_DEMO")


@pytest.mark.parametrize("value", ["eight", "0", "65536", "80.5", "-1"])
def test_a_number_out_of_bounds_or_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PORTAL_PORT", value)
    with pytest.raises(env.VariableError, match=f"PORTAL_PORT='{value}'.*from 1 to 65535"):
        env.integer("PORTAL_PORT")


def test_a_choice_is_one_of_its_choices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_DEVICE", "tpu")
    with pytest.raises(env.VariableError, match=r"PORTAL_DEVICE='tpu'.*auto, cpu, cuda"):
        env.text("PORTAL_DEVICE")


def test_a_url_has_a_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_BASE_URL", "portal.example")
    with pytest.raises(env.VariableError, match="PORTAL_BASE_URL"):
        env.text("PORTAL_BASE_URL")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORTAL_TIME_ZONE", "Mars/Base", "a name such as Asia/Shanghai"),
        ("PORTAL_TIME_ZONE", "../etc/passwd", "a name such as Asia/Shanghai"),
        ("PORTAL_CURRENCY", "cny", "a code of ISO 4217 in capitals"),
        ("PORTAL_CURRENCY", "XXX", "a code of ISO 4217 in capitals"),
        ("PORTAL_BASE_URL", "ftp://portal.example", r"http://\.\.\. or https://"),
        ("BROKER_URL", "http://broker.example", r"amqp://\.\.\. or amqps://"),
        ("CACHE_URL", "memcached://cache.example", r"redis://\.\.\. or rediss://"),
        ("PORTAL_PORT", "web", "a whole number from 1 to 65535"),
        ("PORTAL_TEST_PAYMENT", "perhaps", "one of 1, true"),
    ],
)
def test_whatever_is_wrong_stops_whoever_starts(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    env.check()
    monkeypatch.setenv(name, value)
    with pytest.raises(env.VariableError, match=f"^{name}=.* is not allowed; allowed: {allowed}"):
        env.check()


def test_a_misspelt_variable_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    before = env.unknown()
    for name in ("PORTAL_SECRET_KEY_FILE", "PORTAL_PORTS", "PORTAL_PORT_FILE"):
        monkeypatch.setenv(name, "1")
    assert set(env.unknown()) - set(before) == {"PORTAL_PORTS", "PORTAL_PORT_FILE"}


def test_a_list_is_parted_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_ALLOWED_HOSTS", " a.example, b.example ,,")
    assert env.listing("PORTAL_ALLOWED_HOSTS") == ["a.example", "b.example"]


def test_a_relative_folder_starts_at_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_DATA_DIR", "elsewhere")
    assert env.data_dir() == env.BASE_DIR / "elsewhere"


def test_a_secret_may_lie_in_a_mounted_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    monkeypatch.delenv("PORTAL_SECRET_KEY", raising=False)
    monkeypatch.setenv("PORTAL_SECRET_KEY_FILE", str(tmp_path / "key"))
    assert env.text("PORTAL_SECRET_KEY") == "from a file"


def test_a_secret_given_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORTAL_SECRET_KEY", "a")
    monkeypatch.setenv("PORTAL_SECRET_KEY_FILE", "b")
    with pytest.raises(env.VariableError, match="both set"):
        env.text("PORTAL_SECRET_KEY")


def test_a_secret_file_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BROKER_URL_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("BROKER_URL", raising=False)
    with pytest.raises(env.VariableError, match=r"BROKER_URL_FILE=.*none.*cannot be read"):
        env.text("BROKER_URL")


def test_a_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "hunter2")
    with pytest.raises(env.VariableError) as caught:
        env.text("DATABASE_URL")
    assert "hunter2" not in str(caught.value)


def test_a_variable_must_be_in_the_table() -> None:
    with pytest.raises(KeyError):
        env.text("PORTAL_UNKNOWN")


def test_real_databases_are_two_doors_to_one_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:p%40ss@db:5433/portal?sslmode=require")
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://owner:x@db/portal")
    found = connections.databases()
    assert found["default"]["USER"] == "app"
    assert found["default"]["PASSWORD"] == "p@ss"
    assert found["default"]["PORT"] == "5433"
    assert found["default"]["OPTIONS"] == connections.DATABASE_PATIENCE | {"sslmode": "require"}
    assert found["owner"]["USER"] == "owner"


def test_a_dead_connection_is_noticed_unless_the_url_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:x@db/portal?connect_timeout=3")
    assert connections.databases()["default"]["OPTIONS"]["connect_timeout"] == "3"
    monkeypatch.setenv("CACHE_URL", "redis://cache/0")
    assert connections.caches()["default"]["OPTIONS"]["socket_timeout"] == 15
    waits = {}
    for url in ("", "redis://broker/0", "amqp://broker//"):
        monkeypatch.setenv("BROKER_URL", url)
        waits[url] = connections.broker_options().get("socket_timeout")
    assert waits == {"": None, "redis://broker/0": 15, "amqp://broker//": None}


def test_an_owner_without_an_app_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://owner:x@db/portal")
    with pytest.raises(env.VariableError, match="DATABASE_OWNER_URL"):
        connections.databases()


@pytest.mark.parametrize("url", ["mysql://a/b", "postgresql://db", "postgresql:///"])
def test_another_database_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(env.VariableError, match="DATABASE_URL must look like"):
        connections.databases()


def test_a_real_database_needs_a_secret_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:x@db/portal")
    monkeypatch.delenv("PORTAL_SECRET_KEY", raising=False)
    with pytest.raises(env.VariableError, match="PORTAL_SECRET_KEY"):
        connections.secret_key(tmp_path)


@pytest.mark.parametrize(
    ("url", "port", "ssl", "tls"),
    [
        ("smtp://mail", 25, False, False),
        ("smtps://u:p@mail", 465, True, False),
        ("smtp+tls://mail:2525", 2525, False, True),
    ],
)
def test_mail_goes_by_the_scheme(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, port: int, ssl: bool, tls: bool
) -> None:
    monkeypatch.setenv("EMAIL_URL", url)
    found = connections.email(tmp_path)
    assert (found["EMAIL_PORT"], found["EMAIL_USE_SSL"], found["EMAIL_USE_TLS"]) == (port, ssl, tls)


def test_mail_by_an_unknown_scheme_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMAIL_URL", "pigeon://mail")
    with pytest.raises(env.VariableError, match="EMAIL_URL must begin with"):
        connections.email(tmp_path)
