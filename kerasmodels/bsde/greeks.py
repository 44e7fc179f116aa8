"""Derivatives of the solution by the start and by parameters, with intervals."""

import numpy as np

from kerasmodels._support import checks
from kerasmodels.bsde.equations.family import Family
from kerasmodels.bsde.equations.parameters import names_of
from kerasmodels.bsde.estimate.derivatives import Derivatives, Differentiator
from kerasmodels.bsde.estimate.extended import Extended
from kerasmodels.bsde.values import estimates_at, left_as_it_is

# Range around the equation's own parameter, for which only its derivative counts.
_NEAR = 0.01


def greeks_at(solution, names, x0, parameters, num_paths):
    """A dict of `Derivatives`: by "x", and by the name of each parameter.

    Args:
        solution: `Solution`.
        names: tuple of names of parameters. Those of a `Family` are all there in any case.
        x0: None, or floats `[dim]`: another start of a family.
        parameters: dict of values by name, of a family.
        num_paths: int.

    Raises:
        ValueError: an argument is not of that form.
        MethodFailed, JumpError, FloatingPointError: as in `estimates_at` and `derivatives`.
    """
    owner, equation = "Solution.greeks", solution.equation
    num_paths = checks.positive_int(owner, "num_paths", num_paths)
    if isinstance(equation, Family):
        for name in names:
            checks.one_of(owner, "parameter", name, list(equation.parameters))
        return _of_family(owner, solution, x0, parameters, num_paths)
    if x0 is not None or parameters:
        raise checks.ArgumentError(
            checks.message(
                owner,
                "x0",
                "left out, because the solution is one at a single x0",
                f"x0={checks.describe(x0)}, {parameters}",
                "Solve a `Family` with a start and ranges of parameters.",
            )
        )
    if names not in solution.differentiators:
        model = solution.approximation
        if names:
            ranges = {name: _near(owner, equation, name) for name in names}
            model = Extended(model, Family(equation, parameters=ranges))
        solution.differentiators[names] = Differentiator(model, solution.seed)
    differentiator = solution.differentiators[names]
    found = differentiator(solution.estimate, num_paths)
    return _named(differentiator.model.equation, equation.dim, found)


def _of_family(owner, solution, x0, parameters, num_paths):
    """The `Derivatives` at one point of a family, which is left as it was."""
    family, model = solution.equation, solution.approximation
    points = family.points(owner, x0, parameters)
    if len(points) > 1:
        received = f"{len(points)} points"
        raise checks.ArgumentError(checks.message(owner, "x0", "one point", received))
    paths, tolerance = 2**14, solution.tolerance
    estimator = solution.estimator(paths)
    estimate = estimates_at(model, estimator, points, paths, tolerance)[0]
    if () not in solution.differentiators:
        solution.differentiators[()] = Differentiator(model, solution.seed)
    with left_as_it_is(model):
        model.start_at(points[0])
        model.set_u0(estimate.u0)
        found = solution.differentiators[()](estimate, num_paths)
    return _named(family, family.equation.dim, found)


def _near(owner, equation, name):
    """A small range that holds the equation's own value."""
    checks.one_of(owner, "parameter", name, names_of(equation))
    own = checks.as_numbers(getattr(equation, name))
    if own is None:
        # `Family` refuses it in words.
        return getattr(equation, name), getattr(equation, name)
    reach = _NEAR * np.where(own == 0, 1.0, np.abs(own))
    low = np.where(own == 0, own, own - reach)
    return tuple(end.tolist() for end in (low, own + reach))


def _named(equation, own, found):
    """The `Derivatives` of all coordinates, divided into x and the parameters."""
    result = {"x": Derivatives(*(part[:own] for part in found))}
    if isinstance(equation, Family):
        parts = [equation.by_name(part[None]) for part in found]
        for name in equation.parameters:
            result[name] = Derivatives(*(part[name][0] for part in parts))
    return result
