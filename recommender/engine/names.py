"""Names of the models of the registry, for pages that may not load torch."""

MODEL_NAMES = (
    "popularity",
    "item_knn",
    "ease",
    "sequence_ease",
    "stepped_ease",
    "ials",
    "graph_filter",
    "sasrec",
    "content",
    "hybrid",
    "private_ease",
    "ncf",
    "two_tower",
    "blend",
    "newcomers",
)

READERS = ("content", "hybrid", "newcomers", "two_tower", "best")
"""Names in a run's model or parameters that say that it reads what items are about."""
