"""Turns a page that somebody opened into a touch."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit
from uuid import UUID

from django.core.cache import cache
from django.db import transaction

from analytics.rules import classify
from analytics.services.channel_rules import channel_map, own_addresses
from analytics.services.visits import NewTouch, touchpoints_record
from partners.choices import ChannelKind
from partners.models import Channel
from partners.services import NewChannel, channels_ensure

ROBOTS = re.compile(
    r"(?<!cu)bot|crawl|spider|slurp|preview|monitor|headless|lighthouse|phantomjs|pingdom|archiver"
    r"|externalhit|facebookcatalog|^whatsapp/|embedly|mediapartners|(apis|read-aloud)-google|google-inspection"
    r"|curl|wget|python-|httpx|aiohttp|urllib|scrapy|go-http-client|okhttp|^java/|httpclient|libwww|axios|node-fetch"
    r"|postman|^ruby|guzzle",
    re.IGNORECASE,
)
"""User agents that are no visitors (of Cubot there are phones). Their requests are answered and leave no touch."""


@lru_cache(maxsize=1024)
def is_robot(user_agent: str) -> bool:
    """The request was not made by a person."""
    return not user_agent or bool(ROBOTS.search(user_agent))


def is_prefetch(meta: Mapping[str, str]) -> bool:
    """The browser asks in advance, for a page that nobody may ever see. `meta`: `HttpRequest.META`."""
    return any("prefetch" in meta.get(name, "") for name in ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_MOZ"))


@transaction.atomic
def arrival_record(
    *, visitor_key: UUID, landing: str, referrer: str, returning: bool, consent: bool, at: datetime
) -> bool:
    """Record an arrival on a page, if it is one: by UTM tags, a click id, a foreign referrer, or a first direct visit.

    A page opened from a page of ours is no arrival. Returns whether a touch was stored.
    """
    arrival = classify(landing=landing, referrer=referrer, channels=channel_map(own=own_addresses(landing)))
    if arrival.channel == ChannelKind.DIRECT and (returning or referrer):
        return False
    touchpoints_record(
        touches=[
            NewTouch(
                visitor_key=visitor_key,
                channel_id=channel_of(arrival.channel),
                owner_id=owner_of(arrival.channel),
                landing=urlsplit(landing).path,
                referrer_host=arrival.referrer_host,
                utm=arrival.utm,
                # What an advertiser tells a person by is kept of nobody who did not agree.
                click_id=arrival.click_id if consent else "",
                sub_ids=arrival.sub_ids,
                consent=consent,
                occurred_at=at,
            )
        ]
    )
    return True


def owner_of(kind: str) -> int | None:
    """The party that a channel named by a rule belongs to; the platform's own belong to none."""
    if not kind.startswith("#"):
        return None
    return Channel.objects.filter(pk=int(kind[1:])).values_list("owner_id", flat=True).first()


def channel_of(kind: str) -> int:
    """The channel that a rule names by "#" and its key, else the platform's own of a kind, made when first used."""
    if kind.startswith("#"):
        return int(kind[1:])
    key = f"analytics.channel.{kind}"
    found: int | None = cache.get(key)
    if found is None:
        found = (
            Channel.objects.filter(kind=kind, owner=None, is_active=True)
            .order_by("pk")
            .values_list("pk", flat=True)
            .first()
        )
        if found is None:
            label = str(ChannelKind(kind).label)
            code = kind.replace("_", "-")
            found = channels_ensure(channels=[NewChannel(code=code, name=label, kind=kind)])[code]
            transaction.on_commit(lambda: cache.set(key, found, 60))  # a rolled back channel must not be remembered
    return found
