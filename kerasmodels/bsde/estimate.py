"""u(0, x0) from a trained model and fresh paths, with what it may be wrong by.

The terminal mismatch of a model is R = u_N - g(x_N). Its u0 is wrong by D_0 = u0 -
u(0, x0), its z by delta(t, x). Linearised around the model, the error of u along a path
is D with dD = -(f_u D + f_z . delta) dt + delta . dW, so that along paths driven by
b = f_z, with J = exp(-int f_u dt) the derivative of u_N by u0 along the path,

    E[R / J] = D_0 + E int (delta u, delta z)^T f'' (delta u, delta z) / (2 J) dt

One mean over fresh paths thus removes all that is of first order in the errors of u0 and
z: a Newton step. What is left is of second order; it is estimated from the variance of R
and the curvature of f along the paths, subtracted, and half of it kept as uncertainty.

The same noise drives a second set of paths with steps twice as long. Comparing the two
separates what the time grid does from what the networks do: Richardson extrapolation
removes the leading error of the trapezoidal rule, and in the variance the part of the
time grid falls with dt. Most of that part has mean zero and is taken out (grid_noise.py).

References: Kantorovich's theorem on Newton's method; El Karoui, Peng and Quenez (1997),
https://doi.org/10.1111/1467-9965.00022, section 2 (linear BSDEs and adjoint processes).
"""

import concurrent.futures
import dataclasses
import math

import numpy as np

from kerasmodels import _checks, _memory
from kerasmodels.bsde.distribution import agreed
from kerasmodels.bsde.path_sampler import COLUMNS, path_sampler
from kerasmodels.bsde.paths import time_grid

# Of a normal distribution: 95 % lie within.
QUANTILE = 1.96
# Chunks that say how large the errors of u and z are.
_PILOT = 4
# Random numbers in all from which compiling the paths by XLA pays.
_COMPILED = 2**22


@dataclasses.dataclass(frozen=True)
class Estimate:
    """u(0, x0) with its 95 % interval and the three parts of the half-width.

    Attributes:
        u0: float. The estimate.
        standard_error: float. Of the mean over the paths.
        monte_carlo: float. Part of the half-width: 1.96 standard errors.
        time_grid: float. Part of the half-width: the change that the last halving of the
            time step made after extrapolation.
        imperfect_z: float. Part of the half-width: half of the second-order correction
            for the error of z and u along the paths, and what the measured component of
            that error along z, with an error of u of the same sign, would change.
        correction: float. That second-order correction, already in `u0`; zero where it
            is larger than the mismatch, and then counts in full as uncertainty.
        num_paths: int.
        num_steps: int. Of the finer of both grids.
        mismatch_std: float. Standard deviation of u_N - g(x_N) on the finer grid.
        z_std: float. The part of it that does not come from the time grid.
        milstein: bool. Whether the noise of the grid was taken out (`grid_noise.py`): where
            that lowers the variance of the mismatch.
        drift_size: float. Mean of int |b|^2 dt: how far the driven paths are from the
            undriven ones.
    """

    u0: float
    standard_error: float
    monte_carlo: float
    time_grid: float
    imperfect_z: float
    correction: float
    num_paths: int
    num_steps: int
    mismatch_std: float
    z_std: float
    milstein: bool
    drift_size: float

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


