"""Forward paths along Brownian increments: a pure function of the arguments."""

import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.bsde.coefficients import check_shapes
from kerasmodels.bsde.paths.grid import as_tensor, as_time_grid, paths_fit
from kerasmodels.bsde.paths.increments import brownian_increments


def simulate(equation, t, dw):
    """Steps the forward SDE along given increments.

        X_{n+1} = step(t_n, dt_n, X_n, dW_n),        X_0 = x0

    Args:
        equation: `Equation`.
        t: array or Tensor `[N + 1]`. The time grid.
        dw: Tensor `[batch, N, noise_dim]`. Brownian increments, variance dt.

    Returns:
        The list of N + 1 tensors X_n, each `[batch, dim]`.
    """
    grid = as_tensor(t, dw.dtype)
    x = start_states(equation, dw[:, 0])
    path = [x]
    for n, dw_n in enumerate(tf.unstack(dw, axis=1)):
        x = _step(equation, grid, n, x, dw_n)
        path.append(x)
    return path


def start_states(equation, dw):
    """x0 for each path of `dw` `[batch, noise_dim]`, `[batch, dim]`."""
    return tf.zeros_like(dw[:, :1]) + tf.constant(equation.x0, dw.dtype)


def _step(equation, grid, n, x, dw):
    """X at the n-th grid time, one step on."""
    t = tf.zeros_like(x[:, :1]) + grid[n]
    return equation.step(t, (grid[n + 1] - grid[n])[None, None], x, dw)


def forward_paths(equation, t, dw, unroll):
    """`simulate` as one tensor `[batch, N + 1, dim]`; a loop unless `unroll`.

    Tracing N steps takes seconds where N is in the hundreds; a step of the loop takes a
    little longer. Both give the same numbers.
    """
    if unroll:
        return tf.stack(simulate(equation, t, dw), axis=1)
    grid, num_steps = as_tensor(t, dw.dtype), dw.shape[1]
    dw = tf.transpose(dw, (1, 0, 2))
    x = start_states(equation, dw[0])

    def step(n, x, path):
        x = _step(equation, grid, n, x, dw[n])
        return n + 1, x, path.write(n + 1, x)

    path = tf.TensorArray(dw.dtype, num_steps + 1, element_shape=x.shape).write(0, x)
    *_, path = tf.while_loop(lambda n, *_: n < num_steps, step, (0, x, path))
    return tf.transpose(path.stack(), (1, 0, 2))


def sample_paths(equation, batch_size, seed, dtype=None, *, num_steps=None, grid=None):
    """Samples Brownian increments and the forward paths that they drive.

    The same arguments give the same paths, in Python and inside a `tf.function`. Under
    XLA the same seed gives other paths, though always the same ones: sample outside what
    XLA compiles, as `path_dataset` does, where runs must agree across both.

    Args:
        equation: `Equation`.
        batch_size: int. Number of paths.
        seed: int, or a pair (seed, step) of ints or int tensors. An int s is (s, 0).
            Batch k of `path_dataset(..., seed=s)` is drawn with the pair (s, k).
        dtype: "float32" or "float64". Defaults to `keras.config.floatx()`.
        num_steps: None or int. Number of equal time steps N.
        grid: None or sequence of floats. The N + 1 times from 0 to the terminal time, in
            place of `num_steps`; they need not be equally spaced.

    Returns:
        The pair (x, dw): x `[batch_size, N + 1, dim]`, dw
        `[batch_size, N, noise_dim]`.

    Raises:
        ValueError: an argument is not of the form above, a coefficient of the equation
            cannot be called or returns another shape, or the paths do not fit into memory.
    """
    owner = "sample_paths"
    dtype = checks.float_type(owner, dtype)
    check_shapes(owner, equation, dtype)
    grid = as_time_grid(owner, equation, num_steps, grid)
    batch_size = checks.positive_int(owner, "batch_size", batch_size)
    seed = checks.seed_pair(owner, seed)
    paths_fit(owner, "batch_size", equation, len(grid) - 1, batch_size, dtype)
    dw = brownian_increments(grid, batch_size, equation.noise_dim, seed, dtype)
    return forward_paths(equation, grid, dw, unroll=tf.executing_eagerly()), dw
