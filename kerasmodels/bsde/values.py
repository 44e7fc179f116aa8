"""u of a solution at many points: its function at once, or an estimate at each."""

import contextlib
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from kerasmodels._support import checks
from kerasmodels.bsde.equations.family import Family
from kerasmodels.bsde.estimate.newton import newton_iteration
from kerasmodels.bsde.methods.base import MethodFailed
from kerasmodels.bsde.starts import BoxStart

# Points at a time, so that their features fit the memory.
_AT_ONCE = 4096
# Random points at which the function u is compared with estimates.
_COMPARED = 4


class Values(NamedTuple):
    """u and its derivatives at points, as a method left them: without an interval.

    u: array `[points]`.
    gradient: array `[points, dim]`. grad u, for the equation's own coordinates.
    z: array `[points, noise_dim]`. sigma^T grad u.
    sensitivities: dict of arrays, `[points]` or `[points, size]`: du / dp by the name of
        each parameter of a `Family`.
    error: float. Root of the mean square relative difference of u from estimates at random
        points of the region; NaN where none was made. Derivatives have larger errors.
    """

    u: np.ndarray
    gradient: np.ndarray
    z: np.ndarray
    sensitivities: dict
    error: float


def values_at(approximation, points, t, error):
    """The `Values` of an approximation.

    Args:
        approximation: `Approximation` that has u(t, x).
        points: array `[points, dim]`, states of its equation.
        t: float.
        error: float, as in `Values`.
    """
    dtype, parts = approximation.dtype, []
    for first in range(0, len(points), _AT_ONCE):
        x = tf.constant(points[first : first + _AT_ONCE], dtype)
        time = tf.fill((len(x), 1), tf.constant(t, dtype))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            u = approximation.u(time, x)
        gradient = tape.gradient(u, x, unconnected_gradients="zero")
        z = approximation.equation.diffusion_transpose_prod(time, x, gradient)
        parts.append([np.asarray(v, "float64") for v in (u[:, 0], gradient, z)])
    u, gradient, z = (np.concatenate(values) for values in zip(*parts))
    equation, sensitivities = approximation.equation, {}
    if isinstance(equation, Family):
        sensitivities = equation.by_name(gradient)
        gradient = gradient[:, : equation.equation.dim]
    return Values(u, gradient, z, sensitivities, error)


def points_at(approximation, x, t, parameters):
    """States `[points, dim]` at time t, after a check that u is known there.

    Args:
        approximation: `Approximation`.
        x: None for x0, or floats `[dim]` or `[points, dim]`.
        t: float.
        parameters: dict of values by name.

    Raises:
        ValueError: an argument is not of that form, or a point is outside the region.
    """
    owner, equation = "Solution.at", approximation.equation
    t = checks.finite_float(owner, "t", t, at_least=0.0)
    region = approximation.region(t)
    if region is None:
        raise checks.ArgumentError(
            f"`{owner}` needs u as a function of (t, x), which the method that found this "
            'solution does not give. `solve(equation, "regression")` gives it.'
        )
    first, last = approximation.first_time, equation.terminal_time
    if not first <= t <= last:
        advice = ""
        if t < first:
            advice = "At time 0 u is known at x0 alone: solve a `Family` with a start."
        expected = f"between {first:g} and {last:g}"
        raise checks.ArgumentError(checks.message(owner, "t", expected, f"t={t:g}", advice))
    if isinstance(equation, Family):
        points = equation.points(owner, x, parameters, inside=t == 0)
    else:
        for name in parameters:
            checks.one_of(owner, "parameter", name, [])
        points = Family.rows(owner, "x", equation.x0 if x is None else x, equation.dim)
    if t > 0:
        low, high = region
        outside = ~BoxStart(low, high).contains(points)
        if np.any(outside):
            expected = f"where the paths of the solution go (between {low} and {high})"
            received = f"{points[outside][0]}"
            raise checks.ArgumentError(checks.message(owner, "x", expected, received))
    return points


def estimates_at(approximation, estimator, points, num_paths, tolerance):
    """One `Estimate` for each point: fresh paths from there, and nothing trained.

    Args:
        approximation: `Approximation` whose equation's start varies.
        estimator: its `Estimator`.
        points: array `[points, dim]`.
        num_paths, tolerance: as in `estimate_u0`.

    Raises:
        MethodFailed: the paths from a point contradict the approximation.
    """
    found = []
    with left_as_it_is(approximation):
        for point in points:
            approximation.start_at(point)
            estimate = newton_iteration(approximation, estimator, tolerance)
            wide = not estimate.half_width <= tolerance * abs(estimate.u0)
            if wide and not estimate.refused:
                estimate = estimator(num_paths, tolerance)
            doubt = approximation.contradicted_by(estimate)
            if doubt:
                raise MethodFailed(f"No interval holds at {point}, because {doubt}.")
            found.append(estimate)
    return found


@contextlib.contextmanager
def left_as_it_is(approximation):
    """Puts x0, u0 and z0 of a family's approximation back at the end of the block."""
    u0 = float(approximation.u0)
    try:
        yield
    finally:
        approximation.start_at(approximation.equation.x0)
        approximation.set_u0(u0)


def region_error(approximation, estimator, seed):
    """The relative error of u as a function, at random points of the region.

    The estimates come from few paths, whose noise counts as an error of the function.
    """
    equation = approximation.equation
    points = np.asarray(equation.sample_start((seed, 0), _COMPARED, "float64"))
    values = values_at(approximation, points, 0.0, math.nan).u
    found = estimates_at(approximation, estimator, points, 1, 1.0)
    exact = np.array([estimate.u0 for estimate in found])
    scale = np.sqrt(np.mean(exact**2))
    return float(np.sqrt(np.mean((values - exact) ** 2)) / max(scale, 1e-300))
