"""What a list says of itself: the plain values of its cards, each with its reason in one line."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from courses.models import Course, Topic
from courses.selectors import CourseCard, course_cards
from recommender.choices import Source
from recommender.services.serving_rank import Choice


def cards_of(choices: Sequence[Choice]) -> list[dict[str, Any]]:
    """Plain values of a list's cards (see components/course_card.html), those still on sale, with their positions."""
    found = {card.course.pk: card for card in course_cards([choice.course for choice in choices])}
    courses, topics = _named(choices)
    return [
        _card(position, found[choice.course], *_line(choice, found[choice.course], courses, topics))
        for position, choice in enumerate(choices, 1)
        if choice.course in found
    ]


def _named(choices: Sequence[Choice]) -> tuple[dict[int, Course], dict[int, Topic]]:
    """Courses and topics that reasons speak of."""
    courses = {pk for choice in choices for pk, _amount in choice.reason["parts"]}
    courses |= {choice.reason["via"] for choice in choices if "via" in choice.reason}
    topics = {choice.reason["topic"] for choice in choices if "topic" in choice.reason}
    return Course.objects.in_bulk(courses), Topic.objects.in_bulk(topics)


def _card(position: int, card: CourseCard, icon: str, words: str) -> dict[str, Any]:
    course = card.course
    return {
        "position": position,
        "title": course.local_title,
        "key": course.pk,
        "by": ", ".join(card.creators),
        "minor": course.price_minor,
        "currency": course.currency,
        "rating": card.rating,
        "rating_count": card.ratings,
        "reason_icon": icon,
        "reason_text": words,
    }


def _line(choice: Choice, card: CourseCard, courses: dict[int, Course], topics: dict[int, Topic]) -> tuple[str, str]:
    """Icon and words: what spoke most for it."""
    reason = choice.reason
    if choice.source == Source.EXPLORE:
        return "compass", _("New here, few have seen it yet")
    if choice.source == Source.MODEL:
        first = next((courses[pk] for pk, _amount in reason["parts"] if pk in courses), None)
        if first is not None and first.pk == reason.get("beside"):
            return "book", _("Goes well with this course")
        if first is not None:
            told = {"title": first.local_title}
            if first.pk in reason["owned"]:
                return "available", _("Because you have %(title)s") % told
            return "eye", _("Because you looked at %(title)s") % told
    if choice.source != Source.POPULAR and reason.get("topic") in topics:
        name = topics[reason["topic"]].local_name
        if reason.get("via") in courses and reason["via"] != reason.get("beside"):
            told = {"topic": name, "title": courses[reason["via"]].local_title}
            return "path", _("%(topic)s, like %(title)s") % told
        return "target", _("On %(topic)s") % {"topic": name}
    if card.learners:
        told_count = {"count": card.learners}
        return "users", ngettext("%(count)d learner takes it", "%(count)d learners take it", card.learners) % told_count
    return "compass", _("Few have found it yet")
