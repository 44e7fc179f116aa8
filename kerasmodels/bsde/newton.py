"""After a round of training: u0 by Newton's method, and what more paths can bring."""

import math


def settle(model, estimator, tolerance):
    """Estimates u0 and hands it to the model until it moves less than its uncertainty.

    Where the driver depends on u, the recursion carries an error of u0 along; Newton's
    method converges in two or three turns. Few paths will do for that.
    """
    estimate, start, last = None, float(model.u0), math.inf
    for _ in range(5):
        try:
            found = estimator(1, tolerance)
        except FloatingPointError:
            if estimate is None:
                raise
            found = None
        moved = math.inf if found is None else abs(found.u0 - float(model.u0))
        if not moved < last:
            # It does not converge: a model that is far from trained.
            model.set_u0(start)
            break
        estimate, start, last = found, float(model.u0), moved
        model.set_u0(estimate.u0)
        if moved <= estimate.half_width:
            break
    return estimate


def reachable_half_width(estimate, num_paths):
    """The half-width that all the paths there may be would bring."""
    fewer = min(1.0, math.sqrt(estimate.num_paths / num_paths))
    return estimate.time_grid + estimate.imperfect_z + fewer * estimate.monte_carlo
