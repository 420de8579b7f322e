"""What parties earned of orders, for reports that ask what the house keeps."""

from collections import defaultdict
from collections.abc import Collection

from django.db.models import Sum

from partners.models import EarningDecision

Shares = dict[tuple[str, str], list[tuple[int, str]]]
"""(order code, item id) -> (minor units, currency)."""


def shares_of_orders(*, codes: Collection[str]) -> Shares:
    """What all parties together have of each item of these orders, every later effect included.

    Call it where all rows are visible.
    """
    rows = (
        EarningDecision.objects.filter(order_code__among=codes)
        .order_by("order_code", "item_id", "currency")
        .values_list("order_code", "item_id", "currency")
        .annotate(sum=Sum("amount_minor"))
    )
    shares: Shares = defaultdict(list)
    for code, item, currency, amount in rows:
        shares[code, item].append((int(amount), currency))
    return dict(shares)
