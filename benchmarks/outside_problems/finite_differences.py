"""A semilinear PDE in one dimension by the method of lines, with its error from two grids.

`backward_value` uses central differences in space, and in time the variable-order solver
LSODA with a banded Jacobian and a tolerance far below the error in space. That error is of
second order where kinks of the data are on grid points, so the value is extrapolated from
two grids. The change by the extrapolation bounds the remaining error.

Reference: Schiesser (1991), The Numerical Method of Lines, Academic Press.
"""

import numpy as np
import scipy.integrate


def backward_value(
    x0, ends, terminal_time, variance, drift, driver, terminal, num_points=400
):
    """u(0, x0) of u_t + sigma^2 u_xx / 2 + mu u_x + f(x, u, u_x) = 0, and its error.

    At both ends u_xx = 0, because payoffs are straight lines there, or because the ends are
    so far away that they have no effect.

    Args:
        x0: float. A point of the coarser grid, or one between two of its points.
        ends: pair of floats. The interval.
        terminal_time: float. T.
        variance: function of x `[points]`. sigma^2.
        drift: function of x. mu.
        driver: function of (x, u, u_x). f, here of the derivative u_x, not of z.
        terminal: function of x. g.
        num_points: int. Intervals of the coarser grid.

    Returns:
        The pair (value, tolerance): floats.
    """
    arguments = (ends, terminal_time, variance, drift, driver, terminal)
    coarse, fine = (_value(x0, n, *arguments) for n in (num_points, 2 * num_points))
    return (4 * fine - coarse) / 3, abs(fine - coarse) / 3


def _value(x0, num_points, ends, terminal_time, variance, drift, driver, terminal):
    x, width = np.linspace(*ends, num_points + 1, retstep=True)
    half_variance, velocity = variance(x) / 2, drift(x)

    def derivative(_, u):
        slope = np.gradient(u, width)
        bend = np.zeros_like(u)
        bend[1:-1] = (u[2:] - 2 * u[1:-1] + u[:-2]) / width**2
        return half_variance * bend + velocity * slope + driver(x, u, slope)

    found = scipy.integrate.solve_ivp(
        derivative,
        (0.0, terminal_time),
        terminal(x),
        method="LSODA",
        t_eval=[terminal_time],
        rtol=1e-8,
        atol=1e-9,
        lband=1,
        uband=1,
    )
    # A cubic through the four points around x0.
    first = int(np.clip(np.searchsorted(x, x0) - 2, 0, len(x) - 4))
    near = slice(first, first + 4)
    return float(np.polyval(np.polyfit(x[near] - x0, found.y[near, -1], 3), 0.0))
