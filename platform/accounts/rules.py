"""Who may do what: the role matrix, the doors, and the authentication backend that speaks for it.

Django's admin asks `user.has_perm("app.action_model")`; `RoleBackend` answers from `MATRIX` alone. `creator` follows
from a seat in a party and `learner` from having an account; neither opens the admin, and what they read is cut by
`visible_to` and by row-level security.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, wraps
from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import DEFAULT_DB_ALIAS
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from accounts.choices import Role
from accounts.models import RoleGrant, Seat, User
from accounts.statements import Statement, fetch, fetch_alone

Reader = User | AnonymousUser

V, W, ALL = ("view",), ("view", "add", "change"), ("view", "add", "change", "delete")

_M, _F, _A, _K, _O = (str(role) for role in (Role.MANAGER, Role.FINANCE, Role.AUDITOR, Role.MARKETER, Role.OPERATOR))

MATRIX: dict[str, dict[str, tuple[str, ...]]] = {
    # people
    "accounts.user": {_M: V, _F: V, _O: W},
    "accounts.rolegrant": {_M: V, _O: W},
    "accounts.party": {_M: W, _F: V, _K: V, _O: V},
    "accounts.payoutdetails": {_F: V},
    "accounts.seat": {_M: ALL, _O: ALL},
    "accounts.consent": {_M: V, _O: V},
    "accounts.importbatch": {_M: V, _F: ("view", "reverse"), _K: V, _O: V},
    "accounts.importedrow": {_M: V, _F: V, _O: V},
    "accounts.auditentry": {_O: V},
    "accounts.erasure": {_O: V},
    # the outbox
    "events.outboxevent": {_O: V},
    "events.delivery": {_O: ("view", "retry")},
    "events.letter": {},
    # money
    "ledger.account": {_M: V, _F: V},
    "ledger.balancesnapshot": {_F: V},
    "ledger.journalentry": {_M: V, _F: V},
    "ledger.posting": {_M: V, _F: V},
    "ledger.splitrule": {_M: V, _F: V},
    "ledger.bookedorder": {_M: V, _F: V},
    "ledger.payout": {_M: V, _F: V},
    "ledger.payoutclaim": {_M: V, _F: V},
    "ledger.closedperiod": {_M: V, _F: ("view", "prepare", "close")},
    "ledger.preparedperiod": {_M: V, _F: V},
    "ledger.seal": {_M: V, _F: V, _O: V},
    "ledger.verification": {_F: V, _O: V},
    "ledger.payoutrun": {_M: V, _F: ("view", "prepare", "approve", "send")},
    "ledger.payoutitem": {_M: V, _F: V},
    "ledger.payouthold": {_M: ("view", "place"), _F: ("view", "place")},
    "ledger.fxrate": {_M: V, _F: W, _K: V},
    # the partner programme
    "partners.membership": {_M: W, _F: V, _K: V},
    "partners.creator": {_M: W, _F: V, _K: V},
    "partners.partner": {_M: W, _F: V, _K: V},
    "partners.channel": {_M: W, _F: V, _K: W},
    "partners.trackinglink": {_M: W, _F: V, _K: W},
    "partners.coupon": {_M: W, _F: V, _K: W},
    "partners.couponredemption": {_M: V, _F: V, _K: V},
    "partners.agreement": {_M: W, _F: V},
    "partners.agreementparty": {_M: ALL, _F: V},
    "partners.agreementversion": {_M: (*W, "propose"), _F: ("view", "approve")},
    "partners.advance": {_M: W, _F: ("view", "approve")},
    "partners.adjustment": {_M: ("view", "add"), _F: ("view", "add", "approve")},
    "partners.claim": {_M: ("view", "decide", "confirm"), _F: ("view", "decide", "confirm")},
    "partners.claimstep": {_M: V, _F: V},
    "partners.claimgathering": {_M: V, _F: V},
    "partners.claimfinding": {_M: V, _F: V},
    "partners.claimcredit": {_M: V, _F: V},
    "partners.meter": {_M: V, _F: V},
    "partners.boundorder": {_M: V, _F: V},
    "partners.leave": {_M: V, _F: V},
    "partners.decline": {_M: V, _F: V},
    "partners.guarantee": {_M: W, _F: ("view", "approve")},
    "partners.acceptance": {_M: V, _F: V},
    "partners.paperseal": {_M: V, _F: V, _O: V},
    "partners.statement": {_M: V, _F: ("view", "issue")},
    "partners.statementmonth": {_M: V, _F: V},
    "partners.earningdecision": {_M: V, _F: V},
    "partners.replay": {_M: ("view", "add"), _F: ("view", "add")},
    "partners.replayresult": {_M: V, _F: V},
    "partners.replayparty": {_M: V, _F: V},
    "partners.replaycell": {_M: V, _F: V},
    "partners.replayflow": {_M: V, _F: V},
    # courses
    "courses.topic": {_M: ALL, _K: V},
    "courses.course": {_M: (*W, "publish"), _F: V, _K: V},
    "courses.coursecreator": {_M: ALL, _F: V},
    "courses.prerequisite": {_M: ALL, _K: V},
    "courses.section": {_M: ALL},
    "courses.lesson": {_M: ALL},
    "courses.order": {_M: V, _F: ("view", "void"), _K: V},
    "courses.orderline": {_M: V, _F: V, _K: V},
    "courses.payment": {_M: V, _F: V},
    "courses.refund": {_M: V, _F: ("view", "add", "approve")},
    "courses.dispute": {_M: V, _F: ("view", "add", "change")},
    "courses.linereturn": {_M: V, _F: V},
    "courses.cartitem": {_M: V},
    "courses.enrolment": {_M: W, _F: V},
    "courses.lessonprogress": {_M: V},
    "courses.rating": {_M: W, _K: V},
    "courses.favourite": {_M: V, _K: V},
    "courses.behaviourevent": {_M: V, _K: V},
    # evidence
    "analytics.visitor": {_M: V, _K: V},
    "analytics.touchreceipt": {_M: V, _K: V},
    "analytics.visitormerge": {_M: V, _K: V},
    "analytics.touchpoint": {_M: V, _K: V},
    "analytics.conversion": {_M: V, _F: V, _K: V},
    "analytics.credit": {_M: V, _F: V, _K: V},
    "analytics.channelrule": {_M: ALL, _K: ALL},
    "analytics.campaign": {_M: V, _F: V, _K: W},
    "analytics.spend": {_M: V, _F: V, _K: W},
    "analytics.reportrun": {_M: ("view", "add"), _F: ("view", "add"), _K: ("view", "add")},
    "analytics.channelreportrow": {_M: V, _F: V, _K: V},
    "analytics.reportpart": {_M: V, _F: V, _K: V},
    "analytics.reportnode": {_M: V, _F: V, _K: V},
    "analytics.holdouttest": {_M: W, _F: V, _K: W},
    "analytics.holdoutarm": {_M: ALL, _F: V, _K: ALL},
    # the recommender
    "recommender.trainingrun": {_M: V, _K: V, _O: ("view", "add", "promote")},
    "recommender.datasetsnapshot": {_M: V, _K: V, _O: V},
    "recommender.shadowreading": {_M: V, _K: V, _O: V},
    "recommender.servedlist": {_M: V, _K: V, _O: V},
    "recommender.impression": {_M: V, _K: V, _O: V},
    "recommender.servingpolicy": {_M: V, _K: ("view", "add"), _O: ("view", "add")},
    "recommender.dismissal": {_M: V, _K: V, _O: V},
    "recommender.experiment": {_M: V, _F: V, _K: W, _O: V},
    "recommender.arm": {_M: V, _F: V, _K: V, _O: V},
    "recommender.exposure": {_M: V, _K: V, _O: V},
    "recommender.decisionlog": {_M: V, _F: V, _K: V, _O: V},
    "recommender.learningpath": {_M: V, _K: V, _O: V},
    "recommender.pathstep": {_M: V, _K: V, _O: V},
    "recommender.pathskip": {_M: V, _K: V, _O: V},
    "recommender.taste": {_M: V, _K: V, _O: V},
    # what comes with the libraries
    "admin.logentry": {_O: V},
    "account.emailaddress": {_O: V},
    "mfa.authenticator": {_O: ("view", "delete")},
    "sessions.session": {_O: V},
    "django_celery_beat.periodictask": {_O: ("view", "change")},
    "django_celery_beat.intervalschedule": {_O: V},
    "django_celery_beat.crontabschedule": {_O: V},
    "django_celery_beat.clockedschedule": {_O: V},
    "django_celery_beat.solarschedule": {_O: V},
}
"""Model -> role -> actions. The auditor views every row of it and changes nothing, so it is not written down."""

DOORS: dict[str, frozenset[str]] = {
    "admin": frozenset(Role.values),
    "marketing": frozenset({_M, _F, _A, _K}),
    "patterns": frozenset(Role.values),
}
"""Pages for staff -> the roles that may enter. `/creator/` asks for a seat instead: `is_creator`."""


def roles_of(user: Reader) -> frozenset[str]:
    """The staff roles that a person holds now; read once per request, then kept on the instance."""
    if not isinstance(user, User) or not user.is_active or not user.is_staff:
        return frozenset()
    if user.known_roles is None:
        live = RoleGrant.objects.filter(user_id=user.pk, revoked_at=None)
        user.known_roles = frozenset(live.values_list("role", flat=True))
    return user.known_roles


def is_staff(user: Reader) -> bool:
    """Whether a staff role (or being the superuser) lets this person see every party's rows, and drafts.

    Not in a session in which staff owe the second factor (`SecondFactorMiddleware`).
    """
    if not isinstance(user, User) or not user.is_active or not user.is_staff or user.factor_due:
        return False
    return user.is_superuser or bool(roles_of(user))


def is_creator(user: Reader) -> bool:
    """Whether the person has a seat in any party."""
    return isinstance(user, User) and user.is_active and bool(seats_of(user))


def seats_of(user: Reader) -> frozenset[int]:
    """Primary keys of the parties in which the person has a seat; read once per request, then kept on the instance."""
    if not isinstance(user, User) or not user.is_active:
        return frozenset()
    if user.known_seats is None:
        seats = Seat.objects.filter(user_id=user.pk)
        user.known_seats = frozenset(seats.values_list("party_id", flat=True))
    return user.known_seats


def forget(user: User) -> None:
    """Let the next question about this instance read the database again; verbs that change roles or seats call it."""
    user.known_roles = user.known_seats = None


@cache
def _asked() -> tuple[Statement, Statement, list[str], int]:
    """The two statements of `session_read` and `person_read`, the person's fields, and the place of the primary key."""
    fields = [field.attname for field in User._meta.concrete_fields]
    columns = ", ".join(f'u."{field.column}"' for field in User._meta.concrete_fields)
    whole = f"""{columns},
        ARRAY(SELECT party_id FROM accounts_seat WHERE user_id = u.id),
        ARRAY(SELECT role::text FROM accounts_rolegrant WHERE user_id = u.id AND revoked_at IS NULL)"""  # noqa: S608 - of our own names
    session = f"""SELECT s.session_data, {whole}
        FROM django_session s LEFT JOIN accounts_user u ON u.id = %(guess)s::bigint
        WHERE s.session_key = %(key)s::varchar AND s.expire_date > %(now)s::timestamptz"""  # noqa: S608 - of our own names
    person = f"SELECT {whole} FROM accounts_user u WHERE u.id = %s::bigint"  # noqa: S608 - of our own names
    return Statement("session", session), Statement("person", person), fields, fields.index("id")


