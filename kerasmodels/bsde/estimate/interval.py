"""u(0, x0) with its 95 % interval, from the columns of sampled paths."""

import dataclasses
import math

import numpy as np

from kerasmodels.bsde.estimate.controls import CONTROLS, reduced
from kerasmodels.bsde.estimate.extrapolation import extrapolation, standard_error
from kerasmodels.bsde.estimate.path_sampler import COLUMNS

# Of a normal distribution: 95 % lie within.
QUANTILE = 1.96
# For |z| and errors of size e: the integral of e - |z| over |z| < e, by that of
# |4 max(e / 2 - |z|, 0) - max(e - |z|, 0)|.
_KINK = 1.5


@dataclasses.dataclass(frozen=True)
class Estimate:
    """u(0, x0) with its 95 % interval and the three parts of the half-width.

    Attributes:
        u0: float. The estimate.
        standard_error: float. Of the mean over the paths.
        monte_carlo: float. Part of the half-width: 1.96 standard errors.
        time_grid: float. Part of the half-width: the error that the time steps may leave
            after extrapolation (`extrapolation.py`).
        imperfect_z: float. Part of the half-width for errors of z and u along the paths:
            half of the correction of second order; all that kinks of the driver may add;
            the effect of the measured error along z, with an error of u of the same sign;
            the change of the correction with the place of the errors of z; and their
            effect in first order where b is shortened (`control_drift`) or missing.
        correction: float. The correction of second order, already in `u0`. One that is
            larger than the mismatch is left out (zero) and is uncertainty in full.
        num_paths: int.
        num_steps: int. Of the finest grid.
        order: float. In dt, of the error that the three grids show: 2 where none of first
            order is found, 1, or a measured one below, which widens `time_grid`.
        mismatch_std: float. Standard deviation of u_N - g(x_N) on the finest grid.
        z_std: float. The part of it that does not come from the time grid.
        iterated_integrals: bool. Whether the noise of the grid was taken out
            (`iterated_integrals.py`): where that lowers the variance of the mismatch, or
            halves what control variates leave of it.
        drift_size: float. Mean of int |b|^2 dt: how far the driven paths are from the
            undriven ones.
        growth: float. Mean of log |J|, the logarithm of how much an error of u0 grows up
            to the terminal time: large where the driver is stiff in u.
        reach: float. Mean of max(|R|, |R / J|): a bound on the error of the trained u0
            where the driver is not linear.
        stiffness: float. Error of log J, because the derivative f_u changes within the
            error of u; from 1 on, its effect on u0 is part of `imperfect_z`.
        refused: bool. Whether Newton's step from the trained u0 left `reach`, so that u0
            is the trained one and the interval is made of `reach`.
    """

    u0: float
    standard_error: float
    monte_carlo: float
    time_grid: float
    imperfect_z: float
    correction: float
    num_paths: int
    num_steps: int
    order: float
    mismatch_std: float
    z_std: float
    iterated_integrals: bool
    drift_size: float
    growth: float
    reach: float
    stiffness: float
    refused: bool = False

    @property
    def half_width(self):
        """Of the 95 % interval: the sum of the three parts."""
        return self.monte_carlo + self.time_grid + self.imperfect_z

    @property
    def interval(self):
        """The pair (lower end, upper end)."""
        return self.u0 - self.half_width, self.u0 + self.half_width

    def to_dict(self):
        """All numbers as plain Python values."""
        return {
            **dataclasses.asdict(self),
            "half_width": self.half_width,
            "interval": list(self.interval),
        }


