"""The recommender against real course data, and its peers in environments of their own."""
