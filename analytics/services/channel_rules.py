"""The installation's rules for arrivals: writing them, reading them fast, and trying them out."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.audit import acting
from accounts.models import User
from analytics.errors import RuleRefusedError
from analytics.models import ChannelRule
from analytics.rules import KIND_RULES, Arrival, ArrivalRule, ChannelMap, classify
from partners.choices import ChannelKind
from partners.models import Channel

CACHE_KEY = "analytics.channel_rules"
CACHE_SECONDS = 60
_KEY = re.compile(r"[a-z0-9_.-]+")
_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")


@dataclass(frozen=True, slots=True)
class Explained:
    """Which channel an arrival would have, and why; `channel` is None where the platform has none of the kind yet."""

    arrival: Arrival
    channel: Channel | None
    kind: str


@transaction.atomic
def channel_rule_write(*, rule: ChannelRule, by: User | None = None) -> ChannelRule:
    """Keep a new or changed rule. RuleRefusedError: no mark, a mark that no arrival can bear, the same marks twice."""
    rule.click_id, rule.referrer = rule.click_id.strip().lower().rstrip("="), rule.referrer.strip().lower().strip(".")
    rule.utm_source, rule.utm_medium = rule.utm_source.strip().lower(), rule.utm_medium.strip().lower()
    if not (rule.click_id or rule.utm_source or rule.utm_medium or rule.referrer):
        raise RuleRefusedError(_("A rule needs at least one mark: a click id, a UTM tag or a referrer."))
    if rule.click_id and not _KEY.fullmatch(rule.click_id):
        raise RuleRefusedError(_("A click id is a key of the address, such as gclid."))
    if rule.referrer and not _HOST.fullmatch(rule.referrer):
        raise RuleRefusedError(_("A referrer is a part of a host, such as google or news.example.org, without a path."))
    try:
        with transaction.atomic(), acting(actor=by.pk if by else None):
            rule.save()
    except IntegrityError as error:
        raise RuleRefusedError(_("Another rule has exactly these marks; change that one.")) from error
    transaction.on_commit(lambda: cache.delete(CACHE_KEY))
    return rule


@transaction.atomic
def channel_rule_delete(*, rule: ChannelRule, by: User | None = None) -> None:
    """Take a rule away; touches that it named keep their channel."""
    with acting(actor=by.pk if by else None):
        rule.delete()
    transaction.on_commit(lambda: cache.delete(CACHE_KEY))


def channel_map(*, own: list[str]) -> ChannelMap:
    """The rules for live arrivals: the installation's, whose channel is "#" and a key, then the built-in ones."""
    rules: list[ArrivalRule] | None = cache.get(CACHE_KEY)
    if rules is None:
        rows = ChannelRule.objects.filter(is_active=True, channel__is_active=True).order_by("position", "pk")
        rules = [_arrival_rule(row) for row in rows]
        cache.set(CACHE_KEY, rules, CACHE_SECONDS)
    return ChannelMap(rules=[*rules, *KIND_RULES], own=own)


def own_addresses(landing: str) -> list[str]:
    """How our own addresses begin; what came from there is no arrival."""
    try:
        page = urlsplit(landing)
    except ValueError:  # brackets that hold no IPv6 address, and the like
        return [f"{settings.BASE_URL}/"]
    return [f"{settings.BASE_URL}/", f"{page.scheme}://{page.netloc}/"]


def arrival_explained(*, landing: str, referrer: str) -> Explained:
    """Say which channel a landing page with this referrer would be counted in. Nothing is recorded."""
    address = landing if "//" in landing else f"{settings.BASE_URL}/{landing.lstrip('/')}"
    arrival = classify(landing=address, referrer=referrer, channels=channel_map(own=own_addresses(address)))
    if arrival.channel.startswith("#"):
        channel = Channel.objects.get(pk=int(arrival.channel[1:]))
        return Explained(arrival, channel, channel.kind)
    kind = ChannelKind(arrival.channel)
    open_ones = Channel.objects.filter(kind=kind, owner=None, is_active=True).order_by("pk")
    return Explained(arrival, open_ones.first(), kind)


def _arrival_rule(row: ChannelRule) -> ArrivalRule:
    return ArrivalRule(
        channel=f"#{row.channel_id}",
        utm=(row.utm_source, row.utm_medium) if row.utm_source or row.utm_medium else None,
        click_ids=(row.click_id,) if row.click_id else (),
        referrer=row.referrer,
        number=row.pk,
    )