def estimate_u0(
    model,
    num_paths=2**15,
    num_steps=None,
    drift=True,
    tolerance=None,
    chunk_size=None,
    seed=0,
):
    """Estimates u(0, x0) on fresh paths, with the trained z as control variate.

    Nothing is trained. Paths come in chunks that are thrown away, so memory does not grow
    with their number, and always with the trapezoidal rule, whatever rule was trained.

    Args:
        model: `GlobalModel`.
        num_paths: int. Number of paths, rounded up to whole chunks, at least eight of
            them. With `tolerance`, the largest number.
        num_steps: None or int. Equal time steps of the finer grid, an even number; the
            coarser has half as many. None is twice the model's. Where a network belongs
            to each time, the finer grid is the model's own.
        drift: bool. Whether paths are driven by b = df/dz. Without it an error of z
            enters in first order where the driver depends on z.
        tolerance: None or float. Relative half-width of the interval at which no more
            paths are drawn, as far as their number can help.
        chunk_size: None or int. Paths at a time; None fills the processor's cache.
        seed: int. Other paths than those of a training with the same seed.

    Returns:
        An `Estimate`.

    Raises:
        ValueError: an argument is not of the form above.
        FloatingPointError: a path is no longer a finite number.
    """
    owner = "estimate_u0"
    num_paths = _checks.positive_int(owner, "num_paths", num_paths)
    if tolerance is not None:
        _checks.finite_float(owner, "tolerance", tolerance, above=0.0)
    else:
        numbers, what = 4 * len(COLUMNS) * num_paths, f"what is kept of {num_paths} paths"
        advice = "Take fewer, or a tolerance at which to stop."
        _memory.fits(owner, "num_paths", numbers, "float64", what, advice)
    estimator = Estimator(model, num_steps, drift, chunk_size, seed, most_paths=num_paths)
    return estimator(num_paths, tolerance)


class Estimator:
    """`estimate_u0` for repeated use: the paths are compiled once.

    Each call reads the weights of the model anew and draws the same noise, so two calls
    differ by what changed in the model alone.

    Args:
        model, num_steps, drift, chunk_size, seed: as in `estimate_u0`.
        most_paths: None or int. The largest `num_paths` of a call, where that is known:
            few paths come in smaller chunks, and need not be compiled by XLA.

    Call arguments:
        num_paths, tolerance: as in `estimate_u0`.

    Raises:
        ValueError: an argument is not of the form there.
    """

    def __init__(
        self,
        model,
        num_steps=None,
        drift=True,
        chunk_size=None,
        seed=0,
        most_paths=None,
    ):
        owner = "estimate_u0"
        if isinstance(model, type) or not hasattr(model, "z_at"):
            raise _checks.ArgumentError(
                _checks.message(owner, "model", "a `GlobalModel`", _checks.describe(model))
            )
        drift = _checks.boolean(owner, "drift", drift)
        numbers_per_step = max(model.equation.dim, model.equation.noise_dim)
        if chunk_size is None:
            chunk_size = 2**16 // numbers_per_step
            if most_paths is not None:
                chunk_size = min(chunk_size, most_paths // (2 * _PILOT))
            chunk_size = int(np.clip(chunk_size, 64, 4096))
        self.chunk_size = _checks.positive_int(owner, "chunk_size", chunk_size)
        seed = _checks.seed_int(owner, seed)
        self.model = model
        self.grid = _grids(model, num_steps)
        # The noise of a chunk is drawn at once.
        _memory.fits(
            owner,
            "chunk_size",
            2 * self.chunk_size * len(self.grid) * model.equation.noise_dim,
            model.variable_dtype,
            f"the noise of {self.chunk_size} paths of {len(self.grid) - 1} steps",
            "Take a smaller chunk, or fewer time steps.",
        )
        self._no_sizes = np.zeros((2, len(self.grid))), (-1.0, 0.0, 0.0)
        numbers = math.inf
        if most_paths is not None:
            numbers = max(most_paths, self.chunk_size) * numbers_per_step * len(self.grid)
        self._sample = path_sampler(
            model, self.grid, drift, self.chunk_size, seed, numbers >= _COMPILED
        )

    def __call__(self, num_paths=2**15, tolerance=None):
        num_paths = _checks.positive_int("estimate_u0", "num_paths", num_paths)
        if tolerance is not None:
            tolerance = _checks.finite_float(
                "estimate_u0", "tolerance", tolerance, above=0.0
            )
        max_chunks = -(-num_paths // self.chunk_size)
        # The first chunks say how large the errors are, the next how much that matters.
        milstein, first = self._first_chunk()
        nothing = *self._no_sizes, milstein
        found = [first, *self._chunks(1, _PILOT, *nothing)]
        plain = [columns for columns, _ in found]
        u = np.concatenate([values for _, values in found], axis=-1)
        sizes = _error_sizes(self.grid, np.concatenate(plain, -1), u, milstein)
        curved = [c for c, _ in self._chunks(_PILOT, 2 * _PILOT, *sizes, milstein)]
        while True:
            result = _summary(self.model, self.grid, plain, curved, sizes, milstein)
            done = len(plain) + len(curved)
            wanted = max_chunks
            if tolerance is not None:
                goal = tolerance * abs(result.u0)
                # More paths cannot make the rest smaller: they get what it leaves, and
                # need not do better than a quarter of it.
                rest = result.time_grid + result.imperfect_z
                room = max(goal - rest, rest / 4)
                wanted = done * (result.monte_carlo / max(room, 1e-300)) ** 2
                wanted = math.ceil(min(max_chunks, wanted))
            if wanted <= done:
                return Estimate(**agreed(dataclasses.asdict(result)))
            plain += [columns for columns, _ in self._chunks(done, wanted, *nothing)]

    def look(self):
        """`drift_size` and `milstein` of `Estimate`, from one chunk of paths.

        Raises:
            FloatingPointError: a path is no longer a finite number.
        """
        milstein, (columns, _) = self._first_chunk()
        return float(np.mean(columns[0, COLUMNS.index("drift")])), milstein

    def _first_chunk(self):
        """Whether `grid_noise` lowers the variance, and that chunk the better way."""
        both = self._sampled([(0, *self._no_sizes, out) for out in (False, True)])
        variances = [np.var(columns[0, COLUMNS.index("newton")]) for columns, _ in both]
        milstein = bool(variances[1] < variances[0])
        return milstein, self._finite([both[milstein]])[0]

    def _chunks(self, first, last, u_size, z_size, milstein):
        """Columns and u of each chunk."""
        calls = [(k, u_size, z_size, milstein) for k in range(first, last)]
        return self._finite(self._sampled(calls))

    def _sampled(self, calls):
        # Two at a time: one of them alone does not keep two cores busy.
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda call: self._sample(*call), calls))

    def _finite(self, found):
        if not all(np.all(np.isfinite(columns)) for columns, _ in found):
            raise FloatingPointError(
                f"Paths of {self.model.equation!r} are no longer finite numbers on "
                f"{len(self.grid) - 1} time steps. Take more steps, or drift=False."
            )
        return found


