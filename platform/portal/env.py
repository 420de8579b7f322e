"""The one table of environment variables: name, kind, default and meaning, with readers that fail loudly.

Nothing else in the project reads the environment. `docs/reference/settings.md` is tested against this table.
An empty value counts as unset. A variable marked secret may instead be given as NAME_FILE, the path of a mounted
file whose content, less one trailing newline, is the value; giving both is an error.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ledger.money import EXPONENTS
from portal.variables import TABLE, Variable

__all__ = ["TABLE", "Variable", "VariableError", "check", "data_dir", "flag", "folder", "integer", "listing", "text"]

ON, OFF = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class VariableError(Exception):
    """A variable is set to something that it may not be; the message names variable, value and what is allowed."""


BY_NAME = {row.name: row for row in TABLE}
BASE_DIR = Path(__file__).resolve().parents[2]


def raw(name: str) -> str:
    """The value of `name` as text, its default when unset; from NAME_FILE where the row is a secret."""
    row = BY_NAME[name]
    value = os.environ.get(name, "")
    path = os.environ.get(f"{name}_FILE", "") if row.secret else ""
    if value and path:
        raise VariableError(f"{name} and {name}_FILE are both set; set one of them")
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as fault:
            raise VariableError(f"{name}_FILE={path!r} cannot be read: {fault}") from fault
    return value or row.default


def is_set(name: str) -> bool:
    """Whether somebody gave a value, be it the default's own."""
    return bool(os.environ.get(BY_NAME[name].name))


def text(name: str) -> str:
    """A text, choice, URL, time zone or currency; raises VariableError when it is none that is allowed or exists."""
    row, value = BY_NAME[name], raw(name)
    if row.kind == "choice" and value not in row.choices:
        raise _fault(row, value, "one of " + ", ".join(row.choices))
    if row.kind == "url" and value and (":" not in value or (row.choices and _scheme(value) not in row.choices)):
        raise _fault(row, value, " or ".join(f"{scheme}://..." for scheme in row.choices or ("scheme",)))
    if row.kind == "time zone" and not _is_zone(value):
        raise _fault(row, value, "a name such as Asia/Shanghai or UTC")
    if row.kind == "currency" and value not in EXPONENTS:
        raise _fault(row, value, "a code of ISO 4217 in capitals, such as CNY")
    return value


def flag(name: str) -> bool:
    """A truth value: 1, true, yes, on or 0, false, no, off, in any case; anything else raises VariableError."""
    row, value = BY_NAME[name], raw(name)
    if value.lower() in ON:
        return True
    if value.lower() in OFF:
        return False
    raise _fault(row, value, f"one of {', '.join(ON + OFF)}")


def integer(name: str) -> int:
    """A whole number within the row's bounds; anything else raises VariableError."""
    row, value = BY_NAME[name], raw(name)
    allowed = f"a whole number from {row.minimum} to {row.maximum}"
    try:
        number = int(value)
    except ValueError as fault:
        raise _fault(row, value, allowed) from fault
    if (row.minimum is not None and number < row.minimum) or (row.maximum is not None and number > row.maximum):
        raise _fault(row, value, allowed)
    return number


def listing(name: str) -> list[str]:
    """Parts separated by commas, blanks around them removed, empty parts dropped."""
    return [part.strip() for part in raw(name).split(",") if part.strip()]


def folder(name: str) -> Path | None:
    """An absolute path (relative ones start at the repository root), None when unset and without a default."""
    value = raw(name)
    return (BASE_DIR / Path(value).expanduser()).absolute() if value else None


def data_dir() -> Path:
    """PORTAL_DATA_DIR as an absolute path."""
    path = folder("PORTAL_DATA_DIR")
    assert path is not None
    return path


def check() -> None:
    """Read the whole table, so that a wrong value stops whatever starts and not only what asks for it one day."""
    readers: Mapping[str, Callable[[str], Any]] = {"flag": flag, "integer": integer, "list": listing, "folder": folder}
    for row in TABLE:
        readers.get(row.kind, text)(row.name)


def unknown() -> list[str]:
    """Variables that begin as the portal's do and stand in no row: misspelt, or gone."""
    known = {*BY_NAME, *(f"{row.name}_FILE" for row in TABLE if row.secret)}
    return sorted(name for name in os.environ if name.startswith("PORTAL_") and name not in known)


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False
    return True


def _fault(row: Variable, value: str, allowed: str) -> VariableError:
    shown = "(not shown)" if row.secret else repr(value)
    return VariableError(f"{row.name}={shown} is not allowed; allowed: {allowed}")
