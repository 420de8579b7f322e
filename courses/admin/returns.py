"""Steps with an order's money: each is a form, then what it does to every side, then the act itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from accounts.admin.base import clerk
from courses import services
from courses.choices import DisputeState, OrderState, RefundState
from courses.errors import CoursesError
from courses.forms import DisputeEndForm, DisputeForm, ReasonForm, RefundForm, StepForm
from courses.models import Dispute, Order, Refund
from courses.selectors import lines_standing, order_journal
from ledger.errors import EventRejectedError, UnknownOrderError
from ledger.selectors import OrderKey, refund_index
from partners.selectors import OrderEffect, order_effect

UNSEEN = "unseen"
"""The digest of a preview that cannot be drawn."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an act would do, or one sentence that says why this cannot be told."""

    effect: OrderEffect | None
    note: str = ""

    @property
    def digest(self) -> str:
        """What the person at the desk has seen."""
        return self.effect.digest if self.effect else UNSEEN


@dataclass(frozen=True, slots=True)
class Step:
    """A step with an order's money: its words, its form, the event it would be in the books, and the verb behind it."""

    order: Order
    title: str
    act: str
    form: StepForm
    event: Callable[[], Mapping[str, Any]]
    verb: Callable[[], str]
    minor: int | None = None

    @property
    def amount(self) -> int | None:
        """What it moves in minor units, where that was entered or is known."""
        entered: int | None = self.form.cleaned_data.get("amount")
        return self.minor if entered is None else entered


def preview(order: Order, event: Callable[[], Mapping[str, Any]]) -> Preview:
    """Say what an event would move for every side."""
    if any(row.waits for row in order_journal(order=order)):
        return Preview(None, gettext("Earlier events of this order are still on their way into the books."))
    try:
        return Preview(order_effect(order_code=order.code, event=event()))
    except UnknownOrderError:
        return Preview(None, gettext("This order is not in the books yet; it will be settled first."))
    except EventRejectedError as fault:
        return Preview(None, gettext("The books would not take it: %(why)s.") % {"why": fault.worded(gettext)})


def reversal(order: Order, refund: Refund) -> dict[str, Any]:
    """The event that takes a refund back, as the split engine counts it."""
    key = OrderKey("order", order.code)
    return {
        "type": "refund_reversal",
        "refund_index": refund_index(key=key, source=OrderKey("refund", str(refund.pk))),
    }


