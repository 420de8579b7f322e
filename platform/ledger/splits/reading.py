"""Typed reading of plain data (parsed JSON): every value is checked, every complaint knows its place."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ledger.money import EXPONENTS
from ledger.splits.accounts import is_known, is_party_id
from ledger.splits.problems import EventError, Problem, Scalar

_ABSENT: Any = object()

MAX_HOLD_DAYS = 36_500


def shown(value: object) -> str:
    """Return a short, quoted form of an offending value."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


class Reader:
    """Reads the fields of one object. A wrong field raises EventError with its path.

    Numbers must be integers (no float, no boolean), texts not empty. `default` makes a field optional; a JSON null
    counts as absent.
    """

    __slots__ = ("path", "raw")

    def __init__(self, raw: object, path: str = "") -> None:
        self.path = path
        known = type(raw) is dict or isinstance(raw, Mapping)  # the first is the quicker question
        self.raw: Mapping[str, Any] = raw if known else self._refuse_object()  # type: ignore[assignment]

    def at(self, key: str) -> str:
        """Return the path of a field."""
        return f"{self.path}.{key}" if self.path else key

    def fail(self, code: str, key: str, **params: Scalar) -> EventError:
        """Make the error for a field; the caller raises it."""
        return EventError([Problem(code, self.at(key), params)])

    def has(self, key: str) -> bool:
        """Tell whether the field is there and not null."""
        return self.raw.get(key) is not None

    def integer(self, key: str, *, default: int = _ABSENT, least: int | None = 0, most: int | None = None) -> int:
        """Read a whole number within [least, most]; None means no bound."""
        value = self._get(key, default)
        if type(value) is not int:
            raise self.fail("not_integer", key, found=shown(value))
        if least is not None and value < least:
            raise self.fail("too_small", key, least=least, found=value)
        if most is not None and value > most:
            raise self.fail("too_large", key, most=most, found=value)
        return value

    def text(self, key: str, *, default: str = _ABSENT) -> str:
        """Read a text that is not empty (unless the default is)."""
        value = self._get(key, default)
        if not isinstance(value, str) or not (value or value is default):
            raise self.fail("not_text", key)
        return value

    def party(self, key: str) -> str:
        """Read a party's bare name, the X of `party:X`."""
        value = self.text(key)
        if not is_party_id(value):
            raise self.fail("not_a_party", key, found=shown(value))
        return value

    def account(self, key: str) -> str:
        """Read an account's name."""
        value = self.text(key)
        if not is_known(value):
            raise self.fail("unknown_account", key, found=shown(value))
        return value

    def currency(self, key: str) -> str:
        """Read an ISO 4217 code."""
        value = self.text(key)
        if value not in EXPONENTS:
            raise self.fail("unknown_currency", key, found=shown(value))
        return value

    def instant(self, key: str) -> datetime:
        """Read an ISO 8601 instant; without UTC offset it is not an instant."""
        value = self._get(key, _ABSENT)
        moment = instant_from(value)
        if moment is None:
            raise self.fail("not_instant", key, found=shown(value))
        return moment

    def items(self, key: str) -> list["Reader"]:
        """Read a list of objects; absent is an empty list."""
        return [Reader(item, f"{self.at(key)}[{i}]") for i, item in enumerate(self.values(key))]

    def values(self, key: str) -> Sequence[Any]:
        """Read a list of anything; absent is an empty list."""
        value = self._get(key, [])
        if not isinstance(value, list | tuple):
            raise self.fail("not_list", key)
        return value

    def child(self, key: str) -> "Reader":
        """Read an object."""
        return Reader(self._get(key, _ABSENT), self.at(key))

    def _get(self, key: str, default: Any) -> Any:
        value = self.raw.get(key)
        if value is not None:
            return value
        if default is _ABSENT:
            raise self.fail("missing", key)
        return default

    def _refuse_object(self) -> Mapping[str, Any]:
        raise EventError([Problem("not_object", self.path)])


def instant_from(value: object) -> datetime | None:
    """Return the instant that an ISO 8601 text (or an aware datetime) names, or None if it names none.

    A text so near the calendar's ends that it has no UTC time, or no room for the longest hold, names none either.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
            value.astimezone(UTC) + timedelta(days=MAX_HOLD_DAYS)
        except (ValueError, OverflowError):
            return None
    return value if isinstance(value, datetime) and value.utcoffset() is not None else None
