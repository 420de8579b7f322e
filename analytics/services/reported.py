"""Touches that programs report: each once, by the program's own id for it."""

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TypedDict
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Seat
from analytics.choices import TouchFlag
from analytics.errors import TouchRefusedError
from analytics.models import Touchpoint, TouchReceipt
from analytics.rules import classify, host_of
from analytics.services.arrivals import channel_of, owner_of
from analytics.services.channel_rules import channel_map, own_addresses
from analytics.services.visits import NewTouch, salted_key, touchpoints_record
from partners.models import Channel, TrackingLink

OLDEST, AHEAD = timedelta(days=366), timedelta(minutes=5)
AGAIN_WITHIN = timedelta(seconds=10)
"""The same link by the same browser, nearer than this, is one click, as it is at `/go/`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedTouch:
    """What a program says of a touch; one of `link`, `channel` (codes) and `landing` says how the visitor came."""

    external_id: str
    visitor: UUID
    occurred_at: datetime
    link: str = ""
    channel: str = ""
    landing: str = ""
    referrer: str = ""
    utm: dict[str, str] = field(default_factory=dict)
    sub_ids: dict[str, str] = field(default_factory=dict)
    consent: bool = True


class _Common(TypedDict):
    occurred_at: datetime
    consent: bool


@transaction.atomic
def touch_report(*, source: str, touch: ReportedTouch) -> bool:
    """Keep a reported touch; whether it is new. Call it where all rows are visible.

    TouchRefusedError: the id was used for another touch, the instant lies too far off, link or channel is not in use.
    """
    now = timezone.now()
    if not now - OLDEST <= touch.occurred_at <= now + AHEAD:
        raise TouchRefusedError(_("The instant lies more than a year ago or in the future."))
    body = json.dumps(asdict(touch), default=str, sort_keys=True)
    digest = sha256(body.encode()).hexdigest()
    receipt, new = TouchReceipt.objects.get_or_create(
        source=source, external_id=touch.external_id, defaults={"digest": digest, "received_at": now}
    )
    if not new:
        if receipt.digest != digest:
            raise TouchRefusedError(_("Another touch was told under this id."))
        return False
    told = _told(touch)
    touchpoints_record(touches=[replace(told, flag=_flag(told))])
    return True


def _flag(touch: NewTouch) -> str:
    """Why a touch counts for nobody, as of those who follow a link themselves; empty where it counts."""
    if touch.owner_id is not None:
        seats = Seat.objects.filter(party_id=touch.owner_id, user__visitors__key=touch.visitor_key)
        if seats.exists():
            return TouchFlag.SELF.value
    if touch.link_id is None:
        return ""
    around = {
        "occurred_at__gt": touch.occurred_at - AGAIN_WITHIN,
        "occurred_at__lt": touch.occurred_at + AGAIN_WITHIN,
    }
    again = Touchpoint.objects.filter(visitor__key=touch.visitor_key, link_id=touch.link_id, flag="", **around)
    return TouchFlag.REPEAT.value if again.exists() else ""


def _told(touch: ReportedTouch) -> NewTouch:
    # Who did not agree is known by nothing: each of their touches stands alone, as in a browser that declines.
    key = salted_key(touch.visitor if touch.consent else uuid4())
    common = _Common(occurred_at=touch.occurred_at, consent=touch.consent)
    if touch.link:
        link = TrackingLink.objects.filter(code=touch.link, is_active=True).first()
        if link is None:
            raise TouchRefusedError(_("The link “%(code)s” is not in use.") % {"code": touch.link})
        return NewTouch(
            key, link.channel_id, owner_id=link.owner_id, link_id=link.pk, landing=link.destination,
            referrer_host=host_of(touch.referrer), utm=touch.utm or link.utm, sub_ids=touch.sub_ids, **common,
        )  # fmt: skip
    if touch.channel:
        channel = Channel.objects.filter(code=touch.channel, is_active=True).first()
        if channel is None:
            raise TouchRefusedError(_("The channel “%(code)s” is not in use.") % {"code": touch.channel})
        return NewTouch(key, channel.pk, owner_id=channel.owner_id, utm=touch.utm, sub_ids=touch.sub_ids, **common)
    arrival = classify(
        landing=touch.landing, referrer=touch.referrer, channels=channel_map(own=own_addresses(touch.landing))
    )
    return NewTouch(
        key, channel_of(arrival.channel), landing=urlsplit(touch.landing).path, referrer_host=arrival.referrer_host,
        owner_id=owner_of(arrival.channel), utm={**arrival.utm, **touch.utm},
        click_id=arrival.click_id if touch.consent else "", sub_ids={**arrival.sub_ids, **touch.sub_ids}, **common,
    )  # fmt: skip
