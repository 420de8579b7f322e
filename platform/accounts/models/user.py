"""People and the roles they were granted."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from accounts.choices import Role


class UserManager(BaseUserManager["User"]):
    """Creates people by e-mail address, which is their login."""

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> "User":
        """Store one person; the address is kept in lower case."""
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> "User":
        """Store an operator who may do everything."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)


@tracked(exclude=("password", "last_login"))
class User(AbstractBaseUser, PermissionsMixin):
    """A person. The e-mail address is the login; there is no user name."""

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    name_zh = models.CharField(_("name in Chinese"), max_length=120, blank=True)
    language = models.CharField(
        _("language"), max_length=10, blank=True, help_text=_("Empty: as the browser asks; mails in the portal's own.")
    )
    letters_by_mail = models.BooleanField(
        _("letters by e-mail"),
        default=True,
        db_default=True,
        help_text=_("Letters about parties they act for also go to their address; the portal keeps them anyway."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    is_staff = models.BooleanField(
        _("staff"), default=False, help_text=_("Set by granting a staff role; opens the admin.")
    )
    session_epoch = models.PositiveIntegerField(
        _("session epoch"), default=0, editable=False, help_text=_("Raising it ends every open session.")
    )
    date_joined = models.DateTimeField(_("joined"), default=timezone.now)
    import_batch = models.ForeignKey(
        "accounts.ImportBatch", on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("import")
    )

    objects: ClassVar[UserManager] = UserManager()

    # What `accounts.rules` has read for this instance; never stored.
    known_roles: frozenset[str] | None = None
    known_seats: frozenset[int] | None = None
    factor_due: bool = False
    """Staff in a session in which no second factor was given: outside the doors they see what everybody sees."""

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [models.UniqueConstraint(Lower("email"), name="accounts_user_email_ci")]

    def __str__(self) -> str:
        return self.local_name

    @property
    def local_name(self) -> str:
        """Name in the reader's language; falls back to the address."""
        chinese = (get_language() or "").startswith("zh")
        return (self.name_zh if chinese else "") or self.name or self.email

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # Every session carries this hash: a new password or a raised epoch makes the open ones void at once.
        body = f"{self.password}:{self.session_epoch}"
        return salted_hmac("accounts.User.session", body, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        """Name for greetings."""
        return self.local_name

    def get_short_name(self) -> str:
        """First word of the name."""
        return self.get_full_name().split(" ")[0]


@tracked()
class RoleGrant(models.Model):
    """A staff role given to a person, by whom and until when."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="role_grants", verbose_name=_("person"))
    role = models.CharField(_("role"), max_length=16, choices=Role.choices)
    granted_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("granted by")
    )
    granted_at = models.DateTimeField(_("granted at"), default=timezone.now)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role"], condition=models.Q(revoked_at=None), name="accounts_one_live_grant"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_role_display()}"
