"""The one place where this floor asks the programme about coupons.

Coupons belong to parties, so the database hides them from storefront requests; exactly these calls see all of them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models.functions import Upper
from django.utils.translation import gettext as _

from accounts.scope import all_rows
from courses.errors import BadOrderError
from partners.models import Coupon, CouponRedemption
from partners.services import CouponQuote, Redemption, coupon_quote, coupons_redeem
from partners.services.coupons import bearer_account

SOURCE = "order"
"""Kind under which a coupon's use names the order; the id is the order's code."""


@dataclass(frozen=True, slots=True)
class KnownCoupon:
    """A coupon's id, and who bears what it takes off: an account of the books, or `pool`."""

    id: int
    bearer: str


@dataclass(frozen=True, slots=True)
class CouponUse:
    """One use of a coupon by one order, by codes."""

    coupon_code: str
    order_code: str
    at: datetime


def discount_quoted(*, code: str, amounts: Sequence[int], currency: str, at: datetime) -> CouponQuote:
    """Return what this coupon takes off lines of these amounts; the programme's CouponError says why it does not."""
    with all_rows():
        return coupon_quote(code=code, amounts=amounts, currency=currency, at=at)


def coupons_known(*, codes: Collection[str]) -> dict[str, KnownCoupon]:
    """Return coupons by code in capitals, in one query. BadOrderError names one that does not exist."""
    wanted = {code.strip().upper(): code for code in codes}
    if not wanted:
        return {}
    with all_rows():
        rows = Coupon.objects.annotate(upper=Upper("code")).filter(upper__in=wanted).select_related("owner")
        found = {row.code.upper(): KnownCoupon(row.pk, bearer_account(row)) for row in rows}
    for upper, code in wanted.items():
        if upper not in found:
            raise BadOrderError(_("There is no coupon “%(code)s”.") % {"code": code})
    return found


def coupons_used(*, uses: Sequence[CouponUse]) -> None:
    """Count uses under the coupons' locks; CouponError when one does not count at its instant or none is left."""
    if not uses:
        return
    with all_rows():
        coupons_redeem(redemptions=[Redemption(use.coupon_code, SOURCE, use.order_code, use.at) for use in uses])


def coupons_give_back(*, orders: Mapping[str, int]) -> int:
    """Take back the uses of orders that were never paid, given as the order's code to the coupon's id; how many."""
    if not orders:
        return 0
    with all_rows():
        uses = CouponRedemption.objects.filter(coupon__in=set(orders.values()), source_kind=SOURCE)
        count, _by_model = uses.filter(source_id__in=orders).delete()
    return count
