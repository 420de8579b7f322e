"""The chain of order k: windows counted in a plain array or by exact interning, removal effects by block Gauss-Seidel.

A window is written as a number with k digits in base channels + 1, channel c as the digit c + 1; a shorter path has
leading zeros. A step is the (k+1)-digit number whose first k digits are the state it leaves (START: all zero) and whose
last k are the state it enters, so one number names one step.

With x = (I-Q)^-1 h and d_j the expected visits of a chain that stops on meeting channel j, what the removal of j loses
is the flow into j for the first time times what it would have earned from there: sum over states t with j of
x_t * (flow of d_j into t). All terms are positive, so nothing cancels and small effects keep their digits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.attribution.compiled import compiled
from analytics.attribution.errors import AttributionError
from analytics.attribution.paths import Codes, Floats, Offsets, PathTable

BLOCK = 64
"""Channels solved together; bounds the memory to states x 64 doubles."""
DIRECT = 1 << 23
"""So many possible steps are counted in a plain array; where there are more, those that occur are interned."""
TOLERANCE, CLOSE = 1e-15, 1e-13
"""A sweep that moves less than this share of a solution ends the iteration; the other for chains without a channel."""
NOISE, RESTLESS = 1e-13, 100
"""Sweeps that move no more than this share, and no less for so many in a row, only shuffle the last digits."""
NOBODY = -(1 << 30)
"""As `first` of a solve: no channel is held out."""

Keys = NDArray[np.int64]


@compiled
def _hash(key: np.int64) -> np.int64:
    """Mix a non-negative number of at most 62 bits; no product leaves 63."""
    code = ((key & 0xFFFFFFFF) * 1640531527) ^ ((key >> 32) * 1540483477)
    return code ^ (code >> 31)


@compiled
def tally_steps(codes: Codes, starts: Offsets, weights: Floats, base: int, order: int, keys: Keys, sums: Floats) -> int:
    """Add up the weight of every step of journeys of positive weight in the empty hash table `keys`, `sums`.

    Returns how many steps there are, or -1 where more than half of the table would be needed.
    """
    used, full = 0, np.int64(base) ** order
    for row in range(len(weights)):
        if weights[row] > 0:
            first, end = starts[row], starts[row + 1]
            state = np.int64(0)
            for i in range(first, end):
                step = state * base + codes[i] + 1
                entered = step if i < first + order else step - (codes[i - order] + 1) * full
                # The first state is complete after k touches, or at the path's end; equal neighbours are one state.
                if (i + 1 >= first + order or i + 1 == end) and entered != state:
                    slot = _hash(step) & (len(keys) - 1)
                    while keys[slot] != step and keys[slot] >= 0:
                        slot = (slot + 1) & (len(keys) - 1)
                    if keys[slot] < 0:
                        keys[slot] = step
                        used += 1
                        if 2 * used > len(keys):
                            return -1
                    sums[slot] += weights[row]
                state = entered
    return used


@compiled
def tally_direct(
    codes: Codes, starts: Offsets, conversions: Floats, nulls: Floats, values: Floats, base: int, order: int
) -> tuple[Floats, Floats]:
    """Add up the weight of every step by its number, and what ends in every state: conversions, nulls, value."""
    full = np.int64(base) ** order
    sums, gains = np.zeros(full * base), np.zeros((full, 3))
    for row in range(len(conversions)):
        weight = conversions[row] + nulls[row]
        if weight > 0:
            first, end = starts[row], starts[row + 1]
            state = np.int64(0)
            for i in range(first, min(first + order, end)):
                state = state * base + codes[i] + 1
            sums[state] += weight  # START is all zeros
            for i in range(first + order, end):
                step = state * base + codes[i] + 1
                entered = step - (codes[i - order] + 1) * full
                if entered != state:
                    sums[step] += weight
                state = entered
            gains[state, 0] += conversions[row]
            gains[state, 1] += nulls[row]
            if conversions[row] > 0:
                gains[state, 2] += values[row]
    return sums, gains


@compiled
def number_states(states: Keys, keys: Keys, ids: Keys) -> None:
    """Enter each state with its place into the empty hash table `keys`, `ids`, at least twice as long."""
    for place in range(len(states)):
        slot = _hash(states[place]) & (len(keys) - 1)
        while keys[slot] >= 0:
            slot = (slot + 1) & (len(keys) - 1)
        keys[slot] = states[place]
        ids[slot] = place


@compiled
def tally_ends(
    codes: Codes, starts: Offsets, conversions: Floats, nulls: Floats, values: Floats, base: int, order: int,
    keys: Keys, ids: Keys, gains: Floats,
) -> None:  # fmt: skip
    """Add the conversions, nulls and value of conversions that end in each state to `gains` (states, 3)."""
    for row in range(len(conversions)):
        if conversions[row] + nulls[row] > 0:
            state = np.int64(0)
            for i in range(max(starts[row], starts[row + 1] - order), starts[row + 1]):
                state = state * base + codes[i] + 1
            slot = _hash(state) & (len(keys) - 1)
            while keys[slot] != state:
                slot = (slot + 1) & (len(keys) - 1)
            gains[ids[slot], 0] += conversions[row]
            gains[ids[slot], 1] += nulls[row]
            if conversions[row] > 0:
                gains[ids[slot], 2] += values[row]


@compiled
def relax(
    pointers: Offsets, sources: Keys, factors: Floats, known: Floats, digits: Keys, first: int, found: Floats
) -> Floats:
    """Run one Gauss-Seidel sweep of X = known + M X in place; return by how much each column of X moved.

    M is in compressed rows (`pointers`, `sources`, `factors`), X is (states, width), `known` (states, width) or
    (states, 1) where all columns share it. Column b is held at 0 in the states that contain channel `first` + b
    (`digits`: the channels of each state, -1 for none).
    """
    width, shared = found.shape[1], known.shape[1] - 1
    row, moved = np.empty(width), np.zeros(width)
    for t in range(len(pointers) - 1):
        for b in range(width):
            row[b] = known[t, min(b, shared)]
        for e in range(pointers[t], pointers[t + 1]):
            factor, source = factors[e], sources[e]
            for b in range(width):
                row[b] += factor * found[source, b]
        for digit in digits[t]:
            if first <= digit < first + width:
                row[digit - first] = 0.0
        for b in range(width):
            moved[b] += abs(row[b] - found[t, b])
            found[t, b] = row[b]
    return moved


@compiled
def first_entrances(
    pointers: Offsets, sources: Keys, factors: Floats, known: Floats, digits: Keys, first: int, found: Floats,
    reach: Floats,
) -> Floats:  # fmt: skip
    """Return (width, 2): for each channel, the flow that meets it for the first time, times `reach` where it does."""
    width = found.shape[1]
    lost = np.zeros((width, 2))
    for t in range(len(pointers) - 1):
        for place in range(digits.shape[1]):
            b = digits[t, place] - first
            if 0 <= b < width and not np.any(digits[t, :place] == digits[t, place]):
                flow = known[t, 0]
                for e in range(pointers[t], pointers[t + 1]):
                    flow += factors[e] * found[sources[e], b]
                lost[b] += flow * reach[t]
    return lost


@dataclass(frozen=True, slots=True)
class _Matrix:
    """A sparse substochastic matrix in compressed rows."""

    pointers: Offsets
    sources: Keys
    factors: Floats

    @classmethod
    def of(cls, rows: Keys, columns: Keys, factors: Floats, size: int) -> _Matrix:
        turn = np.argsort(rows, kind="stable")
        pointers = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=size))))
        return cls(pointers, columns[turn], factors[turn])

    def solve(self, known: Floats, digits: Keys, first: int, width: int, tolerance: float | None = None) -> Floats:
        """Solve X = known + M X, channel `first` + b held out of column b, to the last digits or to `tolerance`.

        Sweeps from X = 0 converge because every state reaches an end: journeys are finite.
        """
        found = np.zeros((len(known), width))
        least, still = np.inf, 0
        while True:
            moved = relax(self.pointers, self.sources, self.factors, known, digits, first, found)
            share = float(np.max(moved / np.maximum(np.abs(found).sum(axis=0), 1e-300)))
            still = 0 if share < least else still + 1
            least = min(least, share)
            if share <= (TOLERANCE if tolerance is None else tolerance) or (still >= RESTLESS and share <= NOISE):
                return found


@dataclass(frozen=True, slots=True)
class _Chain:
    """The order-k chain of a path table: `digits` (states, k) channels, -1 for none, and steps between states."""

    digits: Keys
    sources: Keys
    targets: Keys
    chances: Floats
    start: Floats
    gains: Floats


def _power_of_two(least: int) -> int:
    return 1 << max(least - 1, 1).bit_length()


def _steps(paths: PathTable, base: int, order: int) -> tuple[Keys, Floats]:
    """Return every step and its weight, by ascending number: the order must not depend on the hash table's size."""
    used, room = -1, 1 << 13
    while used < 0:
        room *= 8
        keys, sums = np.full(room, -1, np.int64), np.zeros(room)
        used = tally_steps(paths.codes, paths.starts, paths.weights, base, order, keys, sums)
    kept = np.flatnonzero(keys >= 0)
    kept = kept[np.argsort(keys[kept])]
    return keys[kept], sums[kept]


