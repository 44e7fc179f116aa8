"""Regression: u and z from least squares backward in time, without training."""

import dataclasses
import inspect
import math
from typing import ClassVar

import keras
import numpy as np

from kerasmodels._support import checks
from kerasmodels.bsde.estimate.extrapolation import standard_error
from kerasmodels.bsde.methods.base import Method, MethodFailed
from kerasmodels.bsde.methods.regression.approximation import SMALL_DRIFT, Regressed
from kerasmodels.bsde.methods.regression.backward import StepTooLong, backward_pass
from kerasmodels.bsde.methods.regression.features import Features, statistics_of
from kerasmodels.bsde.methods.regression.graphs import Graphs
from kerasmodels.bsde.methods.regression.paths import sample
from kerasmodels.bsde.paths.grid import as_time_grid, check_steps_or_grid, paths_fit

_NUM_STEPS, _MOST_STEPS = 40, 320
_NUM_PATHS, _MOST_PATHS, _FEWEST_PATHS = 2000, 32_000, 64
# Numbers in the states of a pass, at most.
_MOST_NUMBERS = 2**28
# Passes with the full driver in which a round must settle.
_MOST_PASSES = 20
# If the first pass gives int |df/dz|^2 dt above the first number, undriven paths miss the
# region that matters. The driver is then switched on gradually, its strength growing by the
# second factor from pass to pass.
_LARGE_DRIFT, _GROWTH = 4.0, 1.5
# A pass has exploded where int |df/dz|^2 dt is more than the first number times that of the
# pass before. The strength then grows more slowly, by at least the second factor.
_EXPLODED, _LEAST_GROWTH = 10.0, 1.1
# Time steps are too long where int |b|^2 dt of the drift that they can follow is smaller by
# more than this factor.
_CUT = 1.2
# A round has settled when int |df/dz|^2 dt changes by at most this share from one pass to
# the next.
_SETTLED = 0.2
# No further round begins unless the attainable half-width is below this share of the
# previous round's.
_NARROWER = 0.95
# Twice the time steps where the variance of the mismatch exceeds this factor times the part
# due to z.
_NOISY = 1.3
# Four times the time steps, and no more paths, where the part of the half-width due to the
# time grid exceeds this factor times the other parts.
_COARSE = 3.0


