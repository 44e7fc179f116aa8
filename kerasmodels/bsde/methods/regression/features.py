"""Features of the state on which u is regressed, built from g, x and the forward step.

| feature | where it helps |
|---|---|
| q, the standardised g(x); q^2; tanh q; tanh 2q | u is near a function of g |
| m; m^2; q m; tanh(m - 1), tanh m, tanh(m + 1) | sums |
| the mean of y^2, where y are the standardised coordinates | norms |
| s (at most 5 dimensions and noises); s^2; tanh s; s m | kinks, jumps |
| each y; products of two y (2 to 5 dimensions) | coordinates that play different parts |
| p, p^2, p^3, p^4; each feature above times p and products of two p | parameters |
| tanh(w . y + c) with random w and c | the rest |

p are the standardised parameters of a `Family`, y the other coordinates; the random
features read both. m is the mean of y, scaled to deviation one. s is the mean over 16 fixed
noises of g after one single step from x to T, standardised like q.

Each feature is a function of (t, x), so that z = sigma^T grad u follows by automatic
differentiation. Squares and products level off at about 5 deviations, so that they stay
bounded outside the sample.

Reference: Neufeld, Schmocker and Wu (2024), https://arxiv.org/abs/2405.05192 (random
features in a backward scheme)
"""

import math

import numpy as np
import scipy.stats
import tensorflow as tf

# Number of noises behind s; s is left out where noises x max(dim, noise_dim) exceeds the
# second number.
_NODES, _MOST_COORDINATES = 16, 80
# Dimensions up to which each coordinate is a feature.
_FEW = 5
# Deviations at which squares and products level off.
_FAR = 5.0
# Statistics with one number per time; the others have one per coordinate.
PER_TIME = ("time", "m_deviation", "g_mean", "g_deviation")


