"""What a list says of itself: the plain values of its cards, each with its reason in one line."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recommender.choices import Source
from recommender.selectors import CourseTold, courses_told
from recommender.services.serving import Suggestions
from recommender.services.serving_rank import Choice


def cards_of(found: Suggestions) -> list[dict[str, Any]]:
    """Plain values of a list's cards (see components/course_card.html), those still on sale, with their positions."""
    wanted = {choice.course for choice in found.choices}
    for choice in found.choices:
        wanted.update(pk for pk, _amount in choice.reason["parts"])
        wanted.update([choice.reason["via"]] if "via" in choice.reason else [])
    told = courses_told(ids=sorted(wanted))
    return [
        _card(position, choice, told)
        for position, choice in enumerate(found.choices, 1)
        if choice.course in told and told[choice.course].on_sale
    ]


def _card(position: int, choice: Choice, told: Mapping[int, CourseTold]) -> dict[str, Any]:
    icon, words = _line(choice, told)
    course = told[choice.course]
    return {
        "position": position,
        "key": choice.course,
        "title": course.title,
        "by": course.by,
        "minor": course.minor,
        "currency": course.currency,
        "rating": course.rating,
        "rating_count": course.ratings,
        "reason_icon": icon,
        "reason_text": words,
    }


def _line(choice: Choice, told: Mapping[int, CourseTold]) -> tuple[str, str]:
    """Icon and words: what spoke most for it."""
    reason, card = choice.reason, told[choice.course]
    if choice.source == Source.EXPLORE:
        return "compass", _("New here, few have seen it yet")
    first = next((pk for pk, _amount in reason["parts"] if pk in told), None)
    if choice.source == Source.MODEL and first is not None:
        if first == reason.get("beside"):
            return "book", _("Goes well with this course")
        if first in reason["owned"]:
            return "available", _("Because you have %(title)s") % {"title": told[first].title}
        return "eye", _("Because you looked at %(title)s") % {"title": told[first].title}
    if choice.source != Source.POPULAR and "topic" in reason:
        via = reason.get("via", 0)
        if via in told and via != reason.get("beside"):
            return "path", _("%(topic)s, like %(title)s") % {"topic": card.topic, "title": told[via].title}
        return "target", _("On %(topic)s") % {"topic": card.topic}
    if learners := card.learners:
        return "users", ngettext("%(count)d learner takes it", "%(count)d learners take it", learners) % {
            "count": learners
        }
    return "compass", _("Few have found it yet")
