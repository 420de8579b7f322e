"""Imports: which rows of which files became which rows of ours."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.choices import BatchState


class ImportBatch(models.Model):
    """One run of an import. What carries a reversed batch counts as withdrawn everywhere."""

    source = models.CharField(_("source"), max_length=64, help_text=_("Name that the mapping gives to the platform."))
    state = models.CharField(_("state"), max_length=10, choices=BatchState.choices, default=BatchState.COMMITTED)
    actor = models.ForeignKey(
        "accounts.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("run by")
    )
    created_at = models.DateTimeField(_("imported at"), default=timezone.now)
    reversed_at = models.DateTimeField(_("reversed at"), null=True, blank=True)
    receipt = models.JSONField(_("receipt"), default=dict)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")

    def __str__(self) -> str:
        return f"{self.source} #{self.pk}"


class ImportedRow(models.Model):
    """Where one row of a file went. The unique key is what makes a second import skip it."""

    batch = models.ForeignKey(ImportBatch, on_delete=models.PROTECT, related_name="rows", verbose_name=_("import"))
    source = models.CharField(_("source"), max_length=64)
    kind = models.CharField(_("kind"), max_length=32)
    external_id = models.CharField(_("id in the source"), max_length=200)
    file = models.CharField(_("file"), max_length=200)
    row_number = models.PositiveIntegerField(_("row"))
    target_kind = models.CharField(_("became"), max_length=64)
    target_id = models.CharField(_("our id"), max_length=64)
    digest = models.CharField(_("hash of the row"), max_length=64)
    withdrawn = models.BooleanField(_("withdrawn"), default=False)

    class Meta:
        verbose_name = _("imported row")
        verbose_name_plural = _("imported rows")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "kind", "external_id"],
                condition=models.Q(withdrawn=False),
                name="accounts_imported_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.external_id}"
