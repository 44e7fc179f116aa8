"""The rounds of one method after another, until an interval is narrow enough."""

import math
import warnings
from typing import NamedTuple

from kerasmodels.bsde.approximation import Approximation
from kerasmodels.bsde.estimate.estimator import Estimator
from kerasmodels.bsde.estimate.interval import Estimate
from kerasmodels.bsde.estimate.newton import (
    NewtonWarning,
    attainable_half_width,
    newton_iteration,
)
from kerasmodels.bsde.methods.base import Method, MethodFailed, Round

# Limits of the estimate: paths x dimension x time steps (times the method's cost factor),
# and paths.
_MAX_NUMBERS = 20 * 100 * 2**17
_MAX_PATHS = 2**20


class Answer(NamedTuple):
    """What the rounds of a method end with."""

    method: Method
    approximation: Approximation
    estimate: Estimate


def best_answer(equation, methods, active, tolerance, num_paths):
    """The `Answer` with the narrowest interval.

    Methods are tried in order until one reaches `tolerance`; the narrowest interval so far
    is returned. A method that refuses the equation, or fails, gives way to the next. If no
    method answers, the error of the last one that failed is raised. At least one method
    must accept the equation.

    Args:
        equation: `Equation`.
        methods: list of `Method`.
        active: `ActiveRun`.
        tolerance: float. Relative half-width at which no other method is tried.
        num_paths: None or int. Paths of the estimate, at most. None: as many as
            `_most_paths` allows.
    """
    best, failure = None, None
    methods = [method for method in methods if not method.refuses(equation)]
    for method in methods:
        try:
            with warnings.catch_warnings():
                if method is not methods[-1]:
                    # No warning yet: a later method follows.
                    warnings.simplefilter("ignore", NewtonWarning)
                answer = _rounds(equation, method, active, tolerance, num_paths)
        except MethodFailed as error:
            failure = MethodFailed(_text(equation, method, error))
        except FloatingPointError as error:
            failure = error
        else:
            failure, estimate = None, answer.estimate
            if best is None or estimate.half_width < best.estimate.half_width:
                best = answer
            if estimate.half_width <= tolerance * abs(estimate.u0):
                break
        if method is not methods[-1]:
            name = type(method).__name__
            active.line.note(f"{name}: {failure or _interval(answer.estimate)}")
    if best is None:
        raise failure
    return best


def _interval(estimate):
    return f"u0 = {estimate.u0:.8g} +- {estimate.half_width:.2g} (95 %)"


def _text(equation, method, reason):
    name = type(method).__name__
    advice = "" if name == "DeepBSDE" else ' method="deep_bsde" trains networks.'
    return f"`{name}` cannot solve {equation!r}, because {reason}.{advice}"


class _Standing(NamedTuple):
    """A round's approximation with its estimate, and what more paths can make of that."""

    approximation: Approximation
    estimator: Estimator
    estimate: Estimate
    most_paths: int
    attainable: float


def _rounds(equation, method, active, tolerance, num_paths):
    """The `Answer` of one method: that of the round whose interval can be the narrowest.

    Where a round fails, an earlier one answers. An estimate that contradicts its round
    casts doubt on the earlier rounds too: only a later round can answer then.
    """
    rounds, best = method.fit(equation, active), None
    approximation = next(rounds)
    while True:
        try:
            standing = _standing(
                equation, method, active, approximation, tolerance, num_paths
            )
        except FloatingPointError:
            if best is None:
                raise
            break
        estimate, attainable = standing.estimate, standing.attainable
        doubt = approximation.contradicted_by(estimate)
        if doubt:
            best = None
        elif best is None or attainable < best.attainable:
            best = standing
        if best and best.attainable <= tolerance * abs(best.estimate.u0):
            break
        try:
            found = rounds.send(Round(estimate, math.inf if doubt else attainable))
        except StopIteration:
            break
        except MethodFailed:
            if doubt:
                raise
            break
        if found is approximation:
            # Training one model further leaves nothing of the earlier rounds.
            best = None
        approximation = found
    if best is None:
        raise MethodFailed(doubt)
    return Answer(method, best.approximation, _with_all_paths(best, tolerance))


def _standing(equation, method, active, approximation, tolerance, num_paths):
    """The `_Standing` of a round, from the fewest paths of an estimate."""
    active.line.phase("estimate: compiling the paths")
    estimator = active.estimator(approximation)
    estimator.chunks.on_chunk = active.line.estimate
    most_paths = num_paths or _most_paths(equation, method, approximation, estimator)
    estimate = newton_iteration(approximation, estimator, tolerance)
    attainable = attainable_half_width(estimate, most_paths)
    return _Standing(approximation, estimator, estimate, most_paths, attainable)


def _with_all_paths(standing, tolerance):
    """The estimate, with more paths where it is too wide and more are allowed."""
    _, estimator, estimate, most_paths, _ = standing
    wide = not estimate.half_width <= tolerance * abs(estimate.u0)
    if wide and not estimate.refused and estimate.num_paths < most_paths:
        try:
            return estimator(most_paths, tolerance)
        except FloatingPointError:
            # With more paths one overflowed: the estimate from fewer paths stays, with its
            # wider interval.
            pass
    return estimate


def _most_paths(equation, method, approximation, estimator):
    """The number of paths that the estimate may have.

    It costs as much as 2^17 paths in dimension 100 with 20 steps, times `cost_factor`, and
    is at most 2^20.
    """
    # A step of X alone counts as half the cost of a step that also evaluates u and z.
    per_step = max(equation.dim, equation.noise_dim) * (1 + estimator.substeps) / 2
    paths = (
        method.cost_factor(equation) * _MAX_NUMBERS / (per_step * approximation.num_steps)
    )
    return min(_MAX_PATHS, max(1, int(paths)))


class Estimators:
    """The `Estimator` of the latest approximation, made at its first use."""

    def __init__(self, seed, most_paths):
        self.seed, self.most_paths = seed, most_paths
        self._approximation, self._estimator = None, None

    def __call__(self, approximation):
        if approximation is not self._approximation:
            self._approximation = approximation
            self._estimator = Estimator(
                approximation, seed=self.seed, most_paths=self.most_paths
            )
        return self._estimator
