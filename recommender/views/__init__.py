"""Doors of the recommender."""
