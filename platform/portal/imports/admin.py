"""What the admin shows of imports once every floor can be asked: the receipt in words, and the way back."""

from collections.abc import Iterator
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from accounts.admin.base import clerk, table
from accounts.admin.confirm import Facts, confirmed
from accounts.admin.imports import ImportBatchAdmin
from accounts.choices import BatchState
from accounts.models import ImportBatch, User
from courses.admin.catalogue import to_page
from courses.admin.words import money
from courses.models import Order
from portal.figures import money_text
from portal.imports.errors import RefusedImportError
from portal.imports.run import reverse

Block = tuple[str, list[Any], list[list[Any]]]
"""A table of the receipt: its title, its heads, its rows."""

MOST_ORDERS = 2_000
"""Orders that a page takes back while somebody waits; larger imports are reversed by the command."""


class ReverseForm(forms.Form):
    """Why an import is taken back."""

    reason = forms.CharField(label=_("Reason"), max_length=200)


def contents(batch: int) -> str:
    """What of an import still counts: orders with their sums, and people."""
    live = Order.objects.filter(import_batch=batch, state="paid").values_list("currency")
    sums = live.annotate(orders=Count("pk"), total=Sum("total_minor")).order_by("currency")
    parts = [
        ngettext("%(orders)d order of %(total)s", "%(orders)d orders of %(total)s", orders)
        % {"orders": orders, "total": money_text(total, currency)}
        for currency, orders, total in sums
    ]
    people = User.objects.filter(import_batch=batch, is_active=True).count()
    return " · ".join([*parts, ngettext("%(people)d person", "%(people)d people", people) % {"people": people}])


def facts(batch: ImportBatch) -> Facts:
    """What a reversal concerns."""
    return [(_("import"), str(batch)), (_("What still counts of it"), contents(batch.pk))]


admin.site.unregister(ImportBatch)


@admin.register(ImportBatch)
class ReversibleImportAdmin(ImportBatchAdmin):
    """Imports with their receipts, and the button that takes one back."""

    fieldsets: Any = (
        (None, {"fields": (("source", "state"), ("actor", "created_at", "reversed_at"), "display_rows")}),
        (_("What still counts of it"), {"fields": ("display_contents",)}),
        (_("Receipt"), {"fields": ("display_receipt",)}),
    )
    readonly_fields: Any = (*ImportBatchAdmin.readonly_fields, "display_contents")
    actions_detail: ClassVar[list[str]] = ["reverse_import"]

    def has_reverse_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """By the matrix, and only for an import that still counts."""
        if not request.user.has_perm("accounts.reverse_importbatch"):
            return False
        return object_id is None or ImportBatch.objects.filter(pk=object_id, state=BatchState.COMMITTED).exists()

    @display(description=_("orders and people"))
    def display_contents(self, obj: ImportBatch) -> str:
        """What a reversal would take back."""
        return contents(obj.pk)

    @display(description=_("receipt"))
    def display_receipt(self, obj: ImportBatch) -> SafeString:
        """The receipt as tables, one for each part."""
        return receipt_tables(obj.receipt) if "declared" in obj.receipt else super().display_receipt(obj)

    @action(
        description=_("Reverse"),
        url_path="reverse",
        permissions=["reverse"],
        icon="undo",
    )
    @confirmed(
        title=_("Reverse this import"),
        does=_(
            "Its orders are booked back, its people are switched off, its courses go off sale, and its touches and "
            "spend count in no report any more."
        ),
        back=_("Nothing is deleted; the files can be imported again."),
        act=_("Reverse the import"),
        form_class=ReverseForm,
        facts=facts,
    )
    def reverse_import(self, request: HttpRequest, form: ReverseForm, batch: ImportBatch) -> HttpResponse:
        """Take the import back, with a reason."""
        orders = Order.objects.filter(import_batch=batch.pk).count()
        if orders > MOST_ORDERS:
            words = gettext(
                "This import has %(orders)d orders, too many for a page; an operator reverses it by "
                "“manage.py reverse_import %(batch)s”."
            )
            messages.error(request, words % {"orders": orders, "batch": batch.pk})
            return to_page("accounts_importbatch", batch.pk)
        try:
            done = reverse(batch_id=batch.pk, reason=form.cleaned_data["reason"], actor=clerk(request))
        except RefusedImportError:
            messages.error(request, gettext("This import was reversed meanwhile."))
        else:
            words = gettext("Reversed: %(orders)d orders voided, %(people)d people withdrawn.")
            messages.success(request, words % done)
        return to_page("accounts_importbatch", batch.pk)


def receipt_tables(receipt: dict[str, Any]) -> SafeString:
    """The receipt of `import_business`, each amount in its currency."""
    parts = [
        format_html('<h4 class="font-semibold mt-4 mb-2">{}</h4>{}', title, table(heads, rows))
        for title, heads, rows in (*_sums(receipt), *_effects(receipt))
        if rows
    ]
    return mark_safe("".join(parts))  # noqa: S308 - every part is escaped by format_html and the table


def _sums(receipt: dict[str, Any]) -> Iterator[Block]:
    """Rows and amounts of the files."""
    payments = receipt["payments"]
    yield (
        gettext("Files"),
        [gettext("file"), gettext("rows read"), gettext("written"), gettext("skipped")],
        [[row["file"], row["read"], row["written"], _skipped(row["skipped"])] for row in receipt["files"]],
    )
    yield (
        gettext("Payments"),
        [gettext("in the file"), gettext("booked by this import")],
        [[money(payments[key], payments["currency"]) for key in ("in_file_minor", "booked_now_minor")]],
    )
    heads = [gettext("file"), gettext("exact sum in minor units"), gettext("rounded once"), gettext("apportioned")]
    sums = ("rounded_minor", "apportioned_minor", "booked_now_minor")
    yield (
        gettext("Spend"),
        [*heads, gettext("booked by this import")],
        [
            [row["file"], row["exact_minor"], *(money(row[key], row["currency"]) for key in sums)]
            for row in receipt["spend"]
        ],
    )


def _effects(receipt: dict[str, Any]) -> Iterator[Block]:
    """What came of them, and what the files did not say."""
    yield (
        gettext("Sign-ups in the file"),
        [gettext("channel"), gettext("sign-ups")],
        [list(pair) for pair in receipt["arrivals"].items()],
    )
    yield (
        gettext("Became payable"),
        [gettext("party"), gettext("amount")],
        [[row["party"], money(row["amount_minor"], row["currency"])] for row in receipt["payable"]],
    )
    said = receipt["declared"]
    yield (
        gettext("Declared by the mapping"),
        [gettext("time zone"), gettext("currency"), gettext("agreements from"), gettext("exchange rates")],
        [[said["time_zone"], said["currency"], said["effective_from"][:10], "; ".join(said["rates"]) or "–"]],
    )


def _skipped(reasons: dict[str, int]) -> str:
    count = sum(reasons.values())
    return gettext("%(count)d, imported before") % {"count": count} if count else "0"