def summary(
    model,
    grid,
    plain,
    curved,
    sizes,
    iterated_integrals,
    first_order,
    mirrored=None,
):
    """The `Estimate` from the columns of chunks of paths.

    Args:
        model: `Approximation`, from whose u0 the Newton step is taken.
        grid: array `[N + 1]`. The times of the finest grid.
        plain, curved: lists of arrays `[3, columns, paths]`, as `path_sampler` returns
            them: without and with the terms of second order.
        sizes: the pair that `error_sizes` returned.
        iterated_integrals: bool. Whether the noise of the grid was taken out.
        first_order: bool, as in `extrapolation`.
        mirrored: None, or the list of the mirror images of `plain` and `curved`.
    """

    def column(name, found):
        return np.concatenate(found, axis=-1)[:, COLUMNS.index(name)]

    u0 = float(np.asarray(model.u0, "float64"))
    # Per path, so that the standard error contains the correlation of the grids.
    newton_step = column("newton_step", plain + curved)
    values, controls = values_of(u0, plain + curved)
    pairs = None if mirrored is None else values_of(u0, mirrored)
    values = reduced(values, controls, pairs)
    found = extrapolation(grid, values, first_order)
    extrapolated = found.weights @ values
    curvature = found.weights @ column("curvature", curved)
    second_order = float(np.mean(curvature))
    # The effect of a kink that z crosses evenly.
    kink = _KINK * float(np.mean(column("kink", curved)[0]))
    kink = math.copysign(min(kink, abs(second_order)), second_order)
    # The effect of kinks depends on the place of the errors of z: between zero and `kink`.
    smooth = second_order - kink
    # The errors of z may be smaller, by a factor of which `error_sizes` gives the square.
    correction = (1 + sizes[1][-1]) / 2 * smooth + kink / 2
    parallel_to_z = float(np.mean(column("parallel_to_z", curved)[0]))
    place, shortened = (
        abs(float(np.mean(column(name, curved)[0]))) for name in ("place", "shortened")
    )
    stiffness, slack = _stiffness(column, curved)
    mismatch = column("mismatch", plain + curved)[0]
    mismatch_std = float(np.std(mismatch))
    du_du0 = np.abs(
        np.divide(
            mismatch, newton_step[0], out=np.ones_like(mismatch), where=newton_step[0] != 0
        )
    )
    value = float(np.mean(extrapolated))
    error = standard_error(extrapolated)
    # Where the control variates leave nothing, rounding is the rest.
    rounding = np.finfo(model.dtype).eps * (abs(value) + mismatch_std)
    error = math.hypot(error, float(rounding))
    # A correction that is larger than the mismatch itself is not of second order.
    usable = abs(correction) <= mismatch_std
    if usable:
        error = math.hypot(error, standard_error(curvature))
        value += correction
        imperfect = abs(smooth) / 2 + abs(kink)
    else:
        imperfect = abs(smooth) + abs(kink)
    return Estimate(
        u0=value,
        standard_error=error,
        monte_carlo=QUANTILE * error,
        time_grid=found.uncertainty,
        imperfect_z=imperfect + abs(parallel_to_z) + place + shortened + slack,
        correction=correction if usable else 0.0,
        num_paths=newton_step.shape[-1] * (1 if mirrored is None else 2),
        num_steps=len(grid) - 1,
        order=found.order,
        mismatch_std=mismatch_std,
        z_std=sizes[1][3],
        iterated_integrals=iterated_integrals,
        drift_size=float(np.mean(column("b_square", plain + curved)[0])),
        growth=float(np.mean(np.log(np.maximum(du_du0, 1e-300)))),
        reach=float(np.mean(np.maximum(np.abs(mismatch), np.abs(newton_step[0])))),
        stiffness=stiffness,
    )


def values_of(u0, chunks):
    """The u0 of each path by its Newton step, and its control variates, on all grids."""
    columns = np.concatenate(chunks, axis=-1)
    first = COLUMNS.index(CONTROLS[0])
    return u0 - columns[:, 0], columns[:, first : first + len(CONTROLS)]


def _stiffness(column, curved):
    """The uncertainty of log J, and its part of the uncertainty of u0.

    Within the error of u the derivative f_u may change, as at a kink.
    The error of u0 is E R / J for a J between both. Where log J is known to less than one,
    second order covers that; elsewhere all of |R| times the range of 1 / J counts.
    """
    least, most = (column(name, curved)[0] for name in ("least", "most"))
    stiffness = float(np.mean(most - least))
    if stiffness < 1:
        return stiffness, 0.0
    inverse = np.exp(np.minimum(most, 80.0)) - np.exp(np.minimum(least, 80.0))
    return stiffness, float(np.mean(np.abs(column("mismatch", curved)[0]) * inverse))
