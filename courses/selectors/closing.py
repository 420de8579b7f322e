"""What must be in order about orders before a month of the books is closed."""

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.choices import OrderState
from courses.models import Order
from events.choices import DeliveryState, EventName, Queue
from events.models import Delivery
from ledger.selectors import MonthRange, PeriodFinding, closing_check


@closing_check
def orders_settled(span: MonthRange) -> PeriodFinding:
    """Every paid order placed in the month is in the books: nobody who settles it has its news still to read."""
    unread = Delivery.objects.filter(
        queue=Queue.MONEY, event__name=EventName.ORDER_PAID, event__key=OuterRef("code")
    ).exclude(state=DeliveryState.DONE)
    placed = Order.objects.filter(state=OrderState.PAID, placed_at__gte=span.start, placed_at__lt=span.end)
    count = placed.filter(Exists(unread)).count()
    if not count:
        return PeriodFinding(True, _("Every order placed in it is in the books"))
    words = ngettext(
        "%(n)d order placed in it is paid but not in the books yet",
        "%(n)d orders placed in it are paid but not in the books yet",
        count,
    )
    return PeriodFinding(False, words % {"n": count})