@dataclass(frozen=True, slots=True)
class _Counts:
    """Steps by ascending number with their weights, states by ascending number with what ends in them."""

    steps: Keys
    weights: Floats
    states: Keys
    ends: Floats

    def places(self, numbers: Keys, most: int) -> Keys:
        """The place of each of these states among `states`; numbers are below `most`."""
        if most > DIRECT:
            return np.searchsorted(self.states, numbers)
        place = np.empty(most, np.int64)
        place[self.states] = np.arange(len(self.states))
        return place[numbers]


def _counted(paths: PathTable, values: Floats, base: int, order: int) -> _Counts:
    if base ** (order + 1) <= DIRECT:
        sums, ends = tally_direct(paths.codes, paths.starts, paths.conversions, paths.nulls, values, base, order)
        steps = np.flatnonzero(sums)
        entered = np.zeros(len(ends), bool)
        entered[steps % base**order] = True
        states = np.flatnonzero(entered)
        return _Counts(steps, sums[steps], states, ends[states])
    steps, weights = _steps(paths, base, order)
    states = np.unique(steps % base**order)
    size = len(states)
    ends = np.zeros((size, 3))
    keys, ids = np.full(_power_of_two(2 * size), -1, np.int64), np.empty(_power_of_two(2 * size), np.int64)
    number_states(states, keys, ids)
    tally_ends(paths.codes, paths.starts, paths.conversions, paths.nulls, values, base, order, keys, ids, ends)
    return _Counts(steps, weights, states, ends)


