"""What is read of a reader at each request."""

import pytest
from django.db import transaction
from django.test import Client

from courses.models import Course
from recommender.models import Exposure, ServedList
from recommender.selectors import reader_facts
from tests.recommender import shelves
from tests.recommender.test_experiments import started


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


@pytest.mark.django_db
def test_search_engines_are_no_readers() -> None:
    started()
    for agent in ("Mozilla/5.0 (compatible; Googlebot/2.1)", "Mozilla/5.0 (X11; Linux x86_64) Firefox/133.0"):
        assert Client(headers={"User-Agent": agent}).get("/suggestions/home/").status_code == 200
    assert Exposure.objects.get().visitor_key is not None
    of_strangers = ServedList.objects.filter(user=None).order_by("pk").values_list("visitor_key", flat=True)
    assert [key is None for key in of_strangers][-2:] == [True, False]
