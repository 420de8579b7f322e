"""Geometry of the server-rendered drawings: plain functions from figures to coordinates, no markup, no framework.

Lengths are in the drawing's own units (pixels at its nominal size) unless a docstring says percent. Amounts may be
minor units or any other additive figure of one kind; a drawing only needs their proportions.
"""

from portal.charts.bars import Bar, BarStack, Columns, Pairs, band, columns, pairs, rank_widths, release, swings
from portal.charts.cover import Cover, cover
from portal.charts.flow import Flow, flow
from portal.charts.lines import Curve, decay, line, spark, stems
from portal.charts.plots import log_ticks, place_linear, place_log
from portal.charts.scale import nice_ticks, number
from portal.charts.stream import Stream, Upright, stream, upright

__all__ = [
    "Bar",
    "BarStack",
    "Columns",
    "Cover",
    "Curve",
    "Flow",
    "Pairs",
    "Stream",
    "Upright",
    "band",
    "columns",
    "cover",
    "decay",
    "flow",
    "line",
    "log_ticks",
    "nice_ticks",
    "number",
    "pairs",
    "place_linear",
    "place_log",
    "rank_widths",
    "release",
    "spark",
    "stems",
    "stream",
    "swings",
    "upright",
]
