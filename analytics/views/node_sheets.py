"""The explorer's tables as sheets: every row, exactly; rows of a deeper level sum to the one above."""

from collections.abc import Callable, Iterator, Sequence

from django.utils.translation import gettext as _

from analytics.choices import Goal, Segment
from analytics.selectors.holdouts import Calibration
from analytics.selectors.nodes import NodeLine
from analytics.selectors.segments import LEVELS, steps_of
from analytics.views import tables
from analytics.views.asking import Asked
from analytics.views.calibrating import calibrated_cells, calibrated_heads
from analytics.views.sheets import millionths, ten_thousandths
from ledger.money import decimal_from_minor

Ends = tuple[int, int] | None


def model_rows(lines: Sequence[NodeLine], asked: Asked, currency: str) -> Iterator[Sequence[str]]:
    """The goal's figure of every row under every model with its interval, and how far models are apart."""
    levels, names = _levels(asked), tables.level_names()
    told, low, high = _goal_words(asked.goal)
    written: Callable[[int], str] = (
        (lambda amount: decimal_from_minor(amount, currency)) if asked.goal == Goal.REVENUE else millionths
    )
    yield [
        *(names[level] for level in levels),
        *(_("Step"), _("Currency"), _("Spend")),
        *(f"{words}, {model.label}" for model in tables.MODELS for words in (told, low, high)),
        _("Largest over smallest"),
    ]
    for line, way in _ways(lines, levels):
        spread = None if line.is_unattributed else line.spread(asked.goal)
        yield [
            *way,
            *(str(line.depth), currency, decimal_from_minor(line.models[asked.model].spend_minor, currency)),
            *(
                cell
                for model in tables.MODELS
                for cell in (written(line.told(asked.goal, model)), *_ends(line.ends(asked.goal, model), written))
            ),
            "" if spread is None else f"{spread:.4f}",
        ]


def node_sheet(
    lines: Sequence[NodeLine], asked: Asked, currency: str, calibration: Calibration
) -> Iterator[Sequence[str]]:
    """What every row brought and cost under the chosen model; of channels also what hold-out tests say."""
    levels, names = _levels(asked), tables.level_names()
    yield [
        *(names[level] for level in levels),
        *(_("Step"), _("Currency"), _("Touches"), _("Spend"), _("Orders"), _("New buyers")),
        *(_("Revenue"), _("Refunds"), _("Margin before spend"), _("Net margin"), _("CAC"), _("ROAS")),
        *(_("Revenue, 95% from"), _("Revenue, 95% to"), _("New buyers, 95% from"), _("New buyers, 95% to")),
        *(_("Orders, 95% from"), _("Orders, 95% to")),
        *(_("Sign-ups"), _("Sign-ups, 95% from"), _("Sign-ups, 95% to")),
        *calibrated_heads(),
    ]
    for line, way in _ways(lines, levels):
        row = line.models[asked.model]
        roas, cac = tables.ratio(row.roas), tables.minor(row.cac) if row.spend_minor else None
        amounts = (row.revenue_minor, row.refunds_minor, row.margin_minor, row.net_margin_minor)
        yield [
            *way,
            *(str(line.depth), currency, str(row.touches), decimal_from_minor(row.spend_minor, currency)),
            *(millionths(row.orders_ppm), millionths(row.buyers_ppm)),
            *(decimal_from_minor(amount, currency) for amount in amounts),
            "" if cac is None else decimal_from_minor(cac, currency),
            "" if roas is None else ten_thousandths(roas),
            *(decimal_from_minor(end, currency) for end in row.revenue_ends or (0, 0)),
            *(millionths(end) for end in (*(row.buyers_ends or (0, 0)), *(row.orders_ends or (0, 0)))),
            *(millionths(told) for told in (row.sign_ups_ppm, *(row.sign_ups_ends or (0, 0)))),
            *calibrated_cells(calibration, None if asked.only else line.channel_id, currency),
        ]


def _levels(asked: Asked) -> Sequence[str]:
    ways = LEVELS[1:] if asked.only.startswith("channel:") else LEVELS
    cuts = {Segment.COURSES: ("course", "channel"), Segment.CREATORS: ("creator", "channel")}
    return cuts.get(Segment(asked.by), ways)


def _ways(lines: Sequence[NodeLine], levels: Sequence[str]) -> Iterator[tuple[NodeLine, list[str]]]:
    """Each row with the names of the steps that lead to it, a column for each level."""
    above: list[tuple[str, str]] = []
    for line in lines:
        above = [*above[: line.depth - 1], (steps_of(line.key)[-1][0], line.name)]
        told = dict(above)
        deepest = levels[min(line.depth - 1, len(levels) - 1)]
        yield line, [told.get(level) or (told.get("rest", "") if level == deepest else "") for level in levels]


def _goal_words(goal: str) -> tuple[str, str, str]:
    return {
        Goal.REVENUE: (_("Revenue"), _("Revenue, 95% from"), _("Revenue, 95% to")),
        Goal.ORDERS: (_("Orders"), _("Orders, 95% from"), _("Orders, 95% to")),
        Goal.BUYERS: (_("New buyers"), _("New buyers, 95% from"), _("New buyers, 95% to")),
        Goal.SIGN_UPS: (_("Sign-ups"), _("Sign-ups, 95% from"), _("Sign-ups, 95% to")),
    }[Goal(goal)]


def _ends(ends: Ends, written: Callable[[int], str]) -> Sequence[str]:
    return [written(end) for end in ends] if ends else ["", ""]
