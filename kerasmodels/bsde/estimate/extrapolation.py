"""Extrapolation to a time step of zero from three grids with the same noise.

The middle grid takes every second time of the finest, the coarsest every fourth. Where the
steps of the finest are of one length h, an error a h + b h^2 of the means f (finest), m
(middle) and c (coarsest) is taken out by one of

    second order:   (4 f - m) / 3            right where a = 0
    first order:    (8 f - 6 m + c) / 3      right for any a and b

The first combination has the smaller variance, and the difference of both shows a where it
is larger than the noise. Where the forward scheme is known to have an error of first order,
the second combination is taken in any case (`composes`). Steps of other lengths change the
weights: a counts with the sum of h^2 over a grid, b with that of h^3.

The ratio (m - c) / (f - m) is 4 for an error of second order, 2 for one of first order and
2^(1/2) for one of order one half, as a square root near zero or a barrier leaves it. A
ratio below 2 may also come from a and b of opposite signs. The uncertainty then contains
both answers, which agree where the ratio is 2. The ratio has a standard error of its own,
and is taken lower by that much, because a low order that noise hides moves the mean too.

References: Talay and Tubaro (1990), https://doi.org/10.1080/07362999008809220 (expansion of
the error of the Euler scheme); Aitken (1927), https://doi.org/10.1017/S0370164600022070
(the limit of a geometric sequence from three terms).
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

# Steps of the finest grid in one step of each grid.
STRIDES = (1, 2, 4)
# Standard errors from which an error of first order is taken out though none is expected,
# and from which the difference of the two finest grids counts as one.
_UNEXPECTED, _SEEN = 3.0, 2.0
# A ratio of two differences below the first may mean an order below one. None below the
# second is used, because the limit of the sequence would be lost in noise.
_LOW, _LOWEST = 2.0, 1.2
# Ratio of the variances on the coarsest and the middle grid from which the steps of the
# coarsest are too long to be stable, so that its mean is not used.
_UNSTABLE = 16.0


class Extrapolation(NamedTuple):
    """Weights of the values on three grids, and the uncertainty of the combined mean.

    weights: array `[3]`, of the finest, the middle and the coarsest grid; their sum is one.
    uncertainty: float. Error that the time steps may leave in the combined mean.
    order: float. The order of the error that the grids show: 2, 1 or a measured one below.
    """

    weights: np.ndarray
    uncertainty: float
    order: float


def extrapolation(grid, values, first_order=False):
    """The `Extrapolation` of paired values.

    Args:
        grid: array `[N + 1]`. The times of the finest grid; N is a multiple of 4.
        values: array `[3, paths]`. One value per path on each of the three grids.
        first_order: bool. Whether an error of first order is taken out in any case, and
            not only where it exceeds the noise.

    Returns:
        An `Extrapolation`. The uncertainty is infinite where the three grids are one.
    """
    second, first, both = _weights(grid)
    fine, middle, coarse = np.mean(values, axis=-1)
    if second is None:
        return Extrapolation(np.array([1.0, 0.0, 0.0]), math.inf, 2.0)
    spread = np.var(values, axis=-1)
    if spread[2] > _UNSTABLE * spread[1]:
        # The mean of the answers for first and second order; the uncertainty contains
        # both of them.
        return Extrapolation((first + second) / 2, float(abs(fine - middle)), 1.0)
    seen = _differs((both - second) @ values, values, _UNEXPECTED)
    if not (seen or first_order):
        change = second @ (fine, middle, coarse) - fine
        return Extrapolation(second, float(abs(change)), 2.0)
    value = both @ (fine, middle, coarse)
    uncertainty, order = float(abs(value - first @ (fine, middle, coarse))), 1.0
    if not seen:
        return Extrapolation(both, uncertainty, 2.0)
    last = values[0] - values[1]
    if _differs(last, values, _SEEN):
        ratio = (middle - coarse) / (fine - middle)
        error = standard_error(values[1] - values[2] - ratio * last) / abs(fine - middle)
        lowered = max(ratio - error, _LOWEST)
        if lowered < _LOW:
            # Where the differences go on to shrink by this ratio.
            limit = fine + (fine - middle) / (lowered - 1)
            uncertainty = max(uncertainty, float(abs(limit - value)))
            order = math.log2(float(np.clip(ratio, _LOWEST, _LOW)))
    return Extrapolation(both, uncertainty, order)


def composes(equation, seed=0):
    """Whether one step of X is the same as two steps of half the length with one noise.

    Exact solutions of the forward SDE in terms of W do, as do Euler-Maruyama steps where
    drift and sigma are constant. Their means have no error of the time grid.

    Args:
        equation: `Equation`.
        seed: int.
    """
    points, rng = 8, np.random.default_rng(seed)
    times = rng.uniform(0.0, 0.9, (points, 1)) * equation.terminal_time
    half = 0.05 * equation.terminal_time
    noise = rng.normal(size=(2, points, equation.noise_dim)) * half**0.5
    t, first, second = (tf.constant(v, "float64") for v in (times, *noise))
    short, long = (tf.constant([[v]], "float64") for v in (half, 2 * half))
    # States that a path may reach, and not x0 alone.
    x = tf.zeros((points, equation.dim), "float64") + tf.constant(equation.x0)
    x = equation.step(0 * t, short, x, second)
    once = equation.step(t, long, x, first + second)
    twice = equation.step(t + half, short, equation.step(t, short, x, first), second)
    moved = np.max(np.abs(once - x)) + 1e-300
    return bool(np.max(np.abs(once - twice)) <= 1e-9 * moved)


def standard_error(values):
    """Standard error of the mean of independent values."""
    return float(np.std(values) / math.sqrt(len(values)))


def _weights(grid):
    """Weights that remove an error of second order, of first order, and of both."""
    # 1, the sum of h^2 and the sum of h^3 of each grid.
    sums = np.array([[np.sum(np.diff(grid[::k]) ** p) for k in STRIDES] for p in (1, 2, 3)])
    sums /= sums[:, :1]

    def solved(rows, grids):
        weights = np.zeros(3)
        weights[:grids] = np.linalg.solve(sums[rows, :grids], np.eye(grids)[0])
        return weights

    if sums[1, 1] < 1.01:
        return None, None, None
    second, first = solved([0, 2], 2), solved([0, 1], 2)
    if sums[1, 2] < 1.01 * sums[1, 1]:
        # Two steps: the coarser grids are one.
        return second, first, first
    return second, first, solved([0, 1, 2], 3)


def _differs(differences, values, times):
    """Whether the mean difference is further from zero than noise and rounding explain."""
    error = standard_error(differences)
    rounding = 1e-12 * np.max(np.abs(values))
    return bool(abs(np.mean(differences)) > times * error + rounding)