class ReturnsDesk:
    """What the desk of orders can do with money that goes back."""

    admin_site: Any
    opts: Any

    def get_urls(self) -> list[URLPattern]:
        """Steps that concern one refund or dispute."""
        view = self.admin_site.admin_view
        own = [
            path("<int:pk>/refunds/<int:row>/take-back/", view(self.take_back), name="courses_order_take_back"),
            path("<int:pk>/refunds/<int:row>/decide/", view(self.decide), name="courses_order_decide"),
            path("<int:pk>/disputes/<int:row>/close/", view(self.close_dispute), name="courses_order_close_dispute"),
        ]
        return [*own, *super().get_urls()]  # type: ignore[misc]

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        """Only what this order allows now."""
        found: list[Any] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        order = Order.objects.only("state", "disputed", "returned_minor", "total_minor").get(pk=object_id)
        paid = order.state == OrderState.PAID
        allowed = {
            "courses_order_refund": paid and not order.disputed and order.left_minor > 0,
            "courses_order_open_dispute": paid and not order.disputed,
            "courses_order_void": paid and not order.disputed,
        }
        return [row for row in found if allowed.get(row.action_name, True)]

    def has_refund_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """By the matrix."""
        return clerk(request).has_perm("courses.add_refund")

    def has_dispute_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        """By the matrix."""
        return clerk(request).has_perm("courses.add_dispute")

    @action(description=_("Refund"), url_path="refund", permissions=["refund"], icon="undo")
    def refund(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Give money back."""
        order = get_object_or_404(Order, pk=object_id)
        by = clerk(request)
        form = RefundForm(
            request.POST or None,
            order=order,
            lines=lines_standing(order=order),
            verb=lambda form: services.refund_request(order_id=order.pk, refund=form.refund(), by=by),
        )

        def event() -> dict[str, Any]:
            asked = form.refund()
            told: dict[str, Any] = {"type": "refund", "amount": asked.amount_minor}
            return {**told, "line": str(asked.line_id)} if asked.line_id else told

        def verb() -> str:
            row = services.refund_request(order_id=order.pk, refund=form.refund(), by=by)
            if row.state == RefundState.REQUESTED:
                return gettext("The refund waits for a second person.")
            return gettext("The refund is made.")

        return self._step(request, Step(order, gettext("Refund"), gettext("Refund"), form, event, verb))

    def take_back(self, request: HttpRequest, pk: int, row: int) -> HttpResponse:
        """Take a refund back that did not go through."""
        if not self.has_refund_permission(request):
            raise PermissionDenied
        refund = get_object_or_404(Refund.objects.select_related("order"), pk=row, order=pk, state=RefundState.DONE)
        by = clerk(request)

        def take(form: StepForm) -> Refund:
            return services.refund_reverse(refund_id=refund.pk, reason=form.cleaned_data["reason"], by=by)

        form = ReasonForm(request.POST or None, refund=refund, verb=take)

        def verb() -> str:
            if take(form).state == RefundState.REQUESTED:
                return gettext("Taking the refund back waits for a second person.")
            return gettext("The refund is taken back.")

        title = gettext("Take refund back")
        return self._step(request, Step(refund.order, title, title, form, lambda: reversal(refund.order, refund), verb))

    @action(description=_("Open dispute"), url_path="dispute", permissions=["dispute"], icon="flag")
    def open_dispute(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Enter a dispute that a bank opened."""
        order = get_object_or_404(Order, pk=object_id)
        by = clerk(request)

        def enter(form: StepForm) -> Dispute:
            assert isinstance(form, DisputeForm)
            return services.dispute_open(order_id=order.pk, dispute=form.dispute(), by=by)

        form = DisputeForm(request.POST or None, order=order, verb=enter)

        def event() -> dict[str, Any]:
            asked = form.dispute()
            return {"type": "dispute_opened", "amount": asked.amount_minor, "fee": asked.fee_minor}

        def verb() -> str:
            enter(form)
            return gettext("The dispute is entered.")

        title = gettext("Open dispute")
        return self._step(request, Step(order, title, title, form, event, verb))

    def close_dispute(self, request: HttpRequest, pk: int, row: int) -> HttpResponse:
        """Enter how a dispute ended."""
        self._need(request, "courses.change_dispute")
        dispute = get_object_or_404(Dispute.objects.select_related("order"), pk=row, order=pk, state=DisputeState.OPEN)
        by = clerk(request)

        def close(form: StepForm) -> Dispute:
            assert isinstance(form, DisputeEndForm)
            return services.dispute_close(
                dispute_id=dispute.pk, won=form.won, fee_returned_minor=form.fee_returned_minor, by=by
            )

        form = DisputeEndForm(request.POST or None, dispute=dispute, verb=close)

        def event() -> dict[str, Any]:
            if form.won:
                return {"type": "dispute_won", "fee_returned": form.fee_returned_minor}
            return {"type": "dispute_lost"}

        def verb() -> str:
            close(form)
            return gettext("The dispute is closed.")

        title = gettext("Close dispute")
        return self._step(request, Step(dispute.order, title, title, form, event, verb))

    def decide(self, request: HttpRequest, pk: int, row: int) -> HttpResponse:
        """A second person approves what one asked for, or declines it."""
        self._need(request, "courses.approve_refund")
        refund = get_object_or_404(
            Refund.objects.select_related("order", "line__course", "requested_by", "reverses"), pk=row, order=pk
        )
        if request.method == "POST":
            self._decided(request, refund)
            return self._to_order(pk)
        order = refund.order

        def event() -> Mapping[str, Any]:
            if refund.reverses is not None:
                return reversal(order, refund.reverses)
            told: dict[str, Any] = {"type": "refund", "amount": refund.amount_minor}
            return {**told, "line": str(refund.line_id)} if refund.line_id else told

        waits = refund.state == RefundState.REQUESTED
        context = {
            **self._frame(request, order, gettext("Decide about a refund")),
            "refund": refund,
            "waits": waits,
            "own": refund.requested_by_id == clerk(request).pk,
            "preview": preview(order, event) if waits else None,
        }
        return TemplateResponse(request, "admin/courses/decide.html", context)

    def _decided(self, request: HttpRequest, refund: Refund) -> None:
        approve = request.POST.get("step") == "approve"
        verb = services.refund_approve if approve else services.refund_decline
        try:
            verb(refund_id=refund.pk, by=clerk(request))
        except CoursesError as fault:
            messages.error(request, str(fault))
        else:
            messages.success(request, gettext("The refund is made.") if approve else gettext("The refund is declined."))

    def _step(self, request: HttpRequest, step: Step) -> HttpResponse:
        """Show the form; then what it does, with the form kept; then do it, if it still does just that."""
        asked = request.POST.get("step", "")
        context = {**self._frame(request, step.order, step.title), "step": step, "form": step.form}
        if request.method != "POST" or not step.form.is_valid() or asked == "edit":
            return TemplateResponse(request, "admin/courses/step.html", context)
        shown = preview(step.order, step.event)
        stale = asked == "confirm" and request.POST.get("seen") != shown.digest
        if asked == "confirm" and not stale:
            try:
                messages.success(request, step.verb())
            except CoursesError as fault:
                messages.error(request, str(fault))
            return self._to_order(step.order.pk)
        context |= {"preview": shown, "stale": stale, "two": self._two(step)}
        return TemplateResponse(request, "admin/courses/step.html", context)

    def _two(self, step: Step) -> bool:
        """Whether a second person will have to approve."""
        if not isinstance(step.form, RefundForm | ReasonForm) or step.amount is None:
            return False
        return services.needs_approval(amount_minor=step.amount, currency=step.order.currency, at=timezone.now())

    def _frame(self, request: HttpRequest, order: Order, title: str) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "original": order,
            "order": order,
            "lines": lines_standing(order=order),
        }

    def _need(self, request: HttpRequest, permission: str) -> None:
        if not clerk(request).has_perm(permission):
            raise PermissionDenied

    def _to_order(self, pk: int) -> HttpResponseRedirect:
        return HttpResponseRedirect(reverse("admin:courses_order_change", args=[pk]))
