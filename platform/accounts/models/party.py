"""Parties and the people who act for them."""

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from accounts.choices import PartyKind, SeatRole
from accounts.models.user import User


@tracked()
class Party(models.Model):
    """Whoever can earn or be charged. `code` names its ledger accounts: `party:CODE`, `party:CODE:reserve` ..."""

    code = models.CharField(
        _("code"),
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9._-]*$", _("Use small letters, digits, dot, dash, underscore."))],
    )
    kind = models.CharField(_("kind"), max_length=16, choices=PartyKind.choices)
    name = models.CharField(_("name"), max_length=120)
    name_zh = models.CharField(_("name in Chinese"), max_length=120, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    currency = models.CharField(_("payout currency"), max_length=3, default="CNY")
    created_at = models.DateTimeField(pgettext_lazy("row", "created"), default=timezone.now)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    import_batch = models.ForeignKey(
        "accounts.ImportBatch", on_delete=models.PROTECT, null=True, blank=True, verbose_name=_("import")
    )

    class Meta:
        verbose_name = _("party")
        verbose_name_plural = _("parties")

    def __str__(self) -> str:
        return self.local_name

    @property
    def local_name(self) -> str:
        """Name in the reader's language."""
        return self.name_zh if self.name_zh and (get_language() or "").startswith("zh") else self.name


@tracked()
class Seat(models.Model):
    """A person who may act for a party."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="seats", verbose_name=_("person"))
    party = models.ForeignKey(Party, on_delete=models.CASCADE, related_name="seats", verbose_name=_("party"))
    role = models.CharField(_("role"), max_length=8, choices=SeatRole.choices, default=SeatRole.OWNER)
    created_at = models.DateTimeField(pgettext_lazy("row", "created"), default=timezone.now)

    class Meta:
        verbose_name = _("seat")
        verbose_name_plural = _("seats")
        constraints = [models.UniqueConstraint(fields=["user", "party"], name="accounts_one_seat")]

    def __str__(self) -> str:
        return f"{self.user} · {self.party}"
