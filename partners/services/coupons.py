"""Coupons: describing, quoting, redeeming. A use is counted under a lock, so that the last one goes to one order."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import Party, User
from ledger.money import BP, EXPONENTS, apportion, pct
from ledger.splits.accounts import POOL, PROMOTIONS, payable
from partners.choices import Bearer, ChannelKind
from partners.errors import CouponError
from partners.models import Channel, Coupon, CouponRedemption

_CODE = re.compile(r"[A-Z0-9][A-Z0-9_-]{1,31}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CouponQuote:
    """What a coupon takes off each line, in minor units, and who bears it (an account of the books, or `pool`)."""

    coupon_id: int
    code: str
    discounts: tuple[int, ...]
    borne_by: str
    owner_id: int | None
    channel_id: int | None

    @property
    def total(self) -> int:
        """What it takes off altogether."""
        return sum(self.discounts)


@dataclass(frozen=True, slots=True)
class Redemption:
    """One use to be counted."""

    code: str
    source_kind: str
    source_id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCoupon:
    """A coupon to be: either a percentage in basis points or an amount in minor units of one currency."""

    code: str
    percent_bp: int | None = None
    amount_minor: int | None = None
    currency: str = ""
    borne_by: str = Bearer.POOL
    owner_id: int | None = None
    channel_id: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_uses: int | None = None


def coupon_create(
    *,
    code: str,
    percent_bp: int | None = None,
    amount_minor: int | None = None,
    currency: str = "",
    borne_by: str = Bearer.POOL,
    owner: Party | None = None,
    channel: Channel | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    max_uses: int | None = None,
    by: User | None = None,
) -> Coupon:
    """Make one coupon; CouponError says what is wrong with it."""
    new = NewCoupon(
        code=code,
        percent_bp=percent_bp,
        amount_minor=amount_minor,
        currency=currency,
        borne_by=borne_by,
        owner_id=owner.pk if owner else None,
        channel_id=channel.pk if channel else None,
        starts_at=starts_at,
        ends_at=ends_at,
        max_uses=max_uses,
    )
    return coupons_create(coupons=[new], by=by)[0]


@transaction.atomic
def coupons_create(*, coupons: Sequence[NewCoupon], by: User | None = None) -> list[Coupon]:
    """Make coupons in two queries. Codes are kept in capitals and count in any case.

    A partner's coupon that names no channel counts in one of the partner's own, else in the house's for partners.
    """
    rows = [_checked(new) for new in coupons]
    channels = _channels_for({row.owner_id for row in rows if row.owner_id and not row.channel_id})
    for row in rows:
        if row.owner_id and not row.channel_id:
            row.channel_id = channels.get(row.owner_id, channels.get(None))
    try:
        with transaction.atomic(), acting(actor=by.pk if by else None):
            return Coupon.objects.bulk_create(rows)
    except IntegrityError as error:
        if "code" not in str(error):
            raise
        raise CouponError(_("This code is taken; choose another one."), reason="taken") from None


@transaction.atomic
def coupon_activate(*, coupon: Coupon, active: bool, by: User | None = None) -> Coupon:
    """Open or close a coupon."""
    row = Coupon.objects.select_for_update().get(pk=coupon.pk)
    row.is_active = active
    with acting(actor=by.pk if by else None):
        row.save(update_fields=["is_active"])
    return row


def coupon_quote(*, code: str, amounts: Sequence[int], currency: str, at: datetime | None = None) -> CouponQuote:
    """What the coupon takes off lines with these list prices. Nothing is counted yet.

    The percentage is of the whole order, an exact half goes to the learner; the whole is apportioned over list prices.
    CouponError where it does not count.
    """
    coupon = _coupons([code]).get(code.strip().upper())
    if coupon is None:
        raise CouponError(_("There is no coupon “%(code)s”.") % {"code": code.strip()}, reason="unknown")
    _refuse_closed(coupon, at or timezone.now())
    if coupon.max_uses is not None and coupon.redemptions.count() >= coupon.max_uses:
        raise _used_up(coupon)
    whole = sum(amounts)
    if coupon.percent_bp is not None:
        off = pct(whole, coupon.percent_bp)
    elif coupon.currency != currency:
        raise CouponError(
            _("The coupon “%(code)s” is for prices in %(currency)s.")
            % {"code": coupon.code, "currency": coupon.currency},
            reason="currency",
        )
    else:
        off = min(coupon.amount_minor or 0, whole)
    return CouponQuote(
        coupon_id=coupon.pk,
        code=coupon.code,
        discounts=tuple(apportion(off, list(amounts))) if whole else (0,) * len(amounts),
        borne_by=bearer_account(coupon),
        owner_id=coupon.owner_id,
        channel_id=coupon.channel_id,
    )


def bearer_account(coupon: Coupon) -> str:
    """Return the account that bears the coupon's discount, or `pool`."""
    if coupon.borne_by == Bearer.PLATFORM:
        return PROMOTIONS
    if coupon.borne_by == Bearer.OWNER and coupon.owner is not None:
        return payable(coupon.owner.code)
    return POOL


