"""Erasing a person, and touches that grew too old: as owner of the tables, in one transaction, by a row that says so.

What was booked stays: amounts, lines, credits and decisions name no person. Whoever bought is then a number.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib.sessions.models import Session
from django.db import connections, transaction
from django.utils.translation import gettext as _
from psycopg2 import sql

from accounts.choices import ErasureKind
from accounts.models import Erasure, RoleGrant, Seat, User

OWNER = "owner"

PERSON: Mapping[str, str] = {
    "analytics_touchpoint": "DELETE FROM analytics_touchpoint WHERE visitor_id IN (SELECT id FROM subject_browsers)",
    "analytics_conversion": """UPDATE analytics_conversion SET visitor_id = NULL
        WHERE visitor_id IN (SELECT id FROM subject_browsers)""",
    "analytics_visitormerge": """DELETE FROM analytics_visitormerge
        WHERE visitor_id IN (SELECT id FROM subject_browsers)""",
    "analytics_visitor": "DELETE FROM analytics_visitor WHERE id IN (SELECT id FROM subject_browsers)",
    "recommender_impression": """DELETE FROM recommender_impression WHERE served_id IN (
        SELECT id FROM recommender_servedlist
        WHERE user_id = %(user)s OR visitor_key IN (SELECT key FROM subject_browsers))""",
    "recommender_servedlist": """DELETE FROM recommender_servedlist WHERE user_id = %(user)s
        OR visitor_key IN (SELECT key FROM subject_browsers)""",
    "recommender_exposure": """UPDATE recommender_exposure SET user_id = NULL, visitor_key = NULL
        WHERE user_id = %(user)s OR visitor_key IN (SELECT key FROM subject_browsers)""",
    "recommender_pathstep": """DELETE FROM recommender_pathstep
        WHERE path_id IN (SELECT id FROM recommender_learningpath WHERE user_id = %(user)s)""",
    "recommender_pathskip": """DELETE FROM recommender_pathskip
        WHERE path_id IN (SELECT id FROM recommender_learningpath WHERE user_id = %(user)s)""",
    "recommender_learningpath": "DELETE FROM recommender_learningpath WHERE user_id = %(user)s",
    "recommender_dismissal": "DELETE FROM recommender_dismissal WHERE user_id = %(user)s",
    "recommender_taste_topics": """DELETE FROM recommender_taste_topics
        WHERE taste_id IN (SELECT id FROM recommender_taste WHERE user_id = %(user)s)""",
    "recommender_taste": "DELETE FROM recommender_taste WHERE user_id = %(user)s",
    "courses_behaviourevent": """DELETE FROM courses_behaviourevent WHERE user_id = %(user)s
        OR visitor_key IN (SELECT key FROM subject_browsers)""",
    "courses_cartitem": """DELETE FROM courses_cartitem WHERE user_id = %(user)s
        OR visitor_key IN (SELECT key FROM subject_browsers)""",
    "courses_favourite": "DELETE FROM courses_favourite WHERE user_id = %(user)s",
    "courses_order": """UPDATE courses_order SET visitor_key = NULL WHERE buyer_id = %(user)s
        OR visitor_key IN (SELECT key FROM subject_browsers)""",
    "courses_rating": "UPDATE courses_rating SET comment = '' WHERE user_id = %(user)s",
    "courses_ratingevent": "UPDATE courses_ratingevent SET comment = '' WHERE user_id = %(user)s",
    "events_outboxevent": """UPDATE events_outboxevent SET payload = payload || '{"visitor_key": ""}'
        WHERE payload ->> 'visitor_key' IN (SELECT key::text FROM subject_browsers)""",
    "events_letter": "DELETE FROM events_letter WHERE user_id = %(user)s",
    "accounts_importedrow": """UPDATE accounts_importedrow SET external_id = 'erased-' || id, digest = ''
        WHERE target_kind = 'accounts.User' AND target_id = %(user)s::text""",
    "django_admin_log": """UPDATE django_admin_log SET object_repr = '' WHERE object_id = %(user)s::text AND
        content_type_id = (SELECT id FROM django_content_type WHERE app_label = 'accounts' AND model = 'user')""",
    "account_emailconfirmation": """DELETE FROM account_emailconfirmation
        WHERE email_address_id IN (SELECT id FROM account_emailaddress WHERE user_id = %(user)s)""",
    "account_emailaddress": "DELETE FROM account_emailaddress WHERE user_id = %(user)s",
    "mfa_authenticator": "DELETE FROM mfa_authenticator WHERE user_id = %(user)s",
    "accounts_user": """UPDATE accounts_user SET email = 'erased-' || id || '@erased.invalid', name = '', name_zh = '',
        password = '!', is_active = false, letters_by_mail = false, session_epoch = session_epoch + 1
        WHERE id = %(user)s""",
    "accounts_userevent": """UPDATE accounts_userevent
        SET email = 'erased-' || id || '@erased.invalid', name = '', name_zh = '' WHERE pgh_obj_id = %(user)s""",
}
"""Table -> what is done with the person's rows, in this order. `subject_browsers` holds the person's browsers."""

_SUBJECT = """
CREATE TEMPORARY TABLE subject_browsers ON COMMIT DROP AS
SELECT id, key FROM analytics_visitor WHERE user_id = %(user)s
"""
_TEXTS = """
SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t
    ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.table_type = 'BASE TABLE'
