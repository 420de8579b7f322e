"""How sure the figures of a report are: 95 % intervals, people drawn anew in blocks."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

from analytics.attribution.uncertainty import BLOCKS, block_of, draws, interval, resampled
from analytics.selectors import ReportInputs, ReportPath
from ledger.money import PPM

if TYPE_CHECKING:
    from analytics.attribution.paths import Floats, PathTable

Channel = int | None
Ends = tuple[int, int]
"""Lower and upper end, in the figure's own unit."""


@dataclass(frozen=True, slots=True)
class ChannelEnds:
    """The intervals of one channel under one model."""

    orders_ppm: Ends
    buyers_ppm: Ends
    revenue_minor: Ends


@dataclass(slots=True)
class BlockSums:
    """What each block of people adds to each channel: (blocks, 3) of orders and buyers in ppm and kept minor units."""

    by_channel: dict[Channel, "Floats"] = field(default_factory=dict)

    def count(self, path: ReportPath, parts: Mapping[Channel, int]) -> None:
        """Count one order, credited in ppm."""
        import numpy as np

        block = block_of(path.user_id)
        for channel, ppm in parts.items():
            if channel not in self.by_channel:
                self.by_channel[channel] = np.zeros((BLOCKS, 3))
            self.by_channel[channel][block] += (ppm, ppm if path.fresh else 0, ppm * path.net_minor / PPM)

    def ends(self) -> dict[Channel, ChannelEnds]:
        """The interval of every channel that was credited something."""
        drawn = draws()
        return {channel: _ends(resampled(sums, drawn)) for channel, sums in self.by_channel.items()}


def markov_ends(inputs: ReportInputs) -> dict[Channel, ChannelEnds]:
    """The intervals of the first-order Markov model, refitted to every replicate."""
    import numpy as np

    from analytics.attribution.uncertainty import resampled_markov

    channels, tables = tables_by_block(inputs.orders, inputs)
    drawn = draws()
    untouched = BlockSums()
    for order in inputs.orders:
        if not order.path:
            untouched.count(order, {None: PPM})
    ends = untouched.ends()
    if not channels:
        return ends
    shares, worth = resampled_markov(tables, drawn)
    buyer_shares, _worth = resampled_markov(_tables(inputs.first_orders(), inputs, channels), drawn)
    touched = BlockSums()
    for order in inputs.orders:
        if order.path:
            touched.count(order, {None: PPM})
    whole = resampled(touched.by_channel.get(None, np.zeros((BLOCKS, 3))), drawn)
    for code, channel in enumerate(channels):
        columns = [shares[:, code] * whole[:, 0], buyer_shares[:, code] * whole[:, 1], worth[:, code] * whole[:, 2]]
        ends[channel] = _ends(np.stack(columns, axis=1))
    return ends


def counterfactual_ends(inputs: ReportInputs) -> dict[Channel, ChannelEnds]:
    """The intervals of the counterfactual model, which follows every replicate; the baseline is nobody's."""
    import numpy as np

    from analytics.attribution.uncertainty import resampled_counterfactual

    untouched = BlockSums()
    for order in inputs.orders:
        if not order.path:
            untouched.count(order, {None: PPM})
    channels = _channels(inputs)
    if not channels:
        return untouched.ends()
    drawn = draws()
    measures: tuple[Callable[[ReportPath], int], ...] = (
        lambda _order: PPM,
        lambda order: PPM if order.fresh else 0,
        lambda order: order.net_minor,
    )
    told = [_tables(inputs.orders, inputs, channels, of) for of in measures]
    columns = [samples[..., 2] for samples in resampled_counterfactual(told, drawn, added=True)]
    samples = np.maximum(np.stack(columns, axis=2), 0.0)
    samples[:, -1] += resampled(untouched.by_channel.get(None, np.zeros((BLOCKS, 3))), drawn)
    return {channel: _ends(samples[:, place]) for place, channel in enumerate([*channels, None])}


def tables_by_block(orders: Sequence[ReportPath], inputs: ReportInputs) -> tuple[list[int], list["PathTable"]]:
    """The channels on any path, and a path table over them for each block of people."""
    channels = _channels(inputs)
    return channels, _tables(orders, inputs, channels)


def _channels(inputs: ReportInputs) -> list[int]:
    channels = sorted({channel for order in inputs.orders for channel, _ in order.path})
    return channels + sorted({c for _block, path in inputs.null_journeys for c in path} - set(channels))


def _ends(samples: "Floats") -> ChannelEnds:
    low, high = interval(samples)
    return ChannelEnds(*((round(float(a)), round(float(b))) for a, b in zip(low, high, strict=True)))


def _tables(
    orders: Sequence[ReportPath],
    inputs: ReportInputs,
    channels: Sequence[int],
    worth: Callable[[ReportPath], int] = attrgetter("value_minor"),
) -> list["PathTable"]:
    """A path table for each block of people, all over the same channels: orders, what they are worth, null journeys."""
    import numpy as np

    from analytics.attribution.paths import PathTable

    code = {channel: place for place, channel in enumerate(channels)}
    rows: list[dict[tuple[int, ...], list[int]]] = [defaultdict(lambda: [0, 0, 0]) for _block in range(BLOCKS)]
    for order in orders:
        if order.path:
            row = rows[block_of(order.user_id)][tuple(channel for channel, _ in order.path)]
            row[0] += 1
            row[1] += worth(order)
    for (block, path), count in inputs.null_journeys.items():
        if path:
            rows[block][path][2] += count
    return [
        PathTable(
            tuple(channels),
            np.array([code[channel] for path in block for channel in path], np.int32),
            np.concatenate(([0], np.cumsum([len(path) for path in block]))).astype(np.int64),
            *(np.array([row[column] for row in block.values()], np.float64) for column in (0, 2, 1)),
        )
        for block in rows
    ]
