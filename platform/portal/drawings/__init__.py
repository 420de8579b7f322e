"""What each drawing's template needs: geometry from ``portal.charts``, figures as text from ``portal.figures``.

Rows are plain mappings, so that a view of any floor can hand them over: the keys are named in each docstring.
"""

from portal.drawings.evidence import agreement_dots_context, decay_context, flow_context, strip_plot_context
from portal.drawings.money import band_context, ranks_context, release_context, stream_context, tenths
from portal.drawings.series import (
    cohort_context,
    columns_context,
    line_context,
    pairs_context,
    ratings_context,
    spark_context,
    swings_context,
)

__all__ = [
    "agreement_dots_context",
    "band_context",
    "cohort_context",
    "columns_context",
    "decay_context",
    "flow_context",
    "line_context",
    "pairs_context",
    "ranks_context",
    "ratings_context",
    "release_context",
    "spark_context",
    "stream_context",
    "strip_plot_context",
    "swings_context",
    "tenths",
]
