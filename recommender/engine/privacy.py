"""Differential privacy: how much noise a release needs, and a table of pairs in which nobody can be found.

Neighbouring data differ by one whole person. Each keeps at most `clip` courses, drawn to length 1, so that one person's
outer product has Frobenius norm 1; Gaussian noise on every pair then hides whether anybody took part.
"""

from __future__ import annotations

import math

import numpy as np

from recommender.engine.data import Float64, Interactions
from recommender.engine.errors import ConfigError


def gaussian_sigma(epsilon: float, delta: float) -> float:
    """The least standard deviation that makes one release of sensitivity 1 (epsilon, delta)-private.

    By the analytic condition of Balle and Wang (ICML 2018), to one part in a million. Raises ConfigError out of range.
    """
    if not (0 < epsilon < math.inf and 0 < delta < 1):
        raise ConfigError("epsilon must be above 0 and delta between 0 and 1")
    low, high = 0.0, 1.0
    while _delta(high, epsilon) > delta:
        high *= 2
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if middle == 0 or _delta(middle, epsilon) > delta else (low, middle)
    return high


def _delta(sigma: float, epsilon: float) -> float:
    """The least delta that noise of this deviation gives at this epsilon."""
    from scipy.special import log_ndtr

    near, far = 1 / (2 * sigma), epsilon * sigma
    return float(np.exp(log_ndtr(near - far)) - np.exp(epsilon + log_ndtr(-near - far)))


def private_gram(
    interactions: Interactions, *, epsilon: float, delta: float, clip: int, rng: np.random.Generator
) -> Float64:
    """The table of pairs of everybody's `clip` newest courses at length 1, with noise, float64 [items, items].

    Symmetric; a pair's noise is drawn once, so that the release has sensitivity 1. Event weights are not looked at.
    """
    from scipy import sparse

    lengths = interactions.lengths
    newest = interactions.pointers[1:][interactions.rows] - np.arange(len(interactions)) <= clip
    kept = interactions.keep(newest)
    unit = (1 / np.sqrt(np.maximum(np.minimum(lengths, clip), 1)))[kept.rows]
    shape = (interactions.n_users, interactions.n_items)
    table = sparse.csr_matrix((unit, kept.items, kept.pointers), shape=shape)
    found: Float64 = (table.T @ table).toarray()
    noise = np.triu(rng.normal(0, gaussian_sigma(epsilon, delta), found.shape))
    found += noise + np.triu(noise, 1).T
    return found
