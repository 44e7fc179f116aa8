"""The start of training, from a sample of forward paths before any network exists."""

import dataclasses

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels._support.workers import agreed
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.paths import streams
from kerasmodels.bsde.paths.grid import paths_fit, time_grid
from kerasmodels.bsde.paths.mean import mean_of_terminal
from kerasmodels.bsde.paths.sampling import sample_paths

# At most this many normals are drawn, whatever the dimension.
_MAX_NORMALS = 2**25


@dataclasses.dataclass(frozen=True)
class Start:
    """Statistics of a sample of paths before training.

    u0: mean of g(x_N), the trivial baseline for u(0, x0) (exact where f = 0);
    u0_standard_error: of that mean;
    g_std: standard deviation of g(x_N), the scale of u;
    z0: mean of sigma^T grad g(x_N), `[noise_dim]`;
    z_scale: root mean square of sigma^T grad g(x_N) per coordinate;
    x_inner: states at the inner times, `[paths, N - 1, dim]`, to standardise inputs by;
        None once that is done.
    """

    u0: float
    u0_standard_error: float
    g_std: float
    z0: np.ndarray
    z_scale: float
    x_inner: np.ndarray | None


def estimate_start(equation, t, seed, dtype=None):
    """Samples paths and returns a `Start`.

    Args:
        equation: `Equation`.
        t: array `[N + 1]`. The time grid.
        seed: int.
        dtype: "float32" or "float64".
    """
    per_path = (len(t) - 1) * max(equation.dim, equation.noise_dim)
    block = int(np.clip(2**21 // per_path, 16, 4096))
    paths_fit("GlobalModel", "num_steps", equation, len(t) - 1, block, dtype)
    num_blocks = max(1, min(2**14, _MAX_NORMALS // per_path) // block)

    # It has no Python control flow on tensors.
    @tf.function(autograph=False)
    def sample(number):
        x, _ = sample_paths(equation, block, (seed, number), dtype, grid=t)
        end = x[:, -1]
        time = tf.fill((block, 1), tf.constant(t[-1], x.dtype))
        return *equation.terminal_and_z(time, end), x[:, 1:-1]

    g, z, x_inner = [], [], None
    for k in range(num_blocks):
        g_k, z_k, x_k = (v.numpy() for v in sample(tf.constant(streams.before_training(k))))
        g.append(g_k)
        z.append(z_k)
        x_inner = x_k if x_inner is None else x_inner
    g = np.concatenate(g).astype("float64")
    if not np.all(np.isfinite(g)):
        raise checks.ArgumentError(
            f"{equation!r} gives NaN or infinite values of g(x_N) on "
            f"{np.mean(~np.isfinite(g)):.1%} of the sampled paths. Check its terminal "
            "condition and the size of x0, the volatility and the terminal time."
        )
    z = np.concatenate(z).astype("float64")
    # A terminal condition may have an infinite slope at single points.
    z = np.where(np.isfinite(z), z, 0.0)
    start = (
        float(g.mean()),
        float(g.std() / len(g) ** 0.5),
        float(g.std()),
        z.mean(axis=0),
        float(np.sqrt(np.mean(z**2))),
        x_inner,
    )
    return Start(*agreed(start))


def baseline(equation, num_steps=20, seed=0, num_paths=8192):
    """E g(X_T): the guess of u(0, x0) without solving anything.

    Exact where the driver is zero. Print it beside every result: a method that does not
    beat it has learnt nothing.

    Args:
        equation: `Equation`.
        num_steps: int. Time steps of the forward paths.
        seed: int.
        num_paths: int. Rounded up to whole blocks.

    Returns:
        A float.
    """
    checks.instance("baseline", "equation", equation, Equation)
    seed = checks.seed_int("baseline", seed)
    num_steps = checks.positive_int("baseline", "num_steps", num_steps)
    num_paths = checks.positive_int("baseline", "num_paths", num_paths)
    grid = time_grid(equation.terminal_time, num_steps)
    return mean_of_terminal(equation, grid, seed, num_paths=num_paths)[0]
