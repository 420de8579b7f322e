"""People: accounts, consent, sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from secrets import token_urlsafe

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, make_password
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.audit import acting
from accounts.choices import ConsentPurpose
from accounts.errors import NotAllowed, PersonExists
from accounts.models import Consent, User
from accounts.rules import may


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPerson:
    """A person to create. Without a password nobody can log in until it is set by mail.

    `verified` says that the address is known to be theirs, so that a login asks for no confirmation.
    """

    email: str
    name: str = ""
    name_zh: str = ""
    password: str | None = None
    language: str = ""
    joined_at: datetime | None = None
    verified: bool = False
    import_batch_id: int | None = None


def person_create(
    *,
    email: str,
    name: str = "",
    name_zh: str = "",
    password: str | None = None,
    language: str = "",
    joined_at: datetime | None = None,
    verified: bool = False,
    import_batch_id: int | None = None,
    by: User | None = None,
) -> User:
    """Create one person. Raises PersonExists when the address is taken, in whatever case."""
    person = NewPerson(
        email=email,
        name=name,
        name_zh=name_zh,
        password=password,
        language=language,
        joined_at=joined_at,
        verified=verified,
        import_batch_id=import_batch_id,
    )
    return persons_create(persons=[person], by=by)[0]


@transaction.atomic
def persons_create(*, persons: Sequence[NewPerson], by: User | None = None) -> list[User]:
    """Create people in a constant number of queries, in the given order. Raises PersonExists naming the address."""
    emails = [person.email.strip().lower() for person in persons]
    taken = set(User.objects.annotate(low=Lower("email")).filter(low__in=emails).values_list("low", flat=True))
    for email in emails:
        if email in taken:
            raise PersonExists(email)
        taken.add(email)
    now = timezone.now()
    with acting(actor=by.pk if by else None):
        users = User.objects.bulk_create(
            User(
                email=email,
                name=person.name,
                name_zh=person.name_zh,
                password=_hashed(person.password),
                language=person.language,
                date_joined=person.joined_at or now,
                import_batch_id=person.import_batch_id,
            )
            for person, email in zip(persons, emails, strict=True)
        )
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=True, primary=True)
        for user, person in zip(users, persons, strict=True)
        if person.verified
    )
    return users


def _hashed(password: str | None) -> str:
    # Django draws an unusable password letter by letter, which for an import of people costs more than storing them.
    return make_password(password) if password else UNUSABLE_PASSWORD_PREFIX + token_urlsafe(30)


def consent_record(
    *, user: User, purpose: str, granted: bool, given_at: datetime | None = None, by: User | None = None
) -> Consent:
    """Keep what a person says about one purpose; saying the same again adds no row."""
    last = Consent.objects.filter(user=user, purpose=purpose).order_by("-given_at", "-pk").first()
    if last and last.granted == granted:
        return last
    with acting(actor=(by or user).pk):
        return Consent.objects.create(
            user=user, purpose=ConsentPurpose(purpose), granted=granted, given_at=given_at or timezone.now()
        )


def person_update(
    *,
    user: User,
    name: str | None = None,
    name_zh: str | None = None,
    language: str | None = None,
    letters_by_mail: bool | None = None,
    by: User | None = None,
) -> User:
    """Change what a person says of themselves; None leaves a value. Raises ValueError: unknown language."""
    if language is not None and language not in dict(settings.LANGUAGES):
        raise ValueError(f"no such language: {language}")
    said = {"name": name, "name_zh": name_zh, "language": language, "letters_by_mail": letters_by_mail}
    changes = {field: value for field, value in said.items() if value is not None}
    for field, value in changes.items():
        setattr(user, field, value)
    with acting(actor=(by or user).pk):
        user.save(update_fields=list(changes))
    return user


def person_set_active(*, user: User, active: bool, by: User) -> None:
    """Close a person's account or open it again; closing ends open sessions at once. Raises NotAllowed."""
    if not may(by, "change", "accounts.user") or by.pk == user.pk:
        raise NotAllowed
    with acting(actor=by.pk):
        User.objects.filter(pk=user.pk).update(is_active=active)
        if not active:
            sessions_end(user=user)
    user.is_active = active


def sessions_end(*, user: User) -> None:
    """End every open session of a person: their cookies are refused from the next request on."""
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["session_epoch"])


def sessions_clear() -> int:
    """Remove sessions that have expired; returns how many."""
    removed, _by_model = Session.objects.filter(expire_date__lt=timezone.now()).delete()
    return removed
