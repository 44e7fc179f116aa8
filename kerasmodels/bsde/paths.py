"""Brownian increments and forward paths: a pure function of its arguments."""

import math
import numbers

import keras
import numpy as np
import tensorflow as tf

from kerasmodels import _checks, _memory
from kerasmodels.bsde.coefficients import check_shapes

# Grid times up to which the steps of a data set are unrolled.
_UNROLLED = 51
# TensorFlow's number of the generator.
_PHILOX = 1


def time_grid(terminal_time, num_steps):
    """Returns the uniform grid 0 = t_0 < ... < t_N = T as a float64 array `[N + 1]`."""
    terminal_time = _checks.finite_float(
        "time_grid", "terminal_time", terminal_time, above=0.0
    )
    num_steps = _checks.positive_int("time_grid", "num_steps", num_steps)
    what, advice = f"a grid of {num_steps} steps", "Take fewer steps."
    _memory.fits("time_grid", "num_steps", 3 * num_steps, "float64", what, advice)
    return np.linspace(0.0, terminal_time, num_steps + 1)


def as_time_grid(owner, equation, t):
    """Returns the grid that `t` means for `equation`: `t` equal steps, or times given.

    Raises:
        ValueError: `t` is neither a positive integer nor a strictly increasing
            sequence of at least two finite times from 0 to the terminal time.
    """
    if isinstance(t, numbers.Integral) and not isinstance(t, bool):
        t = _checks.positive_int(owner, "t", t)
        paths_fit(owner, "t", equation, t, 1, "float64", copies=1)
        return time_grid(equation.terminal_time, t)
    grid = _checks.as_numbers(t)
    grid = np.asarray(np.nan) if grid is None else grid
    terminal_time = equation.terminal_time
    # Times that went through float32 are still the same grid.
    slack = 1e-6 * terminal_time
    times = (
        grid.ndim == 1
        and len(grid) >= 2
        and np.all(np.isfinite(grid))
        and np.all(np.diff(grid) > 0)
        and grid[0] == 0.0
    )
    if not times or abs(grid[-1] - terminal_time) > slack:
        advice = "`time_grid(terminal_time, num_steps)` makes a uniform grid."
        if times and grid[-1] < terminal_time - slack:
            advice = (
                "N steps have N + 1 times: x and t need the terminal time too, "
                f"`np.append(t, {terminal_time:g})`."
            )
        raise _checks.ArgumentError(
            _checks.message(
                owner,
                "t",
                "a number of steps, or strictly increasing times from 0 to the "
                f"terminal time {terminal_time:g}",
                f"t={_checks.describe(t)}",
                advice,
            )
        )
    return grid


def paths_fit(owner, argument, equation, num_steps, batch_size, dtype, copies=2):
    """Raises ValueError if x and dw of so many paths do not fit into memory.

    `copies`: how often they are there at one time, with those made on the way.
    """
    _memory.fits(
        owner,
        argument,
        copies * batch_size * (2 * num_steps + 1) * equation.dim,
        dtype or keras.config.floatx(),
        f"paths: {batch_size} of {num_steps} steps in dimension {equation.dim}",
        "Take fewer paths at a time, or fewer time steps.",
    )


def tile_times(t, batch_size, dtype=None):
    """Returns the grid `t` repeated for each path, `[batch_size, N + 1, 1]`.

    Raises:
        ValueError: an argument is not of that form.
    """
    owner = "tile_times"
    dtype = _checks.float_type(owner, dtype)
    if not tf.is_tensor(batch_size):
        batch_size = _checks.positive_int(owner, "batch_size", batch_size)
    if not tf.is_tensor(t):
        t = _checks.finite_array(owner, "t", t)
        if t.ndim != 1 or not t.size:
            received = f"shape {t.shape}"
            raise _checks.ArgumentError(
                _checks.message(owner, "t", "a grid `[N + 1]`", received)
            )
        if not tf.is_tensor(batch_size):
            what, advice = f"the times of {batch_size} paths", "Take fewer paths."
            _memory.fits(owner, "batch_size", batch_size * t.size, dtype, what, advice)
    grid = _as_tensor(t, dtype)
    return tf.tile(grid[None, :, None], (batch_size, 1, 1))


