"""The audit trail as one list."""

from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.user import User


class AuditEntry(models.Model):
    """One state of one tracked row, from whichever floor: a view over all event tables, so it cannot be written.

    `id` is `TABLE:NUMBER`; `data` is the row as it was after the change (before it, for a removal).
    """

    id = models.CharField(primary_key=True, max_length=120)
    source = models.CharField(_("table"), max_length=63)
    number = models.BigIntegerField(_("number"))
    at = models.DateTimeField(_("time"))
    label = models.CharField(_("change"), max_length=16)
    object_id = models.BigIntegerField(_("row"))
    actor = models.ForeignKey(
        User, on_delete=models.DO_NOTHING, null=True, related_name="+", db_constraint=False, verbose_name=_("actor")
    )
    url = models.CharField(_("request"), max_length=500)
    context = models.JSONField(_("context"), null=True)
    data = models.JSONField(_("row"))

    objects: "models.Manager[Any]" = models.Manager()

    class Meta:
        managed = False
        db_table = "accounts_auditentry"
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")

    def __str__(self) -> str:
        kind = self.source.partition("_")[2].removesuffix("event")
        return f"{kind} {self.object_id} · {timezone.localtime(self.at):%Y-%m-%d %H:%M:%S}"
