"""What a list says of itself: the plain values of its cards, each with its reason in one line."""

from collections.abc import Collection
from hashlib import sha256
from typing import Any

from django.core.cache import cache
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from courses.models import Course
from courses.selectors import course_cards
from recommender.choices import Source
from recommender.services.serving import Suggestions
from recommender.services.serving_rank import Choice

SECONDS = 300
"""Stars and learners on a card may be so old; titles and prices are read anew when any course changes."""


def cards_of(found: Suggestions) -> list[dict[str, Any]]:
    """Plain values of a list's cards (see components/course_card.html), those still on sale, with their positions."""
    wanted = {choice.course for choice in found.choices}
    for choice in found.choices:
        wanted.update(pk for pk, _amount in choice.reason["parts"])
        wanted.update([choice.reason["via"]] if "via" in choice.reason else [])
    told = _told(wanted, found.shelf)
    return [
        _card(position, choice, told)
        for position, choice in enumerate(found.choices, 1)
        if told.get(choice.course, {}).get("on_sale")
    ]


def _told(ids: Collection[int], shelf: str) -> dict[int, dict[str, Any]]:
    """What cards and reasons say of courses in the reader's language; kept for as long as the catalogue stands."""
    start = f"course:{get_language()}:{sha256(shelf.encode()).hexdigest()[:16]}:"
    known: dict[str, dict[str, Any]] = cache.get_many([f"{start}{pk}" for pk in ids])
    told = {int(key.removeprefix(start)): value for key, value in known.items()}
    if missing := [pk for pk in ids if pk not in told]:
        fresh: dict[int, dict[str, Any]] = {
            pk: {"title": course.local_title} for pk, course in Course.objects.in_bulk(missing).items()
        }
        for card in course_cards(missing):
            fresh[card.course.pk] |= {
                "on_sale": True,
                "by": ", ".join(card.creators),
                "minor": card.course.price_minor,
                "currency": card.course.currency,
                "rating": card.rating,
                "rating_count": card.ratings,
                "learners": card.learners,
                "topic": card.course.topic.local_name,
            }
        cache.set_many({f"{start}{pk}": value for pk, value in fresh.items()}, SECONDS)
        told |= fresh
    return told


def _card(position: int, choice: Choice, told: dict[int, dict[str, Any]]) -> dict[str, Any]:
    icon, words = _line(choice, told)
    shown = ("title", "by", "minor", "currency", "rating", "rating_count")
    card = {name: told[choice.course][name] for name in shown}
    return {"position": position, "key": choice.course, **card, "reason_icon": icon, "reason_text": words}


def _line(choice: Choice, told: dict[int, dict[str, Any]]) -> tuple[str, str]:
    """Icon and words: what spoke most for it."""
    reason, card = choice.reason, told[choice.course]
    if choice.source == Source.EXPLORE:
        return "compass", _("New here, few have seen it yet")
    first = next((pk for pk, _amount in reason["parts"] if pk in told), None)
    if choice.source == Source.MODEL and first is not None:
        if first == reason.get("beside"):
            return "book", _("Goes well with this course")
        if first in reason["owned"]:
            return "available", _("Because you have %(title)s") % {"title": told[first]["title"]}
        return "eye", _("Because you looked at %(title)s") % {"title": told[first]["title"]}
    if choice.source != Source.POPULAR and "topic" in reason:
        via = reason.get("via")
        if via in told and via != reason.get("beside"):
            return "path", _("%(topic)s, like %(title)s") % {"topic": card["topic"], "title": told[via]["title"]}
        return "target", _("On %(topic)s") % {"topic": card["topic"]}
    if learners := card["learners"]:
        return "users", ngettext("%(count)d learner takes it", "%(count)d learners take it", learners) % {
            "count": learners
        }
    return "compass", _("Few have found it yet")
