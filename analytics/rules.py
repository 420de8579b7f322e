"""How an arrival names its channel: click ids and UTM tags first, then a foreign referrer, then direct."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

UTM_KEYS = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
CLICK_IDS = ("gclid", "gbraid", "wbraid", "fbclid", "msclkid", "ttclid", "li_fat_id", "twclid", "bd_vid", "qz_gdt")
"""Query keys that advertising platforms add to a landing page."""

SUB_IDS = ("sub1", "sub2", "sub3", "sub4", "sub5")
"""Query keys that are a partner's own: what stands behind them is kept with the touch."""

SUB_ID_LENGTH, TAG_LENGTH = 64, 200
"""Characters that are kept of a partner's own mark, and of any other value of a query."""


@dataclass(frozen=True)
class ArrivalRule:
    """One line of a channel map. An arrival belongs to `channel` when one of its marks is met.

    `utm`: a pair (source, medium), either part may be empty for "any"; `click_ids`: query keys such as `gclid`;
    `referrer`: one or more whole labels of the referrer's host, such as `google` or `t.co`.
    """

    channel: str
    utm: tuple[str, str] | None = None
    click_ids: tuple[str, ...] = ()
    referrer: str = ""
    number: int = 0
    """Of a rule of the installation: its primary key. 0: one of `KIND_RULES`."""


@dataclass(frozen=True)
class Arrival:
    """What a landing page and its referrer say: the channel's code, the marks it was read from, the rule they met."""

    channel: str
    utm: dict[str, str] = field(default_factory=dict)
    click_id: str = ""
    campaign_id: str = ""
    referrer_host: str = ""
    rule: ArrivalRule | None = None
    sub_ids: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ChannelMap:
    """All rules of a platform, in order, with the channels for what no rule meets.

    `own`: prefixes of our own addresses; a referrer that begins with one of them is no referrer.
    """

    rules: Sequence[ArrivalRule]
    own: Sequence[str]
    direct: str = "direct"
    referral: str = "referral"


def classify(*, landing: str, referrer: str, channels: ChannelMap) -> Arrival:
    """Name the channel of one arrival.

    In this order: a click id in the landing page's query, its UTM source and medium, the host of a foreign referrer,
    `channels.referral` for a foreign referrer that no rule knows, `channels.direct`.
    """
    query = _query(landing)
    utm = {key: query[key] for key in UTM_KEYS if query.get(key)}
    click_key = next((key for key in CLICK_IDS if key in query), "")
    host = "" if _is_own(referrer, channels.own) else host_of(referrer)
    rule = _by_click_id(query, channels) or _by_utm(utm, channels) or _by_referrer(host, channels)
    otherwise = channels.referral if host else channels.direct
    return Arrival(
        channel=rule.channel if rule else otherwise,
        utm=utm,
        click_id=f"{click_key}={query[click_key]}"[:200] if click_key else "",
        campaign_id=query.get("campaignid", "") or query.get("utm_id", ""),
        referrer_host=host,
        rule=rule,
        sub_ids=sub_ids(query),
    )


def _query(landing: str) -> dict[str, str]:
    try:
        parts = urlsplit(landing)
    except ValueError:
        return {}
    asked = parse_qs(parts.query, keep_blank_values=True)
    return {key.lower(): values[0].replace("\0", "")[:TAG_LENGTH] for key, values in asked.items()}


def sub_ids(query: Mapping[str, str]) -> dict[str, str]:
    """A partner's own marks in a query: at most five, cut to 64 characters each."""
    found = {key: query.get(key, "").replace("\0", "")[:SUB_ID_LENGTH] for key in SUB_IDS}
    return {key: value for key, value in found.items() if value}


def host_of(address: str) -> str:
    """The host of an address in small letters; empty for an address that has none."""
    try:
        return (urlsplit(address).hostname or "").lower()[:200]
    except ValueError:
        return ""


def _is_own(referrer: str, own: Sequence[str]) -> bool:
    return any(referrer.lower().startswith(prefix.lower()) for prefix in own)


def _by_click_id(query: dict[str, str], channels: ChannelMap) -> ArrivalRule | None:
    return next((rule for rule in channels.rules if any(key in query for key in rule.click_ids)), None)


def _by_utm(utm: dict[str, str], channels: ChannelMap) -> ArrivalRule | None:
    source, medium = utm.get("utm_source", "").lower(), utm.get("utm_medium", "").lower()
    if not source and not medium:
        return None
    for rule in channels.rules:
        if rule.utm and rule.utm[0].lower() in ("", source) and rule.utm[1].lower() in ("", medium):
            return rule
    return None


def _by_referrer(host: str, channels: ChannelMap) -> ArrivalRule | None:
    if not host:
        return None
    labels = f".{host}."
    for rule in channels.rules:
        if rule.referrer and f".{rule.referrer.lower().strip('.')}." in labels:
            return rule
    return None


KIND_RULES: tuple[ArrivalRule, ...] = (
    ArrivalRule("paid_search", click_ids=("gclid", "gbraid", "wbraid", "msclkid", "bd_vid")),
    ArrivalRule("paid_social", click_ids=("fbclid", "ttclid", "li_fat_id", "twclid", "qz_gdt")),
    ArrivalRule("paid_search", utm=("google", "cpc")),
    ArrivalRule("paid_search", utm=("bing", "cpc")),
    ArrivalRule("paid_search", utm=("baidu", "cpc")),
    ArrivalRule("paid_social", utm=("", "paid_social")),
    ArrivalRule("paid_social", utm=("", "paidsocial")),
    ArrivalRule("display", utm=("", "display")),
    ArrivalRule("display", utm=("", "banner")),
    ArrivalRule("video", utm=("", "video")),
    ArrivalRule("email", utm=("", "email")),
    ArrivalRule("event", utm=("", "event")),
    ArrivalRule("organic_social", utm=("", "social")),
    ArrivalRule("partner", utm=("", "affiliate")),
    ArrivalRule("partner", utm=("", "partner")),
    ArrivalRule("paid_search", utm=("", "cpc")),
    ArrivalRule("organic_search", utm=("", "organic")),
    ArrivalRule("referral", utm=("", "referral")),
    *(
        ArrivalRule("organic_search", referrer=engine)
        for engine in ("google", "bing", "baidu", "sogou", "so.com", "duckduckgo", "yandex", "yahoo")
    ),
    *(
        ArrivalRule("organic_social", referrer=site)
        for site in (
            "facebook",
            "instagram",
            "linkedin",
            "weibo",
            "zhihu",
            "bilibili",
            "xiaohongshu",
            "x.com",
            "t.co",
            "reddit",
        )
    ),
    *(ArrivalRule("video", referrer=site) for site in ("youtube", "youtu.be", "douyin", "tiktok")),
)
"""How live arrivals name the kind of their channel, in order. Channels are kinds of `partners.choices.ChannelKind`."""
