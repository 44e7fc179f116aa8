"""How large the errors of a trained u and z are, from the mismatch of fresh paths."""

import math

import numpy as np

from kerasmodels.bsde.path_sampler import COLUMNS


def error_sizes(grid, columns, u, milstein):
    """The deviations `u_size` and `z_size` that `path_sampler` takes.

    variance of the mismatch = part of z + (part of the grid) dt^p, on the finest and the
    middle grid, with p = 1, or 2 where the noise of the grid was taken out; what
    `grid_noise` leaves of order dt counts as a part of z. The part of z is taken as spread
    evenly over the time and over the coordinates. Its component along z, which would count
    most, is measured: int delta . e dt is the covariance of the mismatch and int e . dW.
    The part of the grid at each time is seen in the difference of u on both grids: the
    middle one makes the errors of the finest and others beside them, so its variance is
    (2^p - 1) times that of the finest. Paths count by 1 / J, as their errors do in the
    estimate.

    Args:
        grid: array `[N + 1]`. The times of the finest grid.
        columns: array `[grids, columns, paths]`, as `path_sampler` returns it.
        u: array `[grids, N / 2 + 1, paths]`, likewise.
        milstein: bool.

    Returns:
        The pair (u_size `[3, N + 1]`, z_size of 3 floats: anyhow, along z, of u_N by z).
    """
    mismatch = columns[:2, COLUMNS.index("mismatch")]
    along = columns[0, COLUMNS.index("along_z")]
    # 1 / J: where the errors of a path count much, their size is wanted.
    newton = columns[0, COLUMNS.index("newton")]
    weight = np.divide(
        newton, mismatch[0], out=np.ones_like(newton), where=mismatch[0] != 0
    )
    weight = np.abs(weight) / np.mean(np.abs(weight))

    def centred(values):
        return values - np.mean(weight * values, axis=-1, keepdims=True)

    fine, middle = np.mean(weight * centred(mismatch) ** 2, axis=-1)
    growth = 4 if milstein else 2
    of_z = max(0.0, (growth * fine - middle) / (growth - 1))
    shared = np.append(grid[:-1:2], grid[-1])
    finest = np.mean(weight * centred(u[0] - u[1]) ** 2, axis=-1) / (growth - 1)
    of_grid = np.interp(grid, shared, finest)
    z_part = of_z * grid / grid[-1]
    u_size = np.sqrt([factor * of_grid + z_part for factor in (1, growth, growth**2)])
    products = weight * centred(mismatch[0]) * centred(along)
    error = np.std(products) / math.sqrt(len(products))
    along_z = abs(np.mean(products)) + 2 * error
    of_z = math.sqrt(of_z)
    return u_size, (of_z / math.sqrt(grid[-1]), along_z / grid[-1], of_z)
