"""Data sets of fresh paths: element k depends on (seed, k) alone."""

import numbers

import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.bsde.coefficients import check_shapes
from kerasmodels.bsde.paths import streams
from kerasmodels.bsde.paths.grid import as_time_grid, paths_fit, tile_times
from kerasmodels.bsde.paths.increments import brownian_increments, int64
from kerasmodels.bsde.paths.sampling import forward_paths

# Grid times up to which the steps of a data set are unrolled.
_UNROLLED = 51


def path_dataset(
    equation,
    batch_size,
    seed=0,
    start_step=0,
    num_batches=None,
    dtype=None,
    jitter=False,
    share=None,
    *,
    num_steps=None,
    grid=None,
):
    """A `tf.data.Dataset` of `((x, dw, t), g(x_N))` with fresh paths in every element.

    Element k depends on (seed, start_step + k) alone, so a data set started at step k
    continues one that was stopped there.

    Args:
        equation: `Equation`.
        batch_size: int. Paths per element.
        seed: int. The stream of random numbers.
        start_step: int. The step of the first element.
        num_batches: int or None. Number of elements; None never ends.
        dtype: "float32" or "float64". Defaults to `keras.config.floatx()`.
        jitter: bool. True moves the inner times of each element together, by up to half
            a step to either side, so that a control process that takes the time as an
            input learns z between them. The first step is then at least half as
            long as it was, and the last one too.
        share: None, or a pair (index, count) of ints. Only the index-th of `count` equal
            parts of every element: together, the parts are the elements. Their times are
            the same. A list of indices gives these parts one after another.
        num_steps, grid: as in `sample_paths`.

    Returns:
        A data set whose elements are x `[batch, N + 1, dim]`, dw `[batch, N, noise_dim]`
        and t `[batch, N + 1, 1]` as inputs, and g(x_N) `[batch, 1]` as target.

    Raises:
        ValueError: as `sample_paths`.
    """
    owner = "path_dataset"
    dtype = checks.float_type(owner, dtype)
    check_shapes(owner, equation, dtype)
    t = as_time_grid(owner, equation, num_steps, grid)
    batch_size = checks.positive_int(owner, "batch_size", batch_size)
    # Up to four elements wait, and two are made at a time.
    paths_fit(owner, "batch_size", equation, len(t) - 1, batch_size, dtype, copies=8)
    seed = checks.seed_int(owner, seed)
    start_step = checks.positive_int(owner, "start_step", start_step, minimum=0)
    if num_batches is not None:
        num_batches = checks.positive_int(owner, "num_batches", num_batches)
    jitter = checks.boolean(owner, "jitter", jitter)
    indices, count = (0,), 1
    if share is not None:
        indices, count = _share(owner, share)
        if batch_size % count:
            fewer = batch_size - batch_size % count
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    "batch_size",
                    f"a multiple of the {count} parts that share a batch",
                    f"batch_size={batch_size}",
                    f"The next ones: {f'{fewer}, ' if fewer else ''}{fewer + count}.",
                )
            )
        batch_size //= count

    # It has no Python control flow on tensors, and the search for some takes seconds.
    @tf.autograph.experimental.do_not_convert
    def batch(number):
        step, first_path = number // len(indices), None
        if share is not None:
            index = tf.constant(indices, "int64")[number % len(indices)]
            first_path = index * batch_size
        grid = _jittered(t, (seed, step)) if jitter else t
        dw = brownian_increments(
            grid, batch_size, equation.noise_dim, (seed, step), dtype, first_path
        )
        x = forward_paths(equation, grid, dw, unroll=len(t) <= _UNROLLED)
        return (x, dw, tile_times(grid, batch_size, dtype)), equation.terminal(x[:, -1])

    # Not `Dataset.counter`: TensorFlow never forgets the function in that.
    elements = tf.data.Dataset.range(start_step * len(indices), 2**63 - 1)
    if num_batches is not None:
        elements = elements.take(num_batches * len(indices))
    elements = elements.map(batch, num_parallel_calls=2, deterministic=True).prefetch(4)
    # A model that is fitted to it checks x0 by this, without drawing a batch.
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
        raise checks.ArgumentError(
            checks.message(
                owner,
                "share",
                "a pair (index, count) of integers with 0 <= index < count",
                f"share={checks.describe(share)}",
            )
        )
    return indices, int(count)


def _jittered(t, seed):
    """The grid with its inner times moved towards their neighbours on one side."""
    t = tf.constant(t)
    seed = tf.stack([int64(seed[0]), streams.shift_of_times(int64(seed[1]))])
    shift = tf.random.stateless_uniform((), seed, -0.5, 0.5, "float64", alg="philox")
    gap = tf.where(shift > 0, t[2:] - t[1:-1], t[1:-1] - t[:-2])
    return tf.concat([t[:1], t[1:-1] + shift * gap, t[-1:]], axis=0)
