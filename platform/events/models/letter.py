"""Letters: what a person was written about a party of theirs; mailed once, and kept for the portal."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import Party, User


class Letter(models.Model):
    """One letter to one person, in the person's language. `key` names the news: the same news is written once.

    `path` is the page of the portal that it speaks of. Only `sent_at` (None: never mailed) and `read_at` change, once.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="letters", verbose_name=_("person"))
    party = models.ForeignKey(Party, on_delete=models.PROTECT, related_name="letters", verbose_name=_("party"))
    key = models.CharField(pgettext_lazy("event", "key"), max_length=200)
    language = models.CharField(_("language"), max_length=10)
    subject = models.CharField(_("subject"), max_length=200)
    body = models.TextField(_("text"))
    path = models.CharField(_("page"), max_length=300, blank=True)
    written_at = models.DateTimeField(_("written at"), default=timezone.now)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)
    read_at = models.DateTimeField(_("read at"), null=True, blank=True, help_text=_("When the portal showed it."))

    class Meta:
        verbose_name = _("letter")
        verbose_name_plural = _("letters")
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="events_letter_once")]
        indexes = [
            models.Index(fields=["user", "party", "-id"], name="events_letter_recent"),
            models.Index(fields=["user", "party"], condition=models.Q(read_at=None), name="events_letter_unread"),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def rest(self) -> str:
        """The text without its first paragraph, which says what the subject says."""
        return self.body.partition("\n\n")[2]
