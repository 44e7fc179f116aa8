"""Steps of the forward SDE inside one time step, where the scheme needs smaller ones.

The recursion of u and the networks need a time grid; the path between two of its times may
be stepped in smaller steps at little cost, because a step of X evaluates no network. The
number needed is found from paths alone, before any training, by the error that three
grids show in the mean of a first guess of u0.
"""

import numpy as np
import tensorflow as tf

from kerasmodels.bsde.estimate.extrapolation import STRIDES, extrapolation, standard_error
from kerasmodels.bsde.paths import streams

# Numbers of steps that are tried.
NUMBERS = (1, 2, 4, 8, 16)
# Error of the mean, relative to it, that is small enough.
_SMALL = 5e-4
# Paths, and numbers per time in all of them, at most.
_MOST_PATHS, _MOST_NUMBERS = 2**17, 2**17


def divided(grid, substeps):
    """The grid with each of its steps in `substeps` equal parts, `[N substeps + 1]`."""
    grid = np.asarray(grid, "float64")
    if substeps == 1:
        return grid
    shares = np.arange(substeps) / substeps
    inner = grid[:-1, None] + np.diff(grid)[:, None] * shares
    return np.append(inner.ravel(), grid[-1])


def needed_substeps(equation, grid, seed=0):
    """The smallest of `NUMBERS` for which the error of the steps is small, or the largest.

    Args:
        equation: `Equation` whose steps have an error of second order.
        grid: array `[N + 1]`. The times of the finest grid; N is a multiple of 4.
        seed: int.

    Returns:
        An int. It depends on nothing that is trained.
    """
    sample = _sampler(equation, seed)
    for number in NUMBERS:
        times = divided(grid, number)
        values = np.asarray(sample(tf.constant(times)))
        if not np.all(np.isfinite(values)):
            continue
        found = extrapolation(grid, values)
        noise = 2 * standard_error(values[0] - values[1])
        if found.uncertainty <= max(_SMALL * abs(np.mean(values[0])), noise):
            return number
    return NUMBERS[-1]


def _sampler(equation, seed):
    """A function of all times -> the first guess of u0 on each path, `[3, paths]`.

    The guess is g(X_T) + int f(t, X, g(X), 0) dt, one step of Picard's iteration from
    u = g, z = 0; its integral counts where it is finite.
    """
    count = max(equation.dim, equation.noise_dim)
    paths = int(np.clip(_MOST_NUMBERS // count, 64, _MOST_PATHS))

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], "float64")])
    def sample(times):
        total = tf.shape(times)[0] - 1

        def increment(k):
            # Numbered by the place in the whole grid, so that all strides share one noise.
            number = streams.of_substeps(tf.cast(k, "int64"))
            key = tf.stack([tf.constant(seed, "int64"), number])
            normal = tf.random.stateless_normal(
                (paths, equation.noise_dim), key, dtype="float64", alg="philox"
            )
            return tf.sqrt(times[k + 1] - times[k]) * normal

        def driver(t, x):
            zero = tf.zeros((paths, equation.noise_dim), "float64")
            value = equation.driver(t, x, equation.terminal(x), zero)
            return tf.where(tf.math.is_finite(value), value, 0.0)

        def along(stride):
            def step(k, x, before, integral):
                t, t_end = (one * times[j] for j in (k, k + stride))
                _, dw = tf.while_loop(
                    lambda j, _: j < k + stride,
                    lambda j, dw: (j + 1, dw + increment(j)),
                    (k, tf.zeros((paths, equation.noise_dim), "float64")),
                )
                x = equation.step(t, (t_end - t)[:1], x, dw)
                after = driver(t_end, x)
                return k + stride, x, after, integral + (before + after) * (t_end - t) / 2

            x = tf.zeros((paths, equation.dim), "float64") + tf.constant(equation.x0)
            start = 0, x, driver(0 * one, x), 0 * one
            _, x, _, integral = tf.while_loop(lambda k, *_: k < total, step, start)
            return (equation.terminal(x) + integral)[:, 0]

        one = tf.ones((paths, 1), "float64")
        return tf.stack([along(stride) for stride in STRIDES])

    return sample
