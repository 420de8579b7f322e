"""What is odd about the UTM tags of a link, in one sentence each."""

from collections import Counter
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from django.utils.translation import gettext as _

MEDIA = (
    "affiliate", "banner", "cpc", "display", "email", "event", "organic", "paid_social", "partner", "print", "qr",
    "referral", "social", "video",
)  # fmt: skip
"""Media that reports know how to group."""


def utm_findings(*, destination: str, tags: Mapping[str, str]) -> dict[str, list[str]]:
    """Look over a link to be: sentences by the tag (`utm_source` ...) or `destination` that they are about.

    `tags` are those of the link itself; tags that stand in the destination already are looked over with them. Empty
    where nothing is odd, also where there are no tags at all.
    """
    there = [(key.lower(), value) for key, value in parse_qsl(urlsplit(destination).query, keep_blank_values=True)]
    found: dict[str, list[str]] = {}
    for key, times in Counter(key for key, _value in there).items():
        if times > 1:
            found.setdefault("destination", []).append(
                _("“%(key)s” stands in the address %(times)d times; only one of them would count.")
                % {"key": key, "times": times}
            )
    own = {key: value for key, value in tags.items() if value}
    for key in own:
        if key in dict(there):
            found.setdefault(key, []).append(
                _("The address has “%(key)s” already, so this one would be left out.") % {"key": key}
            )
    every = {**{key: value for key, value in there if key.startswith("utm_")}, **own}
    for key, value in every.items():
        place = key if key in tags else "destination"
        for sentence in _value_findings(key, value):
            found.setdefault(place, []).append(sentence)
    if every and not every.get("utm_source"):
        found.setdefault("utm_source", []).append(
            _("The source is missing: without it reports cannot tell where the visitors came from.")
        )
    if every and not every.get("utm_medium"):
        found.setdefault("utm_medium", []).append(
            _("The medium is missing: without it reports cannot tell by what kind of channel the visitors came.")
        )
    return found


def _value_findings(key: str, value: str) -> list[str]:
    found = []
    if value != value.lower():
        found.append(
            _("“%(value)s” has capitals; reports count it apart from “%(small)s”.")
            % {"value": value, "small": value.lower()}
        )
    if any(letter.isspace() for letter in value):
        found.append(
            _("“%(value)s” has a space; write “%(joined)s”, which stays readable in an address.")
            % {"value": value, "joined": "-".join(value.split())}
        )
    if key == "utm_medium" and value and value.strip().lower() not in MEDIA:
        found.append(
            _("No report knows the medium “%(value)s”; known are: %(known)s.")
            % {"value": value, "known": ", ".join(MEDIA)}
        )
    return found
