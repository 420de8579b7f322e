"""What guards the books: seals over the entries, and each time the whole was verified."""

from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin.base import ReadingDesk, figure, table
from ledger.models import Seal, Verification


@admin.register(Seal)
class SealAdmin(ReadingDesk):
    """Seals in order; each hashes its entries and the seal before."""

    empty_words = _("Entries are sealed every quarter of an hour; each seal hashes its entries and the seal before.")
    list_display = ("number", "entries", "upto_entry", "display_digest", "sealed_at")
    search_fields = ("=digest", "=number")
    ordering = ("-number",)
    fields = ("number", ("entries", "upto_entry"), "display_digest", "display_previous", "sealed_at")
    readonly_fields = ("display_digest", "display_previous")

    @display(description=_("seal"))
    def display_digest(self, obj: Seal) -> SafeString:
        """The hash, whole."""
        return format_html('<code class="break-all">{}</code>', obj.digest)

    @display(description=_("seal before"))
    def display_previous(self, obj: Seal) -> SafeString:
        """The hash that it follows; a dash for the first."""
        return format_html('<code class="break-all">{}</code>', obj.previous or "–")


@admin.register(Verification)
class VerificationAdmin(ReadingDesk):
    """Every time the books were verified, with what did not hold."""

    empty_words = _("Every night all proofs run over the whole books; what they found is kept here.")
    list_display = ("started_at", "display_result", "proofs", "entries", "orders", "display_duration")
    list_filter = ("failed",)
    ordering = ("-pk",)
    fields = (
        ("started_at", "display_duration"),
        "display_result_word",
        ("proofs", "entries", "orders"),
        "display_failures",
    )
    readonly_fields = ("display_result_word", "display_duration", "display_failures")

    @display(description=_("result"), label={"holds": "success", "fails": "danger"})
    def display_result(self, obj: Verification) -> tuple[str, str]:
        """Whether all holds."""
        if not obj.failed:
            return "holds", gettext("Everything holds")
        words = ngettext("%(n)d proof failed", "%(n)d proofs failed", obj.failed) % {"n": obj.failed}
        return "fails", words

    @display(description=_("result"))
    def display_result_word(self, obj: Verification) -> str:
        """The same on its page, where a label has no place."""
        return str(self.display_result(obj)[1])

    @display(description=_("seconds"))
    def display_duration(self, obj: Verification) -> SafeString:
        """How long it took."""
        return figure(f"{(obj.finished_at - obj.started_at).total_seconds():.1f}")

    @display(description=_("what failed"))
    def display_failures(self, obj: Verification) -> SafeString | str:
        """The first rows of each proof that did not hold."""
        rows: list[list[Any]] = [
            [failure["code"], failure["title"], row, what] for failure in obj.failures for row, what in failure["rows"]
        ]
        return table([_("Proof"), _("What should hold"), _("Row"), _("What is so")], rows) if rows else "–"
