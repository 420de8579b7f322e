"""Following tracking links: one statement, one commit, and only then the redirect."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import UUID

from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from psycopg2.errors import DeadlockDetected

from accounts.statements import Statement, fetch_alone
from analytics.services.visits import partitions_ensure

UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
_FOLLOW = Statement(
    "follow",
    """SELECT * FROM analytics_follow(
        %s::text, %s::uuid, %s::text, %s::jsonb, %s::text, %s::boolean, %s::timestamptz
    )""",
)


@dataclass(frozen=True, slots=True)
class Click:
    """One browser that follows a link. `flag`: why it will bring nobody anything, of `choices.TouchFlag`."""

    visitor_key: UUID
    referrer_host: str
    sub_ids: Mapping[str, str]
    flag: str
    consent: bool
    at: datetime


def link_follow(*, code: str, click: Click | None) -> str | None:
    """Keep a click and return where the link leads, with its UTM tags; None for a link that is not in use.

    When it returns outside a transaction, the click is committed and on disk. Without a click nothing is kept. Money
    never moves by it. Raises DatabaseError where it cannot be kept; whoever is sent on then would be a click lost.
    """
    if "\0" in code:  # which no text of the database can hold
        return None
    if click is None:
        asked: list[Any] = [code, None, "", "{}", "", True, None]
    else:
        asked = [code, str(click.visitor_key), click.referrer_host, json.dumps(click.sub_ids), click.flag,
                 click.consent, click.at]  # fmt: skip
    try:
        row = _ask(asked)
    except IntegrityError:
        if click is None:
            raise
        partitions_ensure(instants=[click.at])  # the month has no partition yet
        row = _ask(asked)
    except (InterfaceError, OperationalError) as error:
        # Making a partition locks tables that clicks have begun to read; what was undone for it may be done again. So
        # may what went out on a connection that had died: of the same click twice the second does not count.
        deadlock = isinstance(error.__cause__, DeadlockDetected)
        if connection.in_atomic_block or (not deadlock and connection.is_usable()):
            raise
        if not deadlock:
            connection.close()
        row = _ask(asked)
    return None if row is None else _address(*row)


def _ask(asked: list[Any]) -> tuple[str, ...] | None:
    # A round trip to ask whether the connection lives would take longer than the click; if it does not, we ask again.
    connection.health_check_done = True  # type: ignore[attr-defined]  # Django sets it so itself
    with transaction.atomic() if connection.in_atomic_block else nullcontext():
        rows = fetch_alone(_FOLLOW, asked)
    return rows[0] if rows else None


@lru_cache(maxsize=4096)
def _address(destination: str, *tags: str) -> str:
    """The page that a link leads to with the link's tags behind it; a tag that stands there, however written, stays."""
    page = urlsplit(destination)
    known = {key.lower() for key, _value in parse_qsl(page.query, keep_blank_values=True)}
    added = urlencode([(key, tag) for key, tag in zip(UTM, tags, strict=True) if tag and key not in known])
    return urlunsplit(page._replace(query="&".join(part for part in (page.query, added) if part)))