def _grids(model, num_steps):
    """The finer grid, with an even number of steps; every other time is the coarser's."""
    own = getattr(model.control, "num_times", None) is not None
    skip = model.terminal_skip
    if own or (skip is not None and skip.num_times is not None):
        if num_steps not in (None, model.num_steps):
            raise _checks.ArgumentError(
                _checks.message(
                    "estimate_u0",
                    "num_steps",
                    f"{model.num_steps}, as a network belongs to each time of this model",
                    f"num_steps={_checks.describe(num_steps)}",
                    'Control processes that take any time: "exchangeable", "shared".',
                )
            )
        grid = model.grid
        # A step of length zero changes nothing and makes the number even.
        return np.append(grid, grid[-1]) if model.num_steps % 2 else grid
    if num_steps is None:
        # Also where the training grid is not uniform: every step is halved.
        middle = (model.grid[1:] + model.grid[:-1]) / 2
        return np.sort(np.concatenate([model.grid, middle]))
    num_steps = _checks.positive_int("estimate_u0", "num_steps", num_steps, minimum=2)
    if num_steps % 2:
        raise _checks.ArgumentError(
            _checks.message("estimate_u0", "num_steps", "even", f"num_steps={num_steps}")
        )
    return time_grid(model.equation.terminal_time, num_steps)