def session_read(*, key: str, guess: int | None) -> tuple[str, User | None] | None:
    """What a session holds that has not ended, and the person `guess` with roles and seats; one statement.

    Nothing here says that the session is that person's: whoever asks compares. None for a session that is none.
    """
    session, _person, fields, place = _asked()
    rows = fetch_alone(session, {"guess": guess, "key": key, "now": timezone.now()})
    if not rows:
        return None
    data, *told = rows[0]
    return data, _made(fields, told) if told[place] is not None else None


def person_read(*, user_id: int) -> User | None:
    """A person with roles and seats; one statement."""
    _session, person, fields, _place = _asked()
    rows = fetch((person, [user_id]))
    return _made(fields, rows[0]) if rows else None


def _made(fields: list[str], told: Sequence[Any]) -> User:
    *values, seats, roles = told
    user = User.from_db(DEFAULT_DB_ALIAS, fields, values)
    user.known_seats, user.known_roles = frozenset(seats), frozenset(roles)
    return user


_beside: ContextVar[Callable[[int], User | None] | None] = ContextVar("person_read_beside", default=None)


@contextmanager
def reading_beside(read: Callable[[int], User | None]) -> Iterator[None]:
    """Let `RoleBackend.get_user` ask here first until the block ends: the person may have come with the session."""
    before = _beside.set(read)
    try:
        yield
    finally:
        _beside.reset(before)


