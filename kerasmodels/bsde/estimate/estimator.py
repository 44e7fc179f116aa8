"""Estimates of u(0, x0) from a trained model and fresh paths, with an interval.

The terminal mismatch of a model is R = u_N - g(x_N). Let e_u and e_z be the errors of u and
z along a path; e_u at time 0 is D_0 = u0 - u(0, x0). Linearised around the model,
d e_u = -(f_u e_u + f_z . e_z) dt + e_z . dW, so that along paths driven by b = f_z, with
J = exp(-int f_u dt) the derivative of u_N by u0 along the path,

    E[R / J] = D_0 + E int (e_u, e_z)^T f'' (e_u, e_z) / (2 J) dt

One mean over fresh paths thus removes all that is of first order in the errors of u0 and
z: a Newton step. The remainder is of second order; it is estimated from the variance of R
and the change of f when u and z are shifted by the size of their errors. A kink of the
driver has no second derivative, but it does change f. Evaluating with the full and with
half the error size separates kinks from curvature.

u0 is corrected by the smooth part of the remainder and half of the kink part. Uncertainty:
half of the smooth part and all of the kink part. The variance of R does not tell the errors
of z from all noise of the time grid; with r the share of the part of z that remains with
both orders of that noise (error_sizes.py), the correction takes (1 + r) / 2 of the smooth
part. A correction larger than the deviation of the mismatch is not applied and counts as
uncertainty.

The same noise drives paths with steps twice and four times as long. Comparing the three
separates the errors of the time grid from those of the networks: extrapolation removes the
leading errors of the trapezoidal rule and of the forward scheme (extrapolation.py). The
variance of R also has a part from the time grid, which falls with dt; the iterated
integrals (iterated_integrals.py) remove most of it, and control variates and mirror images
of the paths a large part of the rest (controls.py).

References: Kantorovich's theorem on Newton's method; El Karoui, Peng and Quenez (1997),
https://doi.org/10.1111/1467-9965.00022, section 2 (linear BSDEs and adjoint processes).
"""

import dataclasses
import math

import numpy as np

from kerasmodels._support import checks, memory
from kerasmodels._support.workers import agreed
from kerasmodels.bsde.approximation import as_approximation
from kerasmodels.bsde.estimate.chunks import Chunks, lower_remainder, lower_variance
from kerasmodels.bsde.estimate.controls import mirrors_help
from kerasmodels.bsde.estimate.error_sizes import error_sizes
from kerasmodels.bsde.estimate.extrapolation import STRIDES, composes
from kerasmodels.bsde.estimate.grids import three_grids
from kerasmodels.bsde.estimate.interval import Estimate, summary, values_of
from kerasmodels.bsde.estimate.path_sampler import COLUMNS, path_sampler
from kerasmodels.bsde.estimate.substeps import needed_substeps

# Chunks that measure the sizes of the errors of u and z. As many more chunks measure the
# effect of these errors on u0.
_PILOT = 4
# Chunks whose mirror images show whether pairs of paths have the smaller variance.
_MIRRORED = 2
# Paths of a chunk, at most, where the start varies.
_OF_A_POINT = 512
# With at least this many random numbers in all, XLA compilation pays off.
_COMPILED = 2**22