def _error_sizes(grid, columns, u, milstein):
    """How large the errors of u and z are: `u_size` and `z_size` of `path_sampler`.

    variance of the mismatch = part of z + (part of the grid) dt^p, on both grids, with
    p = 1, or 2 where its noise was taken out; what `grid_noise` leaves of order dt counts
    as a part of z. The part of z is taken as spread evenly over the time and over the
    coordinates. Its component along z, which would count most, is measured: int delta . e
    dt is the covariance of the mismatch and int e . dW. The part of the grid at each time
    is seen in the difference of u on both grids: the coarser one makes the errors of the
    finer and others beside them, so its variance is (2^p - 1) times that of the finer.
    Paths count by 1 / J, as their errors do in the estimate.
    """
    mismatch = columns[:, COLUMNS.index("mismatch")]
    along = columns[0, COLUMNS.index("along_z")]
    # 1 / J: where the errors of a path count much, their size is wanted.
    newton = columns[0, COLUMNS.index("newton")]
    weight = np.divide(
        newton, mismatch[0], out=np.ones_like(newton), where=mismatch[0] != 0
    )
    weight = np.abs(weight) / np.mean(np.abs(weight))

    def centred(values):
        return values - np.mean(weight * values, axis=-1, keepdims=True)

    fine, coarse = np.mean(weight * centred(mismatch) ** 2, axis=-1)
    of_z = max(0.0, (4 * fine - coarse) / 3 if milstein else 2 * fine - coarse)
    shared = np.append(grid[:-1:2], grid[-1])
    finer = np.mean(weight * centred(u[0] - u[1]) ** 2, axis=-1) / (3 if milstein else 1)
    of_grid = np.interp(grid, shared, finer)
    z_part = of_z * grid / grid[-1]
    u_size = np.sqrt([of_grid + z_part, (4 if milstein else 2) * of_grid + z_part])
    products = weight * centred(mismatch[0]) * centred(along)
    along_z = abs(np.mean(products)) + 2 * _standard_error(products)
    of_z = math.sqrt(of_z)
    return u_size, (of_z / math.sqrt(grid[-1]), along_z / grid[-1], of_z)


def _summary(model, grid, plain, curved, sizes, milstein):
    def column(name, found):
        return np.concatenate(found, axis=-1)[:, COLUMNS.index(name)]

    u0 = float(np.asarray(model.u0, "float64"))
    # Per path, so that the standard error knows how both grids go together.
    newton = column("newton", plain + curved)
    extrapolated = _extrapolate(u0 - newton)
    curvature = _extrapolate(column("curvature", curved))
    second_order = float(np.mean(curvature))
    aligned = float(np.mean(column("aligned", curved)[0]))
    mismatch_std = float(np.std(column("mismatch", plain + curved)[0]))
    value = float(np.mean(extrapolated))
    on_finer_grid = u0 - np.mean(newton[0])
    standard_error = _standard_error(extrapolated)
    # A correction of second order that is larger than the mismatch itself is not one.
    usable = abs(second_order) <= mismatch_std
    if usable:
        standard_error = math.hypot(standard_error, _standard_error(curvature))
        value += second_order
        on_finer_grid += np.mean(column("curvature", curved)[0])
    return Estimate(
        u0=value,
        standard_error=standard_error,
        monte_carlo=QUANTILE * standard_error,
        time_grid=float(abs(value - on_finer_grid)),
        imperfect_z=abs(second_order) * (0.5 if usable else 1.0) + abs(aligned),
        correction=second_order if usable else 0.0,
        num_paths=newton.shape[-1],
        num_steps=len(grid) - 1,
        mismatch_std=mismatch_std,
        z_std=sizes[1][2],
        milstein=milstein,
        drift_size=float(np.mean(column("drift", plain + curved)[0])),
    )


def _extrapolate(values):
    """Richardson's combination of the finer and the coarser grid, for second order."""
    fine, coarse = values
    return (4 * fine - coarse) / 3


def _standard_error(values):
    return float(np.std(values) / math.sqrt(len(values)))
