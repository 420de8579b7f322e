"""The journeys of a finished report, ready to be drawn: first touch, last touch, outcome."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from analytics.selectors import Report

MOST_CHANNELS = 8
"""Channels with a ribbon of their own; the rest flow together."""

REST, PAID, NOT_YET = 0, "paid", "not yet"


def flow(report: Report, facts: Mapping[str, Any], *, signing_up: bool = False) -> dict[str, Any] | None:
    """What the component `flow` takes, with the best channel under the chosen model lit; None without any journey.

    `facts` are of journeys that lead to orders, or to sign-ups.
    """
    ends: list[list[int]] = facts.get("ends", [])
    if not ends:
        return None
    names = {line.channel.pk: line.channel.local_name for line in report.channels if line.channel}
    weight: dict[int, int] = {}
    for first, last, orders, nulls in ends:
        for channel in (first, last):
            weight[channel] = weight.get(channel, 0) + orders + nulls
    shown = set(sorted(weight, key=lambda channel: (-weight[channel], channel))[:MOST_CHANNELS])
    chosen = next((line.channel.pk for line in report.channels if line.channel and line.channel.pk in shown), REST)
    links = []
    for first, last, orders, nulls in ends:
        start, end = (channel if channel in shown else REST for channel in (first, last))
        links.append({"step": 0, "source": f"first {start}", "target": f"last {end}", "amount": orders + nulls})
        links.append({"step": 1, "source": f"last {end}", "target": PAID, "amount": orders})
        links.append({"step": 1, "source": f"last {end}", "target": NOT_YET, "amount": nulls})
    labels: dict[str, str] = {PAID: _("Paid order"), NOT_YET: _("No order yet")}
    if signing_up:
        labels = {PAID: _("Sign-up"), NOT_YET: _("No sign-up yet")}
    for channel in (*shown, REST):
        name = names.get(channel) or _("Other channels")
        labels |= {f"first {channel}": name, f"last {channel}": name}
    return {
        "links": _summed(links),
        "heads": [_("First touch"), _("Last touch"), _("Outcome")],
        "labels": labels,
        "chosen": f"last {chosen}",
        "good": PAID,
        "top_note": _("signed up on this path") if signing_up else "",
        "note": _note(ends, chosen, names, signing_up=signing_up),
        "top": [
            {
                "steps": [names.get(channel) or _("Other channels") for channel in path],
                "count": orders + nulls,
                "rate": Fraction(orders, orders + nulls),
            }
            for path, orders, nulls in facts["top"]
        ],
    }


def _summed(links: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row for each ribbon, the widest first; ribbons of nothing left out."""
    sums: dict[tuple[int, str, str], int] = {}
    for link in links:
        key = link["step"], link["source"], link["target"]
        sums[key] = sums.get(key, 0) + link["amount"]
    rows = sorted(sums.items(), key=lambda row: (row[0][0], -row[1], row[0]))
    return [
        {"step": step, "source": source, "target": target, "amount": amount}
        for (step, source, target), amount in rows
        if amount
    ]


def _note(ends: list[list[int]], chosen: int, names: Mapping[int, str], *, signing_up: bool) -> str:
    """How much of everything ended by the chosen channel."""
    if chosen == REST:
        return ""
    paid, journeys = sum(row[2] for row in ends), sum(row[2] + row[3] for row in ends)
    mine_paid = sum(row[2] for row in ends if row[1] == chosen)
    mine = sum(row[2] + row[3] for row in ends if row[1] == chosen)
    words = (
        pgettext("path", "%(channel)s as last touch: %(share)d%% of journeys, %(orders)d%% of sign-ups")
        if signing_up
        else pgettext("path", "%(channel)s as last touch: %(share)d%% of journeys, %(orders)d%% of paid orders")
    )
    return words % {
        "channel": names.get(chosen, ""),
        "share": round(100 * mine / journeys),
        "orders": round(100 * mine_paid / paid) if paid else 0,
    }
