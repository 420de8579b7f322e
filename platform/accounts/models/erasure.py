"""What was erased, why and by whom; never what it was."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.choices import ErasureKind
from accounts.models.user import User


class Erasure(models.Model):
    """Of a person, or of touches that grew too old. Append-only; `counts` says how many rows of which table."""

    kind = models.CharField(_("kind"), max_length=8, choices=ErasureKind.choices)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("person")
    )
    before = models.DateField(_("older than"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200)
    by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("erased by")
    )
    erased_at = models.DateTimeField(_("erased at"), default=timezone.now)
    counts = models.JSONField(_("rows by table"), default=dict)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.erased_at:%Y-%m-%d}"
