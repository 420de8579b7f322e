"""What is read of a reader at each request."""

from django.db import transaction

from courses.models import Course
from recommender.selectors import reader_facts
from tests.recommender import shelves


def shelf_now() -> str:
    return reader_facts(user=None, visitor_key=None).shelf


def test_a_change_of_the_catalogue_that_ends_after_a_later_one_is_seen(committed_db: str) -> None:
    first, second = shelves.courses(2)
    with transaction.atomic(using="owner"):
        Course.objects.using("owner").filter(pk=first).update(price_minor=1)
        Course.objects.filter(pk=second).update(price_minor=2)
        between = shelf_now()
    assert shelf_now() != between
    assert shelf_now() == shelf_now()
