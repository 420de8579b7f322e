"""Channels and tracking links."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import Party, User
from partners.choices import ChannelKind
from partners.errors import ChannelError
from partners.models import Channel, TrackingLink

SLOTS = 8
_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
_CODE = re.compile(r"[a-zA-Z0-9_-]{1,64}", re.ASCII)
_PATH = re.compile(r"/(?:[^/\\\s\x00-\x1f\x7f-\x9f][^\\\s\x00-\x1f\x7f-\x9f]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChannel:
    """A channel to be; `owner_id` is the party that may earn by it."""

    code: str
    name: str
    kind: str
    name_zh: str = ""
    owner_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """A tracking link to be. Without a code one is made up."""

    channel_id: int
    destination: str = "/"
    code: str = ""
    campaign: str = ""
    utm_source: str = ""
    utm_medium: str = ""
    utm_term: str = ""
    utm_content: str = ""
    owner_id: int | None = None
    created_at: datetime | None = None


def channel_create(
    *, code: str, name: str, kind: str, name_zh: str = "", owner: Party | None = None, by: User | None = None
) -> Channel:
    """Open one channel; ChannelError if the code is taken or wrong."""
    if Channel.objects.filter(code=code).exists():
        raise ChannelError(_("There is a channel “%(code)s” already.") % {"code": code})
    new = NewChannel(code=code, name=name, name_zh=name_zh, kind=kind, owner_id=owner.pk if owner else None)
    return Channel.objects.get(pk=channels_ensure(channels=[new], by=by)[code])


@transaction.atomic
def channels_ensure(*, channels: Sequence[NewChannel], by: User | None = None) -> dict[str, int]:
    """Find channels by code and open those that are missing; returns their primary keys by code."""
    for new in channels:
        if not _CODE.fullmatch(new.code):
            raise ChannelError(_("“%(code)s” is no code: letters, digits, dash, underscore.") % {"code": new.code})
        if new.kind not in ChannelKind.values:
            raise ChannelError(_("“%(kind)s” is no kind of channel.") % {"kind": new.kind})
    codes = [new.code for new in channels]
    found = dict(Channel.objects.filter(code__in=codes).values_list("code", "pk"))
    missing = {new.code: new for new in channels if new.code not in found}
    if missing:
        free = _free_slots()
        with acting(actor=by.pk if by else None):
            Channel.objects.bulk_create(
                [
                    Channel(
                        code=new.code,
                        name=new.name,
                        name_zh=new.name_zh,
                        kind=new.kind,
                        owner_id=new.owner_id,
                        slot=free.pop(0) if free else 0,
                    )
                    for new in missing.values()
                ],
                ignore_conflicts=True,
            )
        found = dict(Channel.objects.filter(code__in=codes).values_list("code", "pk"))
    return found


@transaction.atomic
def channel_change(
    *, channel: Channel, name: str, name_zh: str, kind: str, slot: int, active: bool, by: User | None = None
) -> Channel:
    """Change what a channel is called and drawn with, or close it; code and owner stay."""
    if kind not in ChannelKind.values:
        raise ChannelError(_("“%(kind)s” is no kind of channel.") % {"kind": kind})
    if not 0 <= slot <= SLOTS:
        raise ChannelError(_("Colour slots go from 0 (none) to %(most)d.") % {"most": SLOTS})
    row = Channel.objects.select_for_update().get(pk=channel.pk)
    row.name, row.name_zh, row.kind, row.slot, row.is_active = name, name_zh, kind, slot, active
    with acting(actor=by.pk if by else None):
        row.save(update_fields=["name", "name_zh", "kind", "slot", "is_active"])
    return row


def link_create(
    *,
    channel: Channel,
    owner: Party | None = None,
    destination: str = "/",
    code: str = "",
    campaign: str = "",
    utm: Mapping[str, str] | None = None,
    by: User | None = None,
) -> TrackingLink:
    """Make one tracking link to a page of ours; it belongs to the channel's owner unless another is named.

    `utm`: what stands behind the target beside the campaign, by `utm_source`, `utm_medium`, `utm_term`, `utm_content`.
    """
    tags = utm or {}
    new = NewLink(
        channel_id=channel.pk,
        owner_id=owner.pk if owner else channel.owner_id,
        destination=destination,
        code=code,
        campaign=campaign,
        utm_source=tags.get("utm_source", ""),
        utm_medium=tags.get("utm_medium", ""),
        utm_term=tags.get("utm_term", ""),
        utm_content=tags.get("utm_content", ""),
    )
    return links_create(links=[new], by=by)[0]


@transaction.atomic
def links_create(*, links: Sequence[NewLink], by: User | None = None) -> list[TrackingLink]:
    """Make tracking links, in two queries. ChannelError for a taken code, a foreign address or another's channel."""
    channels = Channel.objects.in_bulk({new.channel_id for new in links})
    for new in links:
        channel = channels[new.channel_id]
        if channel.owner_id is not None and new.owner_id not in {None, channel.owner_id}:
            raise ChannelError(_("The channel “%(channel)s” belongs to another party.") % {"channel": channel})
        if not channel.is_active:
            raise ChannelError(_("The channel “%(channel)s” is closed.") % {"channel": channel})
        if not _PATH.fullmatch(new.destination) or len(new.destination) > 300:
            raise ChannelError(
                _("A link leads to a page of this site, such as /courses/python/; “%(there)s” does not.")
                % {"there": new.destination}
            )
        if new.code and not _CODE.fullmatch(new.code):
            raise ChannelError(_("“%(code)s” is no code: letters, digits, dash, underscore.") % {"code": new.code})
    rows = [
        TrackingLink(
            code=new.code or "".join(secrets.choice(_ALPHABET) for _digit in range(8)),
            channel_id=new.channel_id,
            owner_id=new.owner_id or channels[new.channel_id].owner_id,
            destination=new.destination,
            campaign=new.campaign.strip()[:120],
            utm_source=new.utm_source.strip()[:100],
            utm_medium=new.utm_medium.strip()[:100],
            utm_term=new.utm_term.strip()[:100],
            utm_content=new.utm_content.strip()[:100],
            created_at=new.created_at or timezone.now(),
        )
        for new in links
    ]
    try:
        with transaction.atomic(), acting(actor=by.pk if by else None):
            return TrackingLink.objects.bulk_create(rows)
    except IntegrityError as error:
        if "code" not in str(error):
            raise
        raise ChannelError(_("This code is taken; choose another one.")) from None


@transaction.atomic
def link_activate(*, link: TrackingLink, active: bool, by: User | None = None) -> TrackingLink:
    """Open or close a link; a closed one leads to the start page and brings nobody."""
    row = TrackingLink.objects.select_for_update().get(pk=link.pk)
    row.is_active = active
    with acting(actor=by.pk if by else None):
        row.save(update_fields=["is_active"])
    return row


def _free_slots() -> list[int]:
    """Colour slots that no channel has yet; a channel without one is drawn in the quiet colour."""
    taken = set(Channel.objects.exclude(slot=0).values_list("slot", flat=True))
    return [slot for slot in range(1, SLOTS + 1) if slot not in taken]