def allows(role: str, action: str, model: str) -> bool:
    """Whether a role may do `action` to rows of `model` ("app.model" in lower case)."""
    row = MATRIX.get(model)
    if row is None:
        return False
    return action in (V if role == Role.AUDITOR else row.get(role, ()))


def may(user: Reader, action: str, model: str) -> bool:
    """Whether a person may do `action` to rows of `model` by any of their roles; a superuser may do everything."""
    if not isinstance(user, User) or not user.is_active:
        return False
    return user.is_superuser or any(allows(role, action, model) for role in roles_of(user))


def may_enter(user: Reader, door: str) -> bool:
    """Whether a person may enter a door of `DOORS`, or `creator`."""
    if not isinstance(user, User) or not user.is_active:
        return False
    if door == "creator":
        return is_creator(user)
    return user.is_superuser or bool(roles_of(user) & DOORS[door])


def entrance(door: str) -> Callable[[Callable[..., HttpResponseBase]], Callable[..., HttpResponseBase]]:
    """Decorate a view: strangers are sent to the login, people without the role get 403."""

    def decorate(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not may_enter(request.user, door):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


class RoleBackend(AuthenticationBackend):  # type: ignore[misc]  # allauth ships no types
    """allauth's log-in by address and password, with Django's permissions answered by the matrix and by nothing else.

    Groups and single permissions, which Django would also ask for, grant nothing.
    """

    def get_user(self, user_id: Any) -> User | None:
        """The person of a session, with roles and seats as they are now; None for a closed account."""
        beside = _beside.get()
        user = (beside(int(user_id)) if beside else None) or person_read(user_id=int(user_id))
        return user if user is not None and self.user_can_authenticate(user) else None

    def has_perm(self, user: Reader, perm: str, obj: Any = None) -> bool:  # noqa: ARG002 - Django's names
        """`app.action_model`, as Django's admin asks; models of ours all have a row in the matrix."""
        app, _, name = perm.partition(".")
        action, _, model = name.partition("_")
        return may(user, action, f"{app}.{model}")

    def has_module_perms(self, user: Reader, app_label: str) -> bool:
        """Whether any model of the app may be viewed."""
        return any(model.startswith(f"{app_label}.") and may(user, "view", model) for model in MATRIX)

    def get_user_permissions(self, user: Reader, obj: Any = None) -> set[str]:  # noqa: ARG002
        """None: nothing is granted one by one."""
        return set()

    def get_group_permissions(self, user: Reader, obj: Any = None) -> set[str]:  # noqa: ARG002
        """None: there are no groups."""
        return set()

    def get_all_permissions(self, user: Reader, obj: Any = None) -> set[str]:  # noqa: ARG002
        """Every action of the matrix that the person may do."""
        return {
            f"{model.partition('.')[0]}.{action}_{model.partition('.')[2]}"
            for model, row in MATRIX.items()
            for action in {*V, *(action for actions in row.values() for action in actions)}
            if may(user, action, model)
        }
