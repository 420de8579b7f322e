"""Names of the models of the registry, for pages that may not load torch."""

MODEL_NAMES = (
    "popularity",
    "item_knn",
    "ease",
    "sequence_ease",
    "stepped_ease",
    "ials",
    "sasrec",
    "content",
    "hybrid",
    "blend",
    "newcomers",
)
