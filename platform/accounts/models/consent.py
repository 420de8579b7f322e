"""What people agreed to, as they said it over time."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.audit import tracked
from accounts.choices import ConsentPurpose
from accounts.models.user import User


@tracked()
class Consent(models.Model):
    """One yes or no to one purpose; the latest row counts, earlier rows stay as evidence."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="consents", verbose_name=_("person"))
    purpose = models.CharField(_("purpose"), max_length=16, choices=ConsentPurpose.choices)
    granted = models.BooleanField(_("granted"))
    given_at = models.DateTimeField(_("given at"), default=timezone.now)

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        indexes = [models.Index(fields=["user", "purpose", "-given_at"], name="accounts_consent_latest")]

    def __str__(self) -> str:
        return f"{self.user}: {self.get_purpose_display()}"
