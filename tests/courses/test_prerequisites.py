"""What comes before what: told on pages, never in a ring."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from courses.errors import CircularPrerequisiteError
from courses.models import Course, Enrolment, Prerequisite
from courses.selectors import requirements
from courses.services import course_retire, enrolment_give, prerequisites_set
from tests.cast import Cast
from tests.factories.courses import course

pytestmark = pytest.mark.django_db


def three() -> tuple[Course, Course, Course]:
    return course("Arrows"), course("Bows"), course("Castles")


def test_a_ring_is_refused_with_the_way_named_and_nothing_is_written() -> None:
    a, b, c = three()
    prerequisites_set(course_id=b.pk, required_ids=[a.pk])
    prerequisites_set(course_id=c.pk, required_ids=[b.pk, a.pk])
    with pytest.raises(CircularPrerequisiteError, match=r"“Arrows” would .*: Arrows → Castles → Arrows"):
        prerequisites_set(course_id=a.pk, required_ids=[c.pk])
    with pytest.raises(CircularPrerequisiteError, match="Bows → Bows"):
        prerequisites_set(course_id=b.pk, required_ids=[b.pk])
    assert requirements() == {b.pk: {a.pk}, c.pk: {a.pk, b.pk}}
    prerequisites_set(course_id=c.pk, required_ids=[b.pk])
    assert requirements(course_ids=[c.pk]) == {c.pk: {b.pk}}
    for ring in ((a, c), (a, a)):  # past every verb, the database refuses it too
        with pytest.raises(IntegrityError), transaction.atomic():
            Prerequisite.objects.create(course=ring[0], requires=ring[1])


def test_the_page_tells_what_to_know_before_and_how_the_reader_stands(cast: Cast) -> None:
    a, b, c = three()
    gone = course("Drawbridges")
    prerequisites_set(course_id=c.pk, required_ids=[a.pk, b.pk, gone.pk])
    course_retire(course_id=gone.pk)
    enrolment_give(user=cast.lee, course_id=a.pk)
    enrolment_give(user=cast.lee, course_id=b.pk)
    Enrolment.objects.filter(course=b).update(completed_at=timezone.now())
    page = cast.client_of(cast.lee).get(reverse("courses:course", args=[c.slug]))
    said = [(row.course.title, row.is_owned, row.is_finished) for row in page.context["needed"]]
    assert said == [("Arrows", True, False), ("Bows", True, True)]
    assert "What to know before" in page.content.decode()


def test_the_desk_takes_prerequisites_and_says_why_a_ring_is_none(cast: Cast) -> None:
    a, b, _c = three()
    prerequisites_set(course_id=a.pk, required_ids=[b.pk])
    url = reverse("admin:courses_course_change", args=[b.pk])
    desk = cast.client_of(cast.mei)
    form = desk.get(url).context["adminform"].form
    posted = {name: form[name].value() or "" for name in form.fields}
    for prefix, count in (("credits", 1), ("sections", 1), ("prerequisites", 0)):
        posted |= {f"{prefix}-TOTAL_FORMS": count, f"{prefix}-INITIAL_FORMS": count}
    credit, section = b.credits.get(), b.sections.get()
    posted |= {"credits-0-id": credit.pk, "credits-0-course": b.pk, "credits-0-party": credit.party_id}
    posted |= {"credits-0-role": credit.role, "credits-0-position": 0}
    posted |= {"sections-0-id": section.pk, "sections-0-course": b.pk, "sections-0-title": "Start"}
    posted |= {"sections-0-position": 0, "prerequisites-TOTAL_FORMS": 1, "prerequisites-0-course": b.pk}
    refused = desk.post(url, posted | {"prerequisites-0-requires": a.pk})
    assert refused.status_code == 200
    assert "Bows → Arrows → Bows" in refused.content.decode()
    assert desk.post(url, posted | {"prerequisites-0-requires": _c.pk}).status_code == 302
    assert requirements(course_ids=[b.pk]) == {b.pk: {_c.pk}}