@keras.saving.register_keras_serializable(package="kerasmodels")
@dataclasses.dataclass(frozen=True)
class Regression(Method):
    """u as a combination of features at each time, by least squares, last time first.

    Nothing is trained, so that the first answer takes seconds. The features are functions
    of g, of sums and norms of the coordinates, and random ones (`features.py`); in each
    regression, paths held out decide whether the random ones are used, and the ridge
    penalty. Where the driver depends on z, the important paths are those with drift
    b = df/dz: the regressions are repeated on paths driven by the last z. Where this drift
    is large, the driver is switched on gradually. Each further round takes four times the
    paths, up to a limit, and twice the time steps where the time grid limits the interval.
    Where nearly all of the half-width comes from the time grid, the round takes four times
    the time steps instead, and no more paths.

    The method stops with an error where its regressions do not settle, or where fresh
    paths contradict them: there a network has to be trained (`DeepBSDE`).

    Args:
        num_steps: None or int. Number of equal time steps of the first round, doubled
            where the driver is stiff; None is 40, unless `grid` is given.
        grid: None or sequence of floats. The times of all rounds, in place of `num_steps`.
        num_paths_per_pass: None or int. Paths of a pass in the first round; None is 2000.
        num_random: int. Number of random features, the same in all rounds.
        features: None, or a function (t `[batch, 1]`, x `[batch, dim]`) -> `[batch, k]` of
            further features, registered for Keras serialization.
        max_rounds: int. Rounds, at most.
        dtype: "float32" or "float64".

    Raises:
        ValueError: an argument is not of the form above.

    References: Gobet, Lemor and Warin (2005), https://doi.org/10.1214/105051605000000412;
    Neufeld, Schmocker and Wu (2024), https://arxiv.org/abs/2405.05192
    """

    approximation: ClassVar[type] = Regressed
    treats: ClassVar[tuple] = ("start_varies",)
    num_steps: int | None = None
    grid: object = None
    num_paths_per_pass: int | None = None
    num_random: int = 50
    features: object = None
    max_rounds: int = 3
    dtype: str = "float32"

    def __post_init__(self):
        owner = "Regression"
        check_steps_or_grid(owner, self.num_steps, self.grid)
        if self.num_paths_per_pass is not None:
            checks.positive_int(
                owner, "num_paths_per_pass", self.num_paths_per_pass, minimum=_FEWEST_PATHS
            )
        checks.positive_int(owner, "num_random", self.num_random, minimum=0)
        checks.positive_int(owner, "max_rounds", self.max_rounds)
        if self.features is not None:
            _check_features(owner, self.features)
        checks.one_of(owner, "dtype", self.dtype, ("float32", "float64"))

    def fit(self, equation, run):
        num_steps = self.num_steps or (_NUM_STEPS if self.grid is None else None)
        grid = as_time_grid("solve", equation, num_steps, self.grid)
        num_paths = self.num_paths_per_pass or _at_most(_NUM_PATHS, equation, grid)
        argument = "num_paths_per_pass"
        paths_fit("solve", argument, equation, len(grid) - 1, num_paths, self.dtype)
        passes = _Passes(self, equation, run)
        found, last = None, math.inf
        for _ in range(self.max_rounds):
            while True:
                try:
                    found = passes(grid, num_paths, found)
                    break
                except StepTooLong:
                    if self.grid is not None or 2 * num_steps > _MOST_STEPS:
                        raise
                    num_steps *= 2
                    grid = as_time_grid("solve", equation, num_steps)
            found.baseline = passes.baseline
            result = yield found
            attainable = result.attainable_half_width
            # Where fresh paths contradict a round, more paths may mend it.
            contradicted = math.isinf(attainable)
            if not (contradicted or attainable < _NARROWER * last):
                return
            last = min(last, attainable)
            before = len(grid), num_paths
            finer, more = _refinement(result.estimate) if self.grid is None else (1, 4)
            if contradicted:
                more = 4
            if finer > 1:
                num_steps = max(num_steps, min(finer * num_steps, _MOST_STEPS))
                grid = as_time_grid("solve", equation, num_steps)
            num_paths = max(
                num_paths, _at_most(min(more * num_paths, _MOST_PATHS), equation, grid)
            )
            if before == (len(grid), num_paths):
                return


def _refinement(estimate):
    """The factors of the time steps and of the paths from this round to the next."""
    if estimate.time_grid > _COARSE * (estimate.imperfect_z + estimate.monte_carlo):
        return 4, 1
    of_grid = estimate.time_grid > estimate.imperfect_z
    noisy = estimate.mismatch_std**2 > _NOISY * estimate.z_std**2
    return (2 if of_grid or noisy else 1), 4


def _check_features(owner, features):
    """Raises ValueError unless `features` is a function that a saved solution can name."""
    known = inspect.isfunction(features) and keras.saving.get_registered_object(
        keras.saving.get_registered_name(features)
    )
    if not known:
        raise checks.ArgumentError(
            checks.message(
                owner,
                "features",
                "None or a function (t, x), registered for Keras serialization",
                checks.describe(features),
                'Decorate it with `@keras.saving.register_keras_serializable("mine")`.',
            )
        )