def _as_tensor(t, dtype):
    """A grid as a tensor; NumPy rounds a float64 grid only once, at the end."""
    return tf.cast(t, dtype) if tf.is_tensor(t) else tf.constant(np.asarray(t), dtype)


def simulate(equation, t, dw):
    """Steps the forward SDE along given increments.

        X_{n+1} = step(t_n, dt_n, X_n, dW_n),        X_0 = x0

    Args:
        equation: `Equation`.
        t: array or Tensor `[N + 1]`. The time grid.
        dw: Tensor `[batch, N, dim]`. Brownian increments, variance dt.

    Returns:
        The list of N + 1 tensors X_n, each `[batch, dim]`.
    """
    grid = _as_tensor(t, dw.dtype)
    x = tf.zeros_like(dw[:, 0]) + tf.constant(equation.x0, dw.dtype)
    path = [x]
    for n, dw_n in enumerate(tf.unstack(dw, axis=1)):
        x = _step(equation, grid, n, x, dw_n)
        path.append(x)
    return path


def _step(equation, grid, n, x, dw):
    """X at the n-th grid time, one step on."""
    t = tf.zeros_like(x[:, :1]) + grid[n]
    return equation.step(t, (grid[n + 1] - grid[n])[None, None], x, dw)


def _paths(equation, t, dw, unroll):
    """`simulate` as one tensor `[batch, N + 1, dim]`; a loop unless `unroll`.

    Tracing N steps takes seconds where N is in the hundreds; a step of the loop takes a
    little longer. Both give the same numbers.
    """
    if unroll:
        return tf.stack(simulate(equation, t, dw), axis=1)
    grid, num_steps = _as_tensor(t, dw.dtype), dw.shape[1]
    dw = tf.transpose(dw, (1, 0, 2))
    x = tf.zeros_like(dw[0]) + tf.constant(equation.x0, dw.dtype)

    def step(n, x, path):
        x = _step(equation, grid, n, x, dw[n])
        return n + 1, x, path.write(n + 1, x)

    path = tf.TensorArray(dw.dtype, num_steps + 1, element_shape=x.shape).write(0, x)
    *_, path = tf.while_loop(lambda n, *_: n < num_steps, step, (0, x, path))
    return tf.transpose(path.stack(), (1, 0, 2))


def brownian_increments(t, batch_size, dim, seed, dtype=None, first_path=None):
    """Returns dW, `[batch_size, N, dim]`, variance dt: a pure function of its arguments.

    Args:
        t: array or Tensor `[N + 1]`. The time grid.
        batch_size: int. Number of paths.
        dim: int. Dimension of the noise.
        seed: int, or a pair (seed, step) of ints or int tensors.
        dtype: "float32" or "float64". Defaults to `keras.config.floatx()`.
        first_path: None, int or int tensor. The paths from this one on of a larger batch
            with the same seed, bit for bit, without drawing those before. Not under XLA,
            whose numbers are others.
    """
    seed = _checks.seed_pair("brownian_increments", seed)
    dtype = _checks.float_type("brownian_increments", dtype)
    grid = _as_tensor(t, "float64")
    root_dt = tf.cast(tf.sqrt(grid[1:] - grid[:-1])[:, None], dtype)
    shape = (batch_size, grid.shape[0] - 1, dim)
    # Philox by name: the generator that is chosen by default is slow under XLA.
    seed = tf.stack([_int64(seed[0]), _int64(seed[1])])
    if first_path is not None:
        return root_dt * _normals_from(first_path, shape, seed, dtype)
    return root_dt * tf.random.stateless_normal(shape, seed=seed, dtype=dtype, alg="philox")


