"""Reads of the recommender."""

from recommender.selectors.explained import Explained, explained
from recommender.selectors.figures import CourseShown, ServingFigures, Shown, courses_shown, serving_figures
from recommender.selectors.readers import ReaderFacts, reader_facts
from recommender.selectors.shelf import Shelf, shares_kept, shelf_at
from recommender.selectors.tastes import asks_for_interests, dismissals_of, taste_of
from recommender.selectors.told import CourseTold, courses_told

__all__ = [
    "CourseShown",
    "CourseTold",
    "Explained",
    "ReaderFacts",
    "ServingFigures",
    "Shelf",
    "Shown",
    "asks_for_interests",
    "courses_shown",
    "courses_told",
    "dismissals_of",
    "explained",
    "reader_facts",
    "serving_figures",
    "shares_kept",
    "shelf_at",
    "taste_of",
]
