"""The mean of the terminal value over forward paths, before anything is solved."""

import numpy as np

from kerasmodels.bsde.paths import streams
from kerasmodels.bsde.paths.sampling import sample_paths


def mean_of_terminal(equation, grid, seed, dtype=None, num_paths=8192):
    """The pair (mean of g(X_T), its standard error).

    Args:
        equation: `Equation`.
        grid: array `[N + 1]`.
        seed: int.
        dtype: "float32" or "float64".
        num_paths: int. Rounded up to whole blocks of what fits into the processor's cache.
    """
    per_path = (len(grid) - 1) * max(equation.dim, equation.noise_dim)
    block = int(np.clip(2**22 // per_path, 1, num_paths))
    means, squares, blocks = [], [], -(-num_paths // block)
    for k in range(blocks):
        x, _ = sample_paths(
            equation, block, (seed, streams.before_training(k)), dtype, grid=grid
        )
        g = np.asarray(equation.terminal(x[:, -1]))
        means.append(float(np.mean(g)))
        squares.append(float(np.mean(np.square(g, dtype="float64"))))
    mean = float(np.mean(means))
    variance = max(0.0, float(np.mean(squares)) - mean**2)
    return mean, (variance / (block * blocks)) ** 0.5