def _normals_from(row, shape, seed, dtype):
    """The rows from `row` on of what `stateless_normal` draws with this seed.

    Philox makes four 32-bit numbers of each value of its counter: four normals in float32,
    two in float64. So the counter is set to where the rows start.

    Reference: Salmon et al. (2011), https://doi.org/10.1145/2063384.2063405
    """
    at_once = 4 if dtype == "float32" else 2
    count = math.prod(shape)
    start = _int64(row) * (count // shape[0])
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    low = counter[0] + tf.cast(start // at_once, "uint64")
    carry = tf.cast(low < counter[0], "uint64")
    values = tf.raw_ops.StatelessRandomNormalV2(
        # As many more as may come before the first one wanted.
        shape=[count + at_once - 1],
        key=key,
        counter=tf.stack([low, counter[1] + carry]),
        alg=_PHILOX,
        dtype=tf.as_dtype(dtype),
    )
    return tf.reshape(tf.slice(values, [start % at_once], [count]), shape)


def _int64(value):
    if tf.is_tensor(value):
        return tf.cast(value, "int64")
    return tf.constant(int(value), "int64")


def sample_paths(equation, t, batch_size, seed, dtype=None):
    """Samples Brownian increments and the forward paths that they drive.

    The same arguments give the same paths, in Python and inside a `tf.function`. Under
    XLA the same seed gives other paths, though always the same ones: sample outside what
    XLA compiles, as `path_dataset` does, where runs must agree across both.

    Args:
        equation: `Equation`.
        t: int or sequence of floats. Number of equal time steps N, or the N + 1 grid
            times from 0 to the terminal time; they need not be equally spaced.
        batch_size: int. Number of paths.
        seed: int, or a pair (seed, step) of ints or int tensors. An int s is (s, 0).
            Batch k of `path_dataset(..., seed=s)` is drawn with the pair (s, k).
        dtype: "float32" or "float64". Defaults to `keras.config.floatx()`.

    Returns:
        The pair (x, dw): x `[batch_size, N + 1, dim]`, dw `[batch_size, N, dim]`.

    Raises:
        ValueError: an argument is not of the form above, a coefficient of the equation
            cannot be called or returns another shape, or the paths do not fit into memory.
    """
    owner = "sample_paths"
    dtype = _checks.float_type(owner, dtype)
    check_shapes(owner, equation, dtype)
    t = as_time_grid(owner, equation, t)
    batch_size = _checks.positive_int(owner, "batch_size", batch_size)
    seed = _checks.seed_pair(owner, seed)
    paths_fit(owner, "batch_size", equation, len(t) - 1, batch_size, dtype)
    dw = brownian_increments(t, batch_size, equation.dim, seed, dtype)
    return _paths(equation, t, dw, unroll=tf.executing_eagerly()), dw


def path_dataset(
    equation,
    t,
    batch_size,
    seed=0,
    start_step=0,
    num_batches=None,
    dtype=None,
    jitter=False,
    share=None,
):
    """A `tf.data.Dataset` of `((x, dw, t), g(x_N))` with fresh paths in every element.

    Element k depends on (seed, start_step + k) alone, so a data set started at step k
    continues one that was stopped there.

    Args:
        equation: `Equation`.
        t: int or sequence of floats. As in `sample_paths`.
        batch_size: int. Paths per element.
        seed: int. The stream of random numbers.
        start_step: int. The step of the first element.
        num_batches: int or None. Number of elements; None never ends.
        dtype: "float32" or "float64". Defaults to `keras.config.floatx()`.
        jitter: bool. True moves the inner times of each element together, by up to half
            a step to either side, so that a control process that takes the time as an
            input learns what lies between them. The first step is then at least half as
            long as it was, and the last one too.
        share: None, or a pair (index, count) of ints. Only the index-th of `count` equal
            parts of every element: together, the parts are the elements. Their times are
            the same. A list of indices gives these parts one after another.

    Returns:
        A data set whose elements are x `[batch, N + 1, dim]`, dw `[batch, N, dim]` and
        t `[batch, N + 1, 1]` as inputs, and g(x_N) `[batch, 1]` as target.

    Raises:
        ValueError: as `sample_paths`.
    """
    owner = "path_dataset"
    dtype = _checks.float_type(owner, dtype)
    check_shapes(owner, equation, dtype)
    t = as_time_grid(owner, equation, t)
    batch_size = _checks.positive_int(owner, "batch_size", batch_size)
    # Up to four elements wait, and two are made at a time.
    paths_fit(owner, "batch_size", equation, len(t) - 1, batch_size, dtype, copies=8)
    seed = _checks.seed_int(owner, seed)
    start_step = _checks.positive_int(owner, "start_step", start_step, minimum=0)
    if num_batches is not None:
        num_batches = _checks.positive_int(owner, "num_batches", num_batches)
    jitter = _checks.boolean(owner, "jitter", jitter)
    indices, count = (0,), 1
    if share is not None:
        indices, count = _share(owner, share)
        if batch_size % count:
            fewer = batch_size - batch_size % count
            raise _checks.ArgumentError(
                _checks.message(
                    owner,
                    "batch_size",
                    f"a multiple of the {count} parts that share a batch",
                    f"batch_size={batch_size}",
                    f"The next ones: {f'{fewer}, ' if fewer else ''}{fewer + count}.",
                )
            )
        batch_size //= count

    # Nothing in it is Python control flow on tensors, and looking for some takes seconds.
    @tf.autograph.experimental.do_not_convert
    def batch(number):
        step, first_path = number // len(indices), None
        if share is not None:
            index = tf.constant(indices, "int64")[number % len(indices)]
            first_path = index * batch_size
        grid = _jittered(t, (seed, step)) if jitter else t
        dw = brownian_increments(
            grid, batch_size, equation.dim, (seed, step), dtype, first_path
        )
        x = _paths(equation, grid, dw, unroll=len(t) <= _UNROLLED)
        return (x, dw, tile_times(grid, batch_size, dtype)), equation.terminal(x[:, -1])

    # Not `Dataset.counter`: TensorFlow never forgets the function in that.
    elements = tf.data.Dataset.range(start_step * len(indices), 2**63 - 1)
    if num_batches is not None:
        elements = elements.take(num_batches * len(indices))
    elements = elements.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)
    # For the check of a model that is fitted to it: no batch has to be drawn for that.
    elements.starts_at = tuple(equation.x0)
    return elements


def _share(owner, share):
    """The pair (indices, count) of a share."""
    pair = isinstance(share, (tuple, list)) and len(share) == 2
    indices, count = share if pair else ((), 0)
    indices = tuple(indices) if isinstance(indices, (tuple, list)) else (indices,)
    whole = all(
        isinstance(k, numbers.Integral) and not isinstance(k, bool)
        for k in (*indices, count)
    )
    if not whole or not indices or not all(0 <= k < count for k in indices):
        raise _checks.ArgumentError(
            _checks.message(
                owner,
                "share",
                "a pair (index, count) of integers with 0 <= index < count",
                f"share={_checks.describe(share)}",
            )
        )
    return indices, int(count)


def _jittered(t, seed):
    """The grid with its inner times moved towards their neighbours on one side."""
    t = tf.constant(t)
    # A stream of its own: the pairs (seed, step >= 0) are those of the increments.
    seed = tf.stack([_int64(seed[0]), -1 - _int64(seed[1]) - 2**32])
    shift = tf.random.stateless_uniform((), seed, -0.5, 0.5, "float64", alg="philox")
    gap = tf.where(shift > 0, t[2:] - t[1:-1], t[1:-1] - t[:-2])
    return tf.concat([t[:1], t[1:-1] + shift * gap, t[-1:]], axis=0)
