"""The one place where this floor asks the programme about coupons.

Coupons belong to parties, so the database hides them from storefront requests; exactly these calls see all of them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from accounts.scope import all_rows
from courses.errors import BadOrderError
from partners.choices import Bearer
from partners.models import Coupon, CouponRedemption

SOURCE = "order"
"""Kind under which a coupon's use names the order; the id is the order's code."""


@dataclass(frozen=True, slots=True)
class KnownCoupon:
    """A coupon's id, and the ledger account that bears what it takes off (or pool)."""

    id: int
    bearer: str


@dataclass(frozen=True, slots=True)
class CouponUse:
    """One use of a coupon by one order."""

    coupon_id: int
    order_code: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Discount:
    """What a coupon takes off each line, in minor units, and who bears it."""

    coupon_id: int
    code: str
    bearer: str
    amounts: tuple[int, ...]


def discount_quoted(*, code: str, amounts: Sequence[int], currency: str, at: datetime) -> Discount:
    """Return what this coupon takes off lines of these amounts; the programme's refusal says why it does not."""
    from partners.services import coupon_quote

    with all_rows():
        quote = coupon_quote(code=code, amounts=list(amounts), currency=currency, at=at)
        coupon = Coupon.objects.get(code__iexact=code.strip())
    return Discount(coupon.pk, coupon.code, quote.borne_by, tuple(quote.discounts))


def coupon_used(*, code: str, order_code: str, at: datetime) -> None:
    """Count one use, under the coupon's lock; the programme refuses when none is left."""
    from partners.services import coupon_redeem

    with all_rows():
        coupon_redeem(code=code, source_kind=SOURCE, source_id=order_code, at=at)


def coupons_known(*, codes: Collection[str]) -> dict[str, KnownCoupon]:
    """Return coupons by code in capitals, valid or not: these orders were paid. BadOrderError names an unknown one."""
    if not codes:
        return {}
    wanted = {code.upper(): code for code in codes}
    with all_rows():
        found = {
            coupon.code.upper(): KnownCoupon(coupon.pk, _bearer(coupon))
            for coupon in Coupon.objects.select_related("owner").filter(code__in={*codes, *wanted})
        }
    for upper, code in wanted.items():
        if upper not in found:
            raise BadOrderError(_("There is no coupon %(code)s.") % {"code": code})
    return found


def coupons_used(*, uses: Sequence[CouponUse]) -> None:
    """Count uses by orders that were paid elsewhere: they happened, so no limit refuses them."""
    if not uses:
        return
    with all_rows():
        CouponRedemption.objects.bulk_create(
            [
                CouponRedemption(
                    coupon_id=use.coupon_id, source_kind=SOURCE, source_id=use.order_code, redeemed_at=use.at
                )
                for use in uses
            ],
            ignore_conflicts=True,
        )


def _bearer(coupon: Coupon) -> str:
    if coupon.borne_by == Bearer.OWNER and coupon.owner is not None:
        return f"party:{coupon.owner.code}"
    return "platform:promotions" if coupon.borne_by == Bearer.PLATFORM else "pool"