def estimate_u0(
    model,
    num_paths=2**15,
    num_steps=None,
    importance_sampling=True,
    tolerance=None,
    chunk_size=None,
    seed=0,
):
    """Estimates u(0, x0) on fresh paths, with the trained z as control variate.

    Nothing is trained. Paths come in chunks. The estimate keeps a few numbers of each path,
    and not its states. It takes the trapezoidal rule, whatever rule was trained.

    Args:
        model: `GlobalModel`, or any `Approximation`.
        num_paths: int. Number of paths, rounded up to whole chunks, at least eight chunks.
            With `tolerance`, the largest number.
        num_steps: None or int. Equal time steps of the finest grid, an even number; the
            other grids take every second and every fourth time. None halves the steps of
            the model's grid, and again if there are fewer than 4 then. Where a network
            belongs to each time, the finest grid is the model's.
        importance_sampling: bool. Whether paths are driven by b = df/dz. Without it an
            error of z enters in first order where the driver depends on z.
        tolerance: None or float. Drawing stops when the half-width is at most
            `tolerance` |u0|, or when the Monte Carlo part is at most a quarter of the
            other parts.
        chunk_size: None or int. Paths at a time; None fills the processor's cache.
        seed: int. The paths differ from those of a training, even with the same seed.

    Returns:
        An `Estimate`.

    Raises:
        ValueError: an argument is not of the form above.
        FloatingPointError: a path is no longer a finite number.
    """
    owner = "estimate_u0"
    num_paths = checks.positive_int(owner, "num_paths", num_paths)
    if tolerance is not None:
        tolerance = checks.finite_float(owner, "tolerance", tolerance, above=0.0)
    else:
        numbers, what = (
            2 * len(STRIDES) * len(COLUMNS) * num_paths,
            f"what is kept of {num_paths} paths",
        )
        advice = "Take fewer, or a tolerance at which to stop."
        memory.fits(owner, "num_paths", numbers, "float64", what, advice)
    estimator = Estimator(
        model, num_steps, importance_sampling, chunk_size, seed, most_paths=num_paths
    )
    return estimator(num_paths, tolerance)


