"""Finding courses by Chinese and English words."""

from typing import Any

import pytest

from courses.selectors import Filters, catalogue
from courses.selectors.search import pairs, query_of, words
from courses.services import courses_index
from tests.factories.courses import course, creator

pytestmark = pytest.mark.django_db


def found(typed: str, **filters: Any) -> list[str]:
    return [card.course.title for card in catalogue(filters=Filters(query=typed, **filters)).cards]


def test_chinese_is_cut_by_dictionary_and_touching_latin_is_parted_from_it() -> None:
    assert words("机器学习入门") == ["机器", "学习", "入门"]
    assert words("Python数据分析与C++") == ["python", "数据", "分析", "数据分析", "与", "c++"]
    assert words("Ｐｙｔｈｏｎ") == ["python"]  # full-width letters
    assert words("C#, .NET and node.js!") == ["c#", ".net", "and", "node.js"]


def test_pairs_overlap_and_a_lone_character_counts_by_itself() -> None:
    assert pairs("林悦讲 A 树") == ["林悦", "悦讲", "树"]


@pytest.mark.parametrize("typed", ["思维", "系统", "产品团队", "系统思维", "产品 思维", "思"])
def test_a_chinese_word_inside_a_title_finds_the_course(typed: str) -> None:
    course("Systems Thinking for Product Teams", title_zh="产品团队的系统思维")
    course("Databases", title_zh="数据库", topic=("data", "Data", "数据"))
    assert found(typed) == ["Systems Thinking for Product Teams"]


def test_a_name_that_the_dictionary_does_not_know_is_found_by_two_characters() -> None:
    course("Found", creators=[creator("Mu Chenzhou", "慕宸洲")])
    course("Other")
    assert found("宸洲") == ["Found"]
    assert found("慕宸洲") == ["Found"]


@pytest.mark.parametrize("typed", ["thinking", "think", "Systems", "team", "TEAMS", "produ", "thinking team"])
def test_english_is_found_by_its_stem_and_the_last_word_may_be_unfinished(typed: str) -> None:
    course("Systems Thinking for Teams")
    course("Databases", topic=("data", "Data", "数据"))
    assert "Systems Thinking for Teams" in found(typed)
    assert "Databases" not in found(typed)


@pytest.mark.parametrize(
    ("typed", "title"), [("c++", "Modern C++"), ("C#", "C# in Depth"), (".net", "The .NET Runtime")]
)
def test_names_of_tools_are_whole_words(typed: str, title: str) -> None:
    for each in ("Modern C++", "C# in Depth", "The .NET Runtime", "Plain C"):
        course(each)
    assert found(typed) == [title]


def test_titles_rank_above_descriptions() -> None:
    course("Cooking", description="Also mentions testing once, at the end.")
    course("Testing Things")
    assert found("testing") == ["Testing Things", "Cooking"]


def test_a_mistyped_word_brings_what_is_like_it_and_says_so() -> None:
    course("Python from Zero")
    course("Databases")
    page = catalogue(filters=Filters(query="pyhton"))
    assert page.corrected
    assert [card.course.title for card in page.cards] == ["Python from Zero"]


def test_what_nothing_is_like_finds_nothing() -> None:
    course("Python from Zero")
    assert found("zzzzqqqq") == []


@pytest.mark.parametrize("typed", ["", "   ", "!!!", "，。"])
def test_without_a_word_everything_is_listed(typed: str) -> None:
    course("One")
    course("Two")
    assert query_of(typed) is None
    assert len(found(typed)) == 2


@pytest.mark.parametrize(
    "typed", ["'", "\\", "a'b", "it's:*", "& | !", "<->", "学'习", ":*", "学\\习", "()" * 80, "a\u0000b"]
)
def test_no_query_breaks_the_search(typed: str) -> None:
    course("Python from Zero")
    found(typed)


def test_the_vector_follows_the_texts() -> None:
    one = course("Old Title", title_zh="旧名")
    one.title, one.title_zh = "Fresh Title", "新的名字"
    one.save()
    courses_index(ids=[one.pk])
    assert found("fresh") == ["Fresh Title"]
    assert found("名字") == ["Fresh Title"]
    assert found("旧名") == []


def test_drafts_and_retired_courses_are_not_found() -> None:
    from courses.services import course_retire

    course("Draft", published=False)
    gone = course("Gone")
    course_retire(course_id=gone.pk)
    assert found("") == []
    assert found("draft") == found("gone") == []