def _chain(paths: PathTable, values: Floats, order: int) -> _Chain:
    base = len(paths.channels) + 1
    if (order + 1) * np.log2(base) >= 62:
        raise AttributionError(f"markov of order {order} over {base - 1} channels has too many states to number")
    counts = _counted(paths, values, base, order)
    full, size = base**order, len(counts.states)
    inner = counts.steps >= full
    weights = counts.weights[inner]
    sources = counts.places(counts.steps[inner] // base, full)
    targets = counts.places(counts.steps % full, full)
    leaving = np.bincount(sources, weights, size) + counts.ends[:, 0] + counts.ends[:, 1]
    start = np.bincount(targets[~inner], counts.weights[~inner], size)
    return _Chain(
        digits=counts.states[:, None] // base ** np.arange(order)[::-1] % base - 1,
        sources=sources,
        targets=targets[inner],
        chances=weights / leaving[sources],
        start=start / max(float(start.sum()), 1e-300),
        gains=np.ascontiguousarray(counts.ends[:, [0, 2]] / leaving[:, None]),
    )


def lost_by_windows(paths: PathTable, values: Floats, *, order: int) -> tuple[float, float, Floats, Floats]:
    """Return p, V and what each channel's removal loses of them, in the chain of `order`."""
    chain = _chain(paths, values, order)
    size = len(chain.start)
    backward = _Matrix.of(chain.sources, chain.targets, chain.chances, size)
    reach = backward.solve(chain.gains, chain.digits, NOBODY, 2)
    forward = _Matrix.of(chain.targets, chain.sources, chain.chances, size)
    parts = (forward.pointers, forward.sources, forward.factors, chain.start[:, None], chain.digits)
    channels = len(paths.channels)
    lost = np.zeros((channels, 2))
    for first in range(0, channels, BLOCK):
        width = min(BLOCK, channels - first)
        found = forward.solve(chain.start[:, None], chain.digits, first, width, CLOSE)
        lost[first : first + width] = first_entrances(*parts, first, found, reach)
    p_conversion, value = chain.start @ reach
    return float(p_conversion), float(value), lost[:, 0], lost[:, 1]
