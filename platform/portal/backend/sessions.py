"""Django's sessions in the database, each read in one statement with the person whose it is, their roles and seats.

Whose a session is stands only inside it, signed. So the process remembers whose it was, and asks for that person
in the same statement; the answer is used where the session, as it was read now, names the same. Nothing that decides
anything is kept: session, person, roles and seats are those of this request.
"""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.db import InterfaceError, OperationalError, connection

from accounts.models import User
from accounts.rules import session_read

_guesses: dict[str, int] = {}
MOST = 20_000
"""So many sessions are remembered; then the memory begins anew."""


class SessionStore(db.SessionStore):
    """One session; `person_beside` hands out who came with it."""

    _came: User | None = None

    def load(self) -> dict[str, Any]:
        """What the session holds, nothing for one that is none or has ended."""
        key = self.session_key or ""
        row = _first(key=key, guess=_guesses.get(key))
        if row is None:
            self._session_key = None
            return {}
        text, self._came = row
        data: dict[str, Any] = self.decode(text)
        if SESSION_KEY in data:
            if len(_guesses) >= MOST:
                _guesses.clear()
            _guesses[key] = int(data[SESSION_KEY])
        return data

    def person_beside(self, user_id: int) -> User | None:
        """The person who was read with the session, once, where it is this one."""
        self._get_session()  # type: ignore[attr-defined]  # reads it, if nobody has yet
        came, self._came = self._came, None
        return came if came is not None and came.pk == user_id else None


def _first(*, key: str, guess: int | None) -> Any:
    """Read it on a connection of which nobody has asked yet whether it lives: if it does not, ask on another.

    To ask beforehand is a round trip of every request.
    """
    if connection.in_atomic_block:
        return session_read(key=key, guess=guess)
    connection.health_check_done = True  # type: ignore[attr-defined]  # Django sets it so itself
    try:
        return session_read(key=key, guess=guess)
    except (InterfaceError, OperationalError):
        if connection.connection is None or connection.is_usable():
            raise
        connection.close()
        return session_read(key=key, guess=guess)
