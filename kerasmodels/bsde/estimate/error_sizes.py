"""Sizes of the errors of a trained u and z, from the mismatch of fresh paths."""

import math

import numpy as np

from kerasmodels.bsde.estimate.extrapolation import standard_error
from kerasmodels.bsde.estimate.path_sampler import COLUMNS


def error_sizes(grid, columns, u, iterated_integrals):
    """The deviations `u_size` and `z_size` that `path_sampler` takes.

    variance of the mismatch = part of z + (part of the grid) dt^p, on the finest and the
    middle grid, with p = 1, or 2 where the noise of the grid was taken out; what
    `iterated_integrals_of_z` leaves of order dt counts as a part of z. A grid's part with
    both a term in dt and one in dt^2, fitted on all three grids, leaves a smaller part of z
    where both are there. The sizes contain the larger part; the last of them is the share
    of it that the fit leaves.

    The part of z is spread over time and space as even^2 + relative^2 |z|^2: the relative
    part is found by regressing the squared mismatch on int |z|^2 dt over the paths, less
    one standard error. The split matters where a driver has a kink at z = 0, because only
    errors larger than |z| reach across the kink. The component of e_z, the error of z,
    along z would count most, so it is measured. With e = z / |z|, the mean of
    int e_z . e dt is the covariance of the mismatch and int e . dW^Q; its absolute value
    plus two standard errors, per unit of time, is returned.

    The part of the grid at each time follows from the difference of u on both grids: the
    middle grid has the errors of the finest plus independent additional ones, so that the
    variance of the difference is (2^p - 1) times that on the finest. On each grid, u_size^2
    is the part of the grid (times 1, 2^p and 4^p on the three grids) plus the part of z,
    which grows as t / T.

    The weight of a path is 1 / |J|, as that of its errors in the estimate.

    Args:
        grid: array `[N + 1]`. The times of the finest grid.
        columns: array `[grids, columns, paths]`, as `path_sampler` returns it.
        u: array `[grids, N / 2 + 1, paths]`, likewise.
        iterated_integrals: bool.

    Returns:
        The pair (u_size `[3, N + 1]`, z_size). z_size is a tuple of seven floats:

        1. the even part;
        2. the relative part;
        3. the error along z, per unit of time;
        4. the deviation of u_N caused by the error of z;
        5. the even part if there were no relative part;
        6. the relative part if there were no even part;
        7. the share of the part of z that the fit on three grids leaves.
    """
    mismatch = columns[:, COLUMNS.index("mismatch")]
    along = columns[0, COLUMNS.index("along_z")]
    # 1 / J, because the errors of a path enter the estimate with that weight.
    newton_step = columns[0, COLUMNS.index("newton_step")]
    weight = np.divide(
        newton_step, mismatch[0], out=np.ones_like(newton_step), where=mismatch[0] != 0
    )
    weight = np.abs(weight) / np.mean(np.abs(weight))

    def centred(values):
        return values - np.mean(weight * values, axis=-1, keepdims=True)

    fine, middle, coarse = np.mean(weight * centred(mismatch) ** 2, axis=-1)
    growth = 4 if iterated_integrals else 2
    of_z = max(0.0, (growth * fine - middle) / (growth - 1))
    remains = (8 * fine - 6 * middle + coarse) / 3
    remains = float(np.clip(remains / of_z, 0.0, 1.0)) if of_z > 0 else 1.0
    shared = np.append(grid[:-1:2], grid[-1])
    finest = np.mean(weight * centred(u[0] - u[1]) ** 2, axis=-1) / (growth - 1)
    of_grid = np.interp(grid, shared, finest)
    z_part = of_z * grid / grid[-1]
    u_size = np.sqrt([factor * of_grid + z_part for factor in (1, growth, growth**2)])
    products = weight * centred(mismatch[0]) * centred(along)
    along_z = abs(np.mean(products)) + 2 * standard_error(products)
    z_square = columns[0, COLUMNS.index("z_square")]
    share = _relative_share(weight, centred(mismatch[0]) ** 2, z_square)
    mean_square = np.mean(weight * z_square)
    even = math.sqrt((1 - share) * of_z / grid[-1])
    relative = math.sqrt(share * of_z / mean_square) if share > 0 else 0.0
    all_relative = math.sqrt(of_z / mean_square) if mean_square > 0 else 0.0
    alone = math.sqrt(of_z / grid[-1]), all_relative
    along_z /= grid[-1]
    return u_size, (even, relative, along_z, math.sqrt(of_z), *alone, remains)


def _relative_share(weight, square, z_square):
    """The share of the mean of `square` that goes with `z_square`, by least squares."""
    mean, centre = np.mean(weight * square), np.mean(weight * z_square)
    away = weight * (z_square - centre)
    spread = np.mean(away * (z_square - centre))
    # Less one standard error, to be cautious: the even part, which gives larger errors near
    # z = 0, is then larger.
    slope = np.mean(away * square) - standard_error(away * (square - mean))
    if not (mean > 0 and spread > 0 and slope > 0):
        return 0.0
    return float(min(1.0, slope / spread * centre / mean))