WHERE c.table_schema = 'public' AND c.data_type IN ('text', 'character varying', 'jsonb')
    AND c.table_name NOT LIKE 'analytics_touchpoint%%' ORDER BY 1, 2
"""
_STANDS = sql.SQL("SELECT EXISTS (SELECT FROM {table} WHERE {column}::text ILIKE ANY (%s))")
_MONTHS = """
SELECT relid::regclass::text AS name FROM pg_partition_tree('analytics_touchpoint')
WHERE isleaf AND right(relid::regclass::text, 7) < %s ORDER BY 1
"""


class ErasureRefusedError(Exception):
    """Nothing was erased; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did: rows by table, those that had none left out."""

    counts: Mapping[str, int]


def person_erase(*, email: str, reason: str, by: User | None = None) -> Erased:
    """Erase a person and their browsers. Journeys through these are unattributed from then on; no paid line moves.

    ErasureRefusedError: there is no such person, they have a seat or a role, or their address stands in a table that is
    not known here; then nothing has changed.
    """
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise ErasureRefusedError(_("There is no person with the address %(email)s.") % {"email": email})
    if Seat.objects.filter(user=user).exists() or RoleGrant.objects.filter(user=user, revoked_at=None).exists():
        raise ErasureRefusedError(
            _("%(email)s acts for a party or has a role; take these away first.") % {"email": email}
        )
    with erasing() as cursor:
        asked = {"user": user.pk}
        cursor.execute(_SUBJECT, asked)
        cursor.execute("SELECT key::text FROM subject_browsers")
        marks = [f"%{mark}%" for mark in (_plain(user.email), *(key for (key,) in cursor.fetchall()))]
        counts = {table: _done(cursor, statement, asked) for table, statement in PERSON.items()}
        counts["django_session"] = _sessions_end(user.pk)
        if left := _left(cursor, marks):
            raise ErasureRefusedError(
                _("The person still stands in %(place)s; nothing was erased.") % {"place": ", ".join(left)}
            )
        return _told(counts, kind=ErasureKind.PERSON, user_id=user.pk, reason=reason, by=by)


def touches_erase(*, before: date, reason: str, by: User | None = None) -> Erased:
    """Drop the touches of all months (UTC) before that of `before`, and browsers that led to nothing since."""
    with erasing() as cursor:
        cursor.execute(_MONTHS, [f"{before:%Y_%m}"])
        counts = {}
        for (name,) in cursor.fetchall():
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name)))
            counts[name] = cursor.fetchone()[0]
            cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        counts["analytics_visitor"] = _done(cursor, _IDLE, {"before": before.replace(day=1)})
        return _told(counts, kind=ErasureKind.TOUCHES, before=before.replace(day=1), reason=reason, by=by)


def touches_expire(*, months: int, today: date) -> Erased | None:
    """Drop the touches of months that ended more than `months` whole months before this one; None: none is so old.

    0 keeps them for ever.
    """
    whole = today.year * 12 + today.month - 1 - months
    if not months or whole < 12:
        return None
    before = date(whole // 12, whole % 12 + 1, 1)
    with connections[OWNER].cursor() as cursor:
        cursor.execute(_MONTHS, [f"{before:%Y_%m}"])
        if not cursor.fetchone():
            return None
    return touches_erase(before=before, reason=f"kept for {months} months (PORTAL_TOUCH_MONTHS)")


_IDLE = """
DELETE FROM analytics_visitor v WHERE v.user_id IS NULL AND v.first_seen_at < %(before)s
    AND NOT EXISTS (SELECT FROM analytics_touchpoint t WHERE t.visitor_id = v.id)
    AND NOT EXISTS (SELECT FROM analytics_conversion c WHERE c.visitor_id = v.id)
    AND NOT EXISTS (SELECT FROM analytics_visitormerge m WHERE m.visitor_id = v.id)
"""


@contextmanager
def erasing() -> Iterator[Any]:
    """One transaction as owner, in which tables that only grow let rows go."""
    with transaction.atomic(using=OWNER), connections[OWNER].cursor() as cursor:
        cursor.execute("SELECT set_config('app.erasing', 'on', true), set_config('app.scope', 'all', true)")
        yield cursor


def _done(cursor: Any, statement: str, asked: Mapping[str, Any]) -> int:
    cursor.execute(statement, asked)
    return int(cursor.rowcount)


def _sessions_end(user_id: int) -> int:
    """Remove the person's sessions; what they hold can only be read one by one."""
    mine = [
        session.pk
        for session in Session.objects.using(OWNER).iterator()
        if session.get_decoded().get("_auth_user_id") == str(user_id)
    ]
    Session.objects.using(OWNER).filter(pk__in=mine).delete()
    return len(mine)


def _plain(text: str) -> str:
    """Without the letters that mean something in a pattern."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _left(cursor: Any, marks: Sequence[str]) -> list[str]:
    """Columns in which something like one of the marks still stands."""
    cursor.execute(_TEXTS)
    found = []
    for table, column in cursor.fetchall():
        names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
        cursor.execute(_STANDS.format(**names), [list(marks)])
        if cursor.fetchone()[0]:
            found.append(f"{table}.{column}")
    return found


def _told(counts: Mapping[str, int], *, by: User | None, **facts: Any) -> Erased:
    kept = {table: count for table, count in counts.items() if count}
    Erasure.objects.using(OWNER).create(counts=kept, by_id=by.pk if by else None, **facts)
    return Erased(kept)