class Features:
    """The features at the times of a grid.

    Args:
        equation: `Equation`.
        statistics: dict of arrays, as `statistics_of` makes it.
        num_random: int. Number of random features.
        seed: int. Of the random features, and of the noises behind s.
        dtype: "float32" or "float64".
        own: None, or a function (t, x) -> `[batch, k]` of further features.
        store: None, or a function (name, value) -> variable, which holds a table.

    Call arguments:
        k: int Tensor. Index into the grid: which time's statistics and time left are used.
            A scalar, or `[batch]` where the rows have times of their own.
        t: Tensor `[batch, 1]`. The time passed to the forward step and to `own`; it need
            not be the k-th.
        x: Tensor `[batch, dim]`.

    Returns:
        Tensor `[batch, size]`; the first column is one, the second q.

    Attributes:
        size: int. Number of features.
        num_base: int. How many of them come before the random ones.
        tables: dict of variables by name: all numbers on which the features depend.
    """

    def __init__(self, equation, statistics, num_random, seed, dtype, own=None, store=None):
        self.equation, self.statistics = equation, statistics
        self.num_random, self.seed, self.dtype, self.own = num_random, seed, dtype, own
        store = store or (lambda name, value: stored(value, dtype))
        values = _tables(equation, statistics, num_random, seed)
        self.tables = {name: store(name, value) for name, value in values.items()}
        self._own = equation.dim - equation.num_parameters
        self._pairs = np.triu_indices(self._own) if 1 < self._own <= _FEW else None
        start = tf.constant(equation.x0[None, :], dtype)
        self.size = self(0, tf.zeros((1, 1), dtype), start).shape[-1]
        self.num_base = self.size - num_random

    def __call__(self, k, t, x):
        at = {name: tf.gather(self.tables[name], k) for name in self.statistics}
        q = (self.equation.terminal(x) - at["g_mean"]) / at["g_deviation"]
        whole = (x - at["mean"]) / at["deviation"]
        y, p = whole[:, : self._own], whole[:, self._own :]
        m = tf.reduce_mean(y, axis=-1, keepdims=True) / at["m_deviation"]
        square = tf.reduce_mean(y * y, axis=-1, keepdims=True)
        near_q, near_m = _bounded(q), _bounded(m)
        columns = [tf.ones_like(q), q, near_q**2, tf.tanh(q), tf.tanh(2 * q)]
        columns += [m, near_m**2, near_q * near_m]
        columns += [tf.tanh(m - 1), tf.tanh(m), tf.tanh(m + 1)]
        columns += [_FAR**2 * tf.tanh(square / _FAR**2)]
        if "nodes" in self.tables:
            s = (self._later_g(k, t, x) - at["g_mean"]) / at["g_deviation"]
            near_s = _bounded(s)
            columns += [s, near_s**2, tf.tanh(s), near_s * near_m]
        if self._pairs is not None:
            near_y = _bounded(y)
            first, second = (tf.gather(near_y, i, axis=-1) for i in self._pairs)
            columns += [near_y, first * second]
        if self.equation.num_parameters:
            columns = _with_parameters(tf.concat(columns, axis=-1), p)
        if self.own is not None:
            columns.append(tf.cast(self.own(t, x), x.dtype))
        if self.num_random:
            directions, offsets = (self.tables[name] for name in ("directions", "offsets"))
            columns.append(tf.tanh(tf.matmul(whole, directions) + offsets))
        return tf.concat(columns, axis=-1)

    def _later_g(self, k, t, x):
        """The mean of g after one step over the time left, over the noises."""
        nodes = tf.convert_to_tensor(self.tables["nodes"])
        count, left = nodes.shape[0], tf.gather(self.tables["left"], k)
        # `[1, 1]`, or `[batch, 1]` where the rows have times of their own.
        left = tf.reshape(left, (-1, 1))
        noise = nodes[:, None] * tf.sqrt(left) + tf.zeros_like(x[:, :1])
        noise = tf.reshape(noise, (-1, nodes.shape[1]))
        states, times = _repeated(x, count), _repeated(t, count)
        if left.shape[0] != 1:
            left = _repeated(left, count)
        end = self.equation.step(times, left, states, noise)
        # One step to T may leave the valid region, so the end is clipped to the sample's
        # range at T, widened by half on each side; NaN and infinity become 0 first.
        low, high = self.tables["low"][-1], self.tables["high"][-1]
        end = tf.clip_by_value(finite(end), low, high)
        return tf.reduce_mean(
            tf.reshape(self.equation.terminal(end), (count, -1, 1)), axis=0
        )

    @property
    def num_times(self):
        """N + 1, the number of times of the grid."""
        return len(self.statistics["time"])

    def copy(self):
        """The same features with tables of their own."""
        return Features(
            self.equation,
            self.statistics,
            self.num_random,
            self.seed,
            self.dtype,
            self.own,
        )

    def take(self, other):
        """Sets the tables to those of other features of the same equation and sizes."""
        for name, table in self.tables.items():
            table.assign(tf.cast(other.tables[name], table.dtype))

    def value(self, k, t, x, weights):
        """u = features . weights at the k-th time; weights `[size]`."""
        return tf.matmul(self(k, t, x), weights[:, None])

    def value_and_z(self, k, t, x, weights):
        """`value`, and sigma^T grad u."""
        u, z = self.equation.value_and_z(lambda t, x: self.value(k, t, x, weights), t, x)
        return finite(u), finite(z)