def _at_most(num_paths, equation, grid):
    """`num_paths`, or as many as fit, but at least 64."""
    numbers = len(grid) * max(equation.dim, equation.noise_dim)
    return max(_FEWEST_PATHS, min(num_paths, _MOST_NUMBERS // numbers))


class _Passes:
    """The passes of a round, repeated until int |df/dz|^2 dt changes by at most 20 %."""

    def __init__(self, method, equation, run):
        self._method, self._equation, self._run = method, equation, run
        self._done, self._graphs = 0, Graphs(equation)
        # The mean of g(X_T) and its standard error, from the first undriven pass.
        self.baseline = None
        # The last pass with a weaker driver, and its strength.
        self._reached = None

    def __call__(self, grid, num_paths, before):
        """The `Regressed` of the last pass.

        Raises:
            MethodFailed: a pass gives a number that is not finite, or the passes do not
                settle.
        """
        found = before
        if before is None:
            found = self._undriven(grid, num_paths)
            if found.found.b_square <= SMALL_DRIFT:
                return found
            self._require_short_steps(found)
        for _ in range(_MOST_PASSES):
            last = found.found.b_square
            found = self._one(grid, num_paths, found if last > SMALL_DRIFT else None)
            change = abs(found.found.b_square - last)
            if change <= _SETTLED * max(last, SMALL_DRIFT):
                self._require_short_steps(found)
                return found
        raise MethodFailed(
            f"its regressions do not settle: int |df/dz|^2 dt went from {last:.3g} to "
            f"{found.found.b_square:.3g} in the last of {_MOST_PASSES} passes"
        )

    def _require_short_steps(self, found):
        """Raises StepTooLong if driven paths cannot follow the drift in these steps."""
        whole, driven = found.found.b_square, found.found.b_square_driven
        if whole > _CUT * driven:
            raise StepTooLong(
                f"int |df/dz|^2 dt is {whole:.3g}, of which {found.num_steps} time steps "
                f"can follow {driven:.3g}"
            )

    def _undriven(self, grid, num_paths):
        """A pass on undriven paths, or the last of a series with growing drivers.

        The series is made where the drift is large, and where the first pass fails.
        """
        if self._reached is None:
            try:
                first = self._one(grid, num_paths)
                if first.found.b_square <= _LARGE_DRIFT:
                    return first
            except StepTooLong:
                raise
            except MethodFailed:
                # The full driver at once can fail, for example a strong quadratic one.
                pass
            found = self._one(grid, num_paths, strength=0.0)
            self._reached = found, 0.0
        return self._growing(grid, num_paths)

    def _growing(self, grid, num_paths):
        """Passes with a driver that grows to the whole one, each on the paths of the last.

        Raises:
            StepTooLong: the passes explode however slowly the driver grows. For a driver
                that is quadratic in z the regressions are an explicit scheme of a Riccati
                equation, which needs short steps.
        """
        found, strength = self._reached
        if strength == 1.0:
            return self._one(grid, num_paths, found)
        start = math.sqrt(_LARGE_DRIFT / max(found.found.b_square, _LARGE_DRIFT))
        growth = _GROWTH
        while strength < 1.0:
            try:
                wanted = min(1.0, strength * growth or start)
                following = self._one(grid, num_paths, found, wanted)
                if following.found.b_square > _EXPLODED * found.found.b_square:
                    raise MethodFailed("a pass has exploded")
            except StepTooLong:
                raise
            except MethodFailed:
                start, growth = start / 2, math.sqrt(growth)
                if growth < _LEAST_GROWTH:
                    raise StepTooLong(
                        f"its regressions explode beyond {strength:.2g} times the driver "
                        f"on {len(grid) - 1} time steps"
                    ) from None
                continue
            found, strength = self._reached = following, wanted
        return found

    def _one(self, grid, num_paths, before=None, strength=1.0):
        method, equation, run = self._method, self._equation, self._run
        self._done += 1
        run.line.phase(f"regression on {num_paths} paths, pass {self._done}")
        key, dtype = (run.seed, self._done), method.dtype
        paths = sample(
            equation, grid, num_paths, key, dtype, before, strength, self._graphs
        )
        if self.baseline is None:
            g = np.asarray(equation.terminal(paths.x[-1]), "float64")[:, 0]
            self.baseline = float(np.mean(g)), standard_error(g)
        statistics = statistics_of(equation, grid, paths.x)
        features = Features(
            equation, statistics, method.num_random, run.seed, dtype, method.features
        )
        steps = self._graphs.steps(features, paths.noise)
        found = backward_pass(equation, grid, features, paths, strength, steps)
        return Regressed(features, found)