class Estimator:
    """`estimate_u0` for repeated use: the paths are compiled once.

    Each call reads the weights of the model anew and draws the same noise, so two calls
    differ by what changed in the model alone.

    Args:
        model, num_steps, importance_sampling, chunk_size, seed: as in `estimate_u0`.
        most_paths: None or int. The largest `num_paths` of a call, where that is known:
            few paths come in smaller chunks, and need not be compiled by XLA.

    Call arguments:
        num_paths, tolerance: as in `estimate_u0`.

    Attributes:
        substeps: int. Steps of X from one time of a grid to the next (`substeps.py`).
        chunks: `Chunks`. Draws the paths, and reports them to its `on_chunk`.

    Raises:
        ValueError: an argument is not of that form.
    """

    def __init__(
        self,
        model,
        num_steps=None,
        importance_sampling=True,
        chunk_size=None,
        seed=0,
        most_paths=None,
    ):
        owner = "estimate_u0"
        received, model = checks.describe(model), as_approximation(model)
        if model is None:
            raise checks.ArgumentError(
                checks.message(owner, "model", "a `GlobalModel`", received)
            )
        driven = checks.boolean(owner, "importance_sampling", importance_sampling)
        numbers_per_step = max(model.equation.dim, model.equation.noise_dim)
        if chunk_size is None:
            chunk_size = 2**16 // numbers_per_step
            if model.equation.start_varies:
                # Many points, each with few paths.
                chunk_size = min(chunk_size, _OF_A_POINT)
            if most_paths is not None:
                chunk_size = min(chunk_size, most_paths // (2 * _PILOT))
            chunk_size = int(np.clip(chunk_size, 64, 4096))
        self.chunk_size = checks.positive_int(owner, "chunk_size", chunk_size)
        seed = checks.seed_int(owner, seed)
        self.model = model
        self.grid = three_grids(model, num_steps)
        exact = composes(model.equation)
        declared = model.equation.known_weak_order() == 2
        self._first_order = not (declared or exact)
        self.substeps = 1
        if declared and not exact:
            # Only for schemes known to be of second order: for others (a square root near
            # zero) smaller steps would hide an error of low order from the three grids, and
            # the interval would be too narrow.
            self.substeps = needed_substeps(model.equation, self.grid, seed)
        # The noise of a chunk is drawn at once.
        memory.fits(
            owner,
            "chunk_size",
            2 * self.chunk_size * len(self.grid) * self.substeps * model.equation.noise_dim,
            model.dtype,
            f"the noise of {self.chunk_size} paths of {len(self.grid) - 1} steps",
            "Take a smaller chunk, or fewer time steps.",
        )
        self._no_sizes = np.zeros((len(STRIDES), len(self.grid))), (-1.0, *6 * (0.0,))
        numbers = math.inf
        if most_paths is not None:
            numbers = max(most_paths, self.chunk_size) * numbers_per_step * len(self.grid)
        sample = path_sampler(
            model,
            self.grid,
            driven,
            self.chunk_size,
            seed,
            numbers * self.substeps >= _COMPILED,
            self.substeps,
        )
        self.chunks = Chunks(sample, model.equation, len(self.grid) - 1)

    def __call__(self, num_paths=2**15, tolerance=None):
        max_chunks = -(-num_paths // self.chunk_size)
        # The first chunks give the sizes of the errors, the next their effect on u0.
        both = self._first_chunk()
        iterated_integrals = lower_variance(*both) or lower_remainder(*both)
        nothing = *self._no_sizes, iterated_integrals
        found = self.chunks.finite([both[iterated_integrals]])
        found += self.chunks(range(1, _PILOT), *nothing)
        plain = [columns for columns, _ in found]
        u = np.concatenate([values for _, values in found], axis=-1)
        sizes = error_sizes(self.grid, np.concatenate(plain, -1), u, iterated_integrals)
        later = range(_PILOT, 2 * _PILOT)
        curved = [c for c, _ in self.chunks(later, *sizes, iterated_integrals)]

        def summarised(mirrored):
            return summary(
                self.model,
                self.grid,
                plain,
                curved,
                sizes,
                iterated_integrals,
                self._first_order,
                mirrored,
            )

        def columns_of(chunks, sign=1):
            return [columns for columns, _ in self.chunks(chunks, *nothing, sign)]

        result, mirrored = summarised(None), None
        # At a tolerance that is not reached, a later call may have more paths.
        most = max_chunks if tolerance is None else max(max_chunks, 4 * _PILOT)
        if self._wanted(result, most, tolerance, 2 * _PILOT) > 2 * _PILOT:
            # The mirror images of a few chunks show whether pairs are better.
            first = columns_of(range(_MIRRORED), -1)
            if mirrors_help(*(values_of(0.0, c) for c in (plain[:_MIRRORED], first))):
                mirrored = first + columns_of(range(_MIRRORED, 2 * _PILOT), -1)
                result = summarised(mirrored)
        number = 2 * _PILOT
        while True:
            signs = 1 if mirrored is None else 2
            wanted = self._wanted(result, max_chunks, tolerance, signs * number)
            if wanted <= signs * number:
                return Estimate(**agreed(dataclasses.asdict(result)))
            more = range(number, -(-wanted // signs))
            plain += columns_of(more)
            if mirrored is not None:
                # In the order of the chunks: those with the terms of second order are last.
                mirrored[-_PILOT:-_PILOT] = columns_of(more, -1)
            number += len(more)
            result = summarised(mirrored)

    def _wanted(self, result, max_chunks, tolerance, done):
        """The number of chunks that the wanted interval needs, by an `Estimate` so far."""
        wanted = max_chunks
        if tolerance is not None:
            goal = tolerance * abs(result.u0)
            # More paths narrow the Monte Carlo part alone. It may be the goal minus the
            # other parts, but never needs to be below a quarter of them, because that
            # would hardly narrow the interval.
            rest = result.time_grid + result.imperfect_z
            room = max(goal - rest, rest / 4)
            wanted = done * (result.monte_carlo / max(room, 1e-300)) ** 2
            wanted = math.ceil(min(max_chunks, wanted))
        self.chunks.progress = done, wanted, result
        return wanted

    def pilot_run(self):
        """`drift_size` and `iterated_integrals` of `Estimate`, from one chunk of paths.

        Raises:
            FloatingPointError: a path is no longer a finite number.
        """
        both = self._first_chunk()
        better = lower_variance(*both)
        columns, _ = self.chunks.finite([both[better]])[0]
        return float(np.mean(columns[0, COLUMNS.index("b_square")])), better

    def _first_chunk(self):
        """The first chunk without and with `iterated_integrals_of_z`."""
        self.chunks.progress = 0, 2 * _PILOT, None
        return self.chunks.sampled([(0, *self._no_sizes, out) for out in (False, True)])