def coupon_redeem(*, code: str, source_kind: str, source_id: str, at: datetime | None = None) -> CouponRedemption:
    """Count one use; the same source again is the same use."""
    use = Redemption(code, source_kind, source_id, at or timezone.now())
    return coupons_redeem(redemptions=[use])[0]


@transaction.atomic
def coupons_redeem(*, redemptions: Sequence[Redemption]) -> list[CouponRedemption]:
    """Count many uses in four queries, whatever their number; CouponError names the first that does not count."""
    coupons = _coupons([use.code for use in redemptions], lock=True)
    keys = {(use.code.strip().upper(), use.source_kind, use.source_id): use for use in redemptions}
    for code, _kind, source in keys:
        if code not in coupons:
            raise CouponError(_("There is no coupon “%(code)s”.") % {"code": f"{code} ({source})"}, reason="unknown")
    ids = [coupon.pk for coupon in coupons.values()]
    known = {
        (row.coupon_id, row.source_kind, row.source_id): row
        for row in CouponRedemption.objects.filter(
            coupon__in=ids, source_id__in={source for _code, _kind, source in keys}
        )
    }
    uses: dict[int, int] = defaultdict(int)
    uses.update(
        CouponRedemption.objects.filter(coupon__in=[c.pk for c in coupons.values() if c.max_uses is not None])
        .values_list("coupon")
        .annotate(uses=Count("pk"))
    )
    fresh = {}
    for (code, kind, source), use in keys.items():
        coupon = coupons[code]
        if (coupon.pk, kind, source) in known:
            continue
        _refuse_closed(coupon, use.at)
        uses[coupon.pk] += 1
        if coupon.max_uses is not None and uses[coupon.pk] > coupon.max_uses:
            raise _used_up(coupon)
        row = CouponRedemption(coupon=coupon, source_kind=kind, source_id=source, redeemed_at=use.at)
        fresh[coupon.pk, kind, source] = row
    CouponRedemption.objects.bulk_create(fresh.values())
    known |= fresh
    return [known[coupons[use.code.strip().upper()].pk, use.source_kind, use.source_id] for use in redemptions]


def _channels_for(owners: set[int]) -> dict[int | None, int]:
    """The first open channel of each owner, and (None) of the house for partners."""
    if not owners:
        return {}
    rows = Channel.objects.filter(is_active=True).filter(Q(owner__in=owners) | Q(owner=None, kind=ChannelKind.PARTNER))
    return dict(rows.order_by("-pk").values_list("owner_id", "pk"))


def _coupons(codes: Sequence[str], *, lock: bool = False) -> dict[str, Coupon]:
    rows = Coupon.objects.annotate(upper=Upper("code")).filter(upper__in={code.strip().upper() for code in codes})
    if lock:
        rows = rows.select_for_update(of=("self",)).order_by("pk")
    return {row.code.upper(): row for row in rows.select_related("owner")}


def _refuse_closed(coupon: Coupon, at: datetime) -> None:
    if not coupon.is_active:
        raise CouponError(_("The coupon “%(code)s” is closed.") % {"code": coupon.code}, reason="closed")
    if at < coupon.starts_at:
        raise CouponError(_("The coupon “%(code)s” does not count yet.") % {"code": coupon.code}, reason="early")
    if coupon.ends_at is not None and at >= coupon.ends_at:
        raise CouponError(_("The coupon “%(code)s” is over.") % {"code": coupon.code}, reason="over")


def _used_up(coupon: Coupon) -> CouponError:
    return CouponError(_("The coupon “%(code)s” is used up.") % {"code": coupon.code}, reason="used_up")


def _checked(new: NewCoupon) -> Coupon:
    code = new.code.strip().upper()
    if not _CODE.fullmatch(code):
        raise CouponError(
            _("“%(code)s” is no code: 2 to 32 letters, digits, dashes or underscores.") % {"code": new.code},
            reason="code",
        )
    if (new.percent_bp is None) == (new.amount_minor is None):
        raise CouponError(_("A coupon takes off either a percentage or an amount."), reason="kind")
    if new.percent_bp is not None and not 0 < new.percent_bp <= BP:
        raise CouponError(_("The percentage must be above 0 and at most 100."), reason="percent")
    if new.amount_minor is not None and (new.amount_minor <= 0 or new.currency not in EXPONENTS):
        raise CouponError(_("The amount must be above 0, in a currency that exists."), reason="amount")
    if new.borne_by == Bearer.OWNER and new.owner_id is None:
        raise CouponError(_("Without an owner, nobody can bear the discount as the owner."), reason="bearer")
    if new.max_uses is not None and new.max_uses <= 0:
        raise CouponError(_("The number of uses must be above 0."), reason="uses")
    starts = new.starts_at or timezone.now()
    if new.ends_at is not None and new.ends_at <= starts:
        raise CouponError(_("The coupon would end before it begins."), reason="range")
    return Coupon(
        code=code,
        owner_id=new.owner_id,
        channel_id=new.channel_id,
        percent_bp=new.percent_bp,
        amount_minor=new.amount_minor,
        currency=new.currency if new.amount_minor is not None else "",
        borne_by=new.borne_by,
        starts_at=starts,
        ends_at=new.ends_at,
        max_uses=new.max_uses,
    )
