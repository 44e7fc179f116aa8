"""Newton's method for u0 after a round, and the half-width that more paths can reach."""

import dataclasses
import math
import warnings

import tensorflow as tf


class NewtonWarning(UserWarning):
    """Newton's method left the trained u0 by more than the mismatch allows."""


def newton_iteration(model, estimator, tolerance):
    """Estimates u0 and sets it in the model until it moves less than its uncertainty.

    Where the driver depends on u, the recursion propagates an error of u0; Newton's method
    then converges in two or three iterations, for which few paths suffice.

    Newton's method takes df/du at the u and z of the model. Where that derivative changes
    nearby, as at a kink of a stiff driver, the iterates may go anywhere. By the
    comparison theorem u0 is off by E |R / J| for the J between the model and the solution,
    which is at most `Estimate.reach` where the driver falls with u. An answer
    further away is refused: the trained u0 stays, with `reach` as its half-width.
    """
    estimate, first, start, last = None, None, float(model.u0), math.inf
    trained = start
    # The step is exact where the driver is free of u, as u_N moves by as much as u0.
    exact = not reads_u(model.equation)
    for _ in range(5):
        try:
            found = estimator(1, tolerance)
        except FloatingPointError:
            if estimate is None:
                raise
            found = None
        moved = math.inf if found is None else abs(found.u0 - float(model.u0))
        if not moved < last:
            # It does not converge where the model is far from trained.
            model.set_u0(start)
            break
        first = found if first is None else first
        estimate, start, last = found, float(model.u0), moved
        model.set_u0(estimate.u0)
        if exact or moved <= estimate.half_width:
            break
    # One step alone moves u0 by a mean of R / J, and by what the extrapolation and the
    # control variates add; the latter change a mean over the paths by its own noise.
    noise = 3 * first.mismatch_std / math.sqrt(first.num_paths)
    if abs(estimate.u0 - trained) > first.reach + first.half_width + noise:
        model.set_u0(trained)
        _warn(model, estimate.u0 - trained, first)
        return dataclasses.replace(
            first, u0=trained, imperfect_z=first.reach, correction=0.0, refused=True
        )
    return estimate


def reads_u(equation):
    """Whether the driver of an `Equation` depends on u, as far as derivatives reach."""
    x, z = (tf.zeros((1, n), "float64") for n in (equation.dim, equation.noise_dim))
    x += equation.x0
    t, u = (tf.zeros((1, 1), "float64") for _ in range(2))
    with tf.GradientTape() as tape:
        tape.watch(u)
        driver = equation.driver(t, x, u, z)
    return tape.gradient(driver, u) is not None


def _warn(model, moved, estimate):
    warnings.warn(
        f"Newton's method moves the trained u0 of {model.equation!r} by {moved:.3g}, where "
        f"the mismatch at the terminal time allows {estimate.reach:.3g}. The move is "
        "refused, and the interval is that of the trained u0." + _stiff(model, estimate),
        NewtonWarning,
        stacklevel=3,
    )


def _stiff(model, estimate):
    """A sentence on a driver along which errors of u grow fast, or nothing."""
    horizon = model.equation.terminal_time
    growth = max(estimate.growth, estimate.stiffness)
    if growth < 3:
        return ""
    return (
        f" The driver is stiff: an error of u0 grows by up to e^{growth:.0f} over the "
        f"horizon, as df/du is about -{growth / horizon:.3g}, and the forward recursion "
        f"cannot follow that. `bsde.Discounted(equation, rate={growth / horizon:.3g})` has "
        "the same u0 without that growth."
    )


def attainable_half_width(estimate, num_paths):
    """The half-width with the largest number of paths."""
    fewer = min(1.0, math.sqrt(estimate.num_paths / num_paths))
    return estimate.time_grid + estimate.imperfect_z + fewer * estimate.monte_carlo