def statistics_of(equation, grid, x):
    """What standardises the features, and the clipping range, from a sample of paths.

    Args:
        equation: `Equation`.
        grid: array `[N + 1]`.
        x: Tensor `[N + 1, batch, dim]`.

    Returns:
        dict of arrays, `[N + 1]` or `[N + 1, dim]`: the times, means and deviations, and
        the clipping range from "low" to "high".
    """
    g = [finite(equation.terminal(states)) for states in x]
    mean, deviation = _moments(x)
    own = equation.dim - equation.num_parameters
    g_mean, g_deviation = _moments(g)
    m_deviation = [
        np.std(np.mean((states - centre) / scale, axis=-1), dtype="float64")
        for states, centre, scale in zip(
            np.asarray(x)[..., :own],
            mean.astype(x.dtype.name)[:, :own],
            deviation.astype(x.dtype.name)[:, :own],
        )
    ]
    m_deviation = np.maximum(m_deviation, 0.1 / math.sqrt(own))
    low, high = (
        np.array([f(states, axis=0) for states in x], "float64")
        for f in (tf.reduce_min, tf.reduce_max)
    )
    return {
        "time": np.asarray(grid),
        "mean": mean,
        "deviation": deviation,
        "low": (3 * low - high) / 2,
        "high": (3 * high - low) / 2,
        "m_deviation": m_deviation,
        "g_mean": g_mean[:, 0],
        "g_deviation": g_deviation[:, 0],
    }


def _moments(values):
    """Means and deviations of values `[batch, k]` at each time."""
    functions = (tf.reduce_mean, tf.math.reduce_std)
    mean, deviation = (
        np.array([f(value, axis=0) for value in values], "float64") for f in functions
    )
    # All paths start at one point, and a coordinate without noise has deviation zero, so
    # deviations have a lower bound.
    largest = np.max(deviation, axis=0)
    scale = np.maximum(largest, 1e-6 * (1 + np.max(np.abs(mean), axis=0)))
    return mean, np.maximum(deviation, 1e-2 * scale)


def _tables(equation, statistics, num_random, seed):
    """The arrays on which features depend: `[N + 1, .]`, or the same at all times."""
    rng = np.random.default_rng((seed, 1))
    directions = rng.normal(size=(equation.dim, num_random)) / math.sqrt(equation.dim)
    tables = {
        "directions": directions,
        "offsets": rng.normal(size=num_random),
        "left": (statistics["time"][-1] - statistics["time"])[:, None],
    }
    for name, values in statistics.items():
        tables[name] = values[:, None] if name in PER_TIME else values
    nodes = _nodes(equation, seed)
    return tables if nodes is None else {**tables, "nodes": nodes}


def _nodes(equation, seed):
    """Noises `[nodes, noise_dim]` of mean zero and variance one.

    None where dim or noise_dim is above 5.
    """
    size, own = equation.noise_dim, equation.dim - equation.num_parameters
    if _NODES * max(size, own) > _MOST_COORDINATES:
        return None
    if size == 1:
        nodes = scipy.stats.norm.ppf((np.arange(_NODES) + 0.5) / _NODES)[:, None]
    else:
        half = np.random.default_rng((seed, 2)).normal(size=(_NODES // 2, size))
        nodes = np.concatenate([half, -half])
    return nodes / np.sqrt(np.mean(nodes**2, axis=0))


def stored(value, dtype):
    """`value` as a variable.

    As a constant its value would be built into the graph, which would be compiled again for
    every new value.
    """
    return tf.Variable(value, dtype=dtype, trainable=False)


def _with_parameters(columns, p):
    """The columns, these times each p and each product of two, and powers of p."""
    first, second = np.triu_indices(p.shape[-1])
    products = tf.gather(p, first, axis=-1) * tf.gather(p, second, axis=-1)
    factors = tf.concat([p, products], axis=-1)
    crossed = columns[:, :, None] * factors[:, None]
    crossed = tf.reshape(crossed, (-1, columns.shape[-1] * factors.shape[-1]))
    return [columns, crossed, p**3, p**4]


def _repeated(rows, count):
    """The rows, `count` times; not by tf.tile, which LiteRT mistakes for a broadcast."""
    zeros = tf.zeros((count, 1, 1), rows.dtype)
    return tf.reshape(rows + zeros, (-1, rows.shape[-1]))


def _bounded(value):
    return _FAR * tf.tanh(value / _FAR)


def finite(value):
    """`value`, and zero where it is NaN or infinite, as a gradient at a kink may be."""
    return tf.where(tf.math.is_finite(value), value, tf.zeros_like(value))
