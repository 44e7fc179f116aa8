"""The result of `solve`: its numbers, its approximation, and their files."""

import csv
import dataclasses
import io
import math
import pathlib

import keras
import numpy as np

from kerasmodels._support import checks, files, registered
from kerasmodels.bsde.approximation import Approximation
from kerasmodels.bsde.deploy import Policy, Surface
from kerasmodels.bsde.equation import Equation, Reference
from kerasmodels.bsde.equations.family import Family
from kerasmodels.bsde.estimate.estimator import Estimator
from kerasmodels.bsde.estimate.interval import Estimate
from kerasmodels.bsde.figure import draw
from kerasmodels.bsde.greeks import greeks_at
from kerasmodels.bsde.methods.base import Method
from kerasmodels.bsde.policy_cost import policy_cost
from kerasmodels.bsde.values import estimates_at, points_at, values_at


@dataclasses.dataclass
class Solution:
    """u(0, x0) of an equation with its interval, and how it was found.

    Attributes:
        name: str. Name of the equation.
        equation: `Equation`.
        method: `Method`.
        approximation: `Approximation`, what the method found; its u0 is the estimate.
        estimate: `Estimate`. u0, its 95 % interval and the parts of its width.
        tolerance: float. Wanted half-width, relative to u0.
        seconds: float. Wall time of building, training and estimating, with compilation;
            where a run was resumed, with what it had spent at the checkpoint.
        seed: int.
        versions: dict of str.
        region_error: None, or for a `Family` the relative error of u as a function, at
            random points of its region.
    """

    name: str
    equation: Equation
    method: Method
    approximation: Approximation
    estimate: Estimate
    tolerance: float
    seconds: float
    seed: int
    versions: dict
    region_error: float | None = None

    def __post_init__(self):
        self._estimators = {}
        # `Differentiator`s by the names of their parameters, made at their first use.
        self.differentiators = {}

    @property
    def model(self):
        """The Keras model behind the approximation, or None."""
        return self.approximation.model

    @property
    def history(self):
        """dict of lists: `step`, `loss` (mean since the point before), `u0`."""
        return self.approximation.history

    @property
    def trained_u0(self):
        """u0 as the method left it, before the estimate."""
        return self.approximation.trained_u0

    @property
    def baseline_u0(self):
        """E g(X_T), the guess without solving anything; None where it is unknown."""
        baseline = self.approximation.baseline
        return None if baseline is None else baseline[0]

    @property
    def u0(self):
        """u(0, x0), estimated on fresh paths after the training."""
        return self.estimate.u0

    @property
    def interval(self):
        """The 95 % interval of u(0, x0), (lower end, upper end)."""
        return self.estimate.interval

    @property
    def converged(self):
        """Whether the interval is as narrow as `tolerance`."""
        return bool(self.estimate.half_width <= self.tolerance * abs(self.u0))

    @property
    def z0(self):
        """sigma^T grad u(0, x0) as the method left it, `[noise_dim]`, or None."""
        z0 = self.approximation.z0
        return None if z0 is None else np.asarray(z0)

    def at(self, x=None, t=0.0, **parameters):
        """u and its derivatives at many points, as the method left them: no interval.

        Args:
            x: None for x0, or floats `[dim]` or `[points, dim]`. Of a `Family`, the
                equation's own coordinates.
            t: float. At 0 only where the start varies (`Family`).
            **parameters: of a `Family`, by name: one value, or one for each point. Those
                left out are the equation's own.

        Returns:
            `Values`.

        Raises:
            ValueError: an argument is not of that form, a point is outside the region of
                the solution, or the method gives no u(t, x).
        """
        points = points_at(self.approximation, x, t, parameters)
        error = math.nan if self.region_error is None else self.region_error
        return values_at(self.approximation, points, float(t), error)

    def estimate_at(self, x0=None, num_paths=2**15, tolerance=None, **parameters):
        """u(0, x0) with its interval at other starts and parameters of a `Family`.

        Fresh paths start there, with the u and z of the solution as control variate;
        nothing is solved again. All points share one compiled graph and their noise.

        Args:
            x0: None, or floats `[dim]` or `[points, dim]`.
            num_paths: int. Paths for each point, at most.
            tolerance: None for that of the solution, or a float: wanted half-width of the
                interval, relative to u0.
            **parameters: as in `at`.

        Returns:
            A list of `Estimate`s, one for each point.

        Raises:
            ValueError: an argument is not of that form, a point is outside the region, or
                the equation is no `Family`.
            MethodFailed: the paths from a point contradict the solution.
        """
        owner, equation = "Solution.estimate_at", self.equation
        checks.instance(owner, "equation", equation, Family)
        num_paths = checks.positive_int(owner, "num_paths", num_paths)
        if tolerance is None:
            tolerance = self.tolerance
        tolerance = checks.finite_float(owner, "tolerance", tolerance, above=0.0)
        points = equation.points(owner, x0, parameters)
        return estimates_at(
            self.approximation, self.estimator(num_paths), points, num_paths, tolerance
        )

    def estimator(self, num_paths):
        """The `Estimator` of at most `num_paths` paths, made at its first use."""
        if num_paths not in self._estimators:
            self._estimators[num_paths] = Estimator(
                self.approximation, seed=self.seed, most_paths=num_paths
            )
        return self._estimators[num_paths]

    def greeks(self, *names, x0=None, num_paths=2**14, **parameters):
        """Derivatives of u(0, x0) with 95 % intervals, all from one set of paths.

        Args:
            *names: of parameters of the equation: arguments of its constructor that its
                coefficients read at each call. The ranges of a `Family` are all included.
            x0: None, or floats `[dim]`, of a `Family`.
            num_paths: int.
            **parameters: as in `at`.

        Returns:
            A dict of `Derivatives`: grad u by "x", du / dp by the name of each parameter.

        Raises:
            ValueError: an argument is not of that form, or a coefficient does not read a
                parameter so.
            JumpError: the terminal condition jumps, so that the derivatives along paths
                would be wrong.
        """
        return greeks_at(self, names, x0, parameters, num_paths)

    def gradient(self, x0=None, num_paths=2**14, **parameters):
        """grad u(0, x0) with its intervals: `greeks` by "x"."""
        return self.greeks(x0=x0, num_paths=num_paths, **parameters)["x"]

    def sensitivity(self, name, x0=None, num_paths=2**14, **parameters):
        """du(0, x0) / dp of one parameter: `greeks` by its name."""
        return self.greeks(name, x0=x0, num_paths=num_paths, **parameters)[name]

    def surface(self):
        """u as a small Keras model (t, x) -> u, in float32, without an interval.

        Of a `Family` with parameters (t, x, parameters) -> u. The model needs nothing of
        the solution, and exports as a SavedModel, to ONNX and to LiteRT. Before t_1, the
        end of the first step, it gives u(t_1, x), except for a `Family`.

        Returns:
            `Surface`.

        Raises:
            ValueError: the method gives no u(t, x).
        """
        return Surface(self._point_function("Solution.surface", "u"))

    def policy(self):
        """z as a small Keras model (t, x) -> z, as `surface` gives u.

        Of a `ControlProblem` the model gives the optimal control.

        Returns:
            `Policy`.

        Raises:
            ValueError: the method gives no z.
        """
        return Policy(self._point_function("Solution.policy", "z"))

    def _point_function(self, owner, part):
        """The `PointFunction` of the approximation, which gives `part`: "u" or "z"."""
        function = self.approximation.point_function()
        if function is None or part == "u" and not function.has_value:
            raise checks.ArgumentError(
                f"`{owner}` needs {part} as a function of (t, x), which the method that "
                'found this solution does not give. `solve(equation, "regression")` gives '
                "it."
            )
        return function

    def policy_cost(self, num_paths=2**14, num_steps=None):
        """The mean cost of `policy` on fresh paths, of a `ControlProblem`.

        No control costs less than u(0, x0), so that the upper end of the interval of the
        cost bounds u(0, x0) from above.

        Args:
            num_paths: int.
            num_steps: None for four times those of the solution, or an even int.

        Returns:
            `PolicyCost`.

        Raises:
            ValueError: the equation is no `ControlProblem`, or its start varies.
            FloatingPointError: a path leaves the finite numbers.
        """
        num_steps = 4 * self.approximation.num_steps if num_steps is None else num_steps
        # Other noise than that of the estimate.
        return policy_cost(self.policy().function, self.seed + 1, num_paths, num_steps)

    def to_dict(self):
        """The numbers as plain Python values, ready for JSON. Unknown ones are None."""
        reference = self.equation.reference() or Reference(math.nan, None, math.nan)
        relative_error = None
        if math.isfinite(reference.value) and reference.value != 0:
            relative_error = abs(self.u0 - reference.value) / abs(reference.value)
        config = self.equation.get_config()
        if len(set(config.get("x0", []))) == 1:
            config["x0"] = config["x0"][0]
        history, baseline = self.history, self.approximation.baseline or (None, None)
        trained = bool(history["step"])
        return {
            "equation": self.name,
            "equation_config": config,
            "method": type(self.method).__name__,
            "dim": self.equation.dim,
            **self.approximation.describe(),
            "steps": history["step"][-1] if trained else 0,
            "u0": self.u0,
            "u0_standard_error": self.estimate.standard_error,
            "u0_interval": list(self.interval),
            "trained_u0": self.trained_u0,
            "estimate": self.estimate.to_dict(),
            "tolerance": self.tolerance,
            "converged": self.converged,
            "reference_u0": _number(reference.value),
            "reference_source": reference.source,
            "reference_tolerance": _number(reference.tolerance),
            "relative_error": relative_error,
            **({} if self.region_error is None else {"region_error": self.region_error}),
            "baseline_u0": baseline[0],
            "baseline_standard_error": baseline[1],
            "loss": history["loss"][-1] if trained else None,
            "seconds": self.seconds,
            "seed": self.seed,
            "versions": self.versions,
            "history": history,
        }

    def plot(self, path=None):
        """Draws u0 with its interval, and the loss, over the training.

        Args:
            path: None, or the file to write.

        Returns:
            A matplotlib figure.
        """
        figure = draw(self.to_dict())
        if path is not None:
            files.save_figure(figure, pathlib.Path(path))
        return figure

    def save(self, folder):
        """Writes `result.json`, `history.csv`, `solution.json`, and the approximation.

        Of the deep BSDE method that is `model.keras` and `export/`. Each is written beside
        its place and renamed, so that none is ever half written. `load` reads the folder.
        """
        folder = pathlib.Path(folder)
        files.write_json(folder / "result.json", self.to_dict())
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(self.history)
        writer.writerows(zip(*self.history.values()))
        files.write_text(folder / "history.csv", table.getvalue())
        serialize = keras.saving.serialize_keras_object
        record = {name: serialize(getattr(self, name)) for name in ("equation", "method")}
        files.write_json(folder / "solution.json", record)
        self.approximation.save(folder)

    @classmethod
    def load(cls, folder):
        """The solution that `save` wrote.

        Args:
            folder: str or path. It must come from a trusted source. The classes of the
                equation and of the method must be registered.

        Raises:
            ValueError: a file is missing, or names a class that is not registered.
        """
        folder = checks.path("Solution.load", "folder", folder)
        record = files.read_json(folder / "solution.json")
        equation, method = (
            registered.deserialize("Solution.load", record[name])
            for name in ("equation", "method")
        )
        result = files.read_json(folder / "result.json")
        approximation = type(method).approximation.load(folder, equation)
        approximation.history = result["history"]
        baseline = result["baseline_u0"], result["baseline_standard_error"]
        approximation.baseline = None if None in baseline else baseline
        settings = ("batch_size", "learning_rate")
        approximation.settings = {k: result[k] for k in settings if k in result}
        names = {field.name for field in dataclasses.fields(Estimate)}
        numbers = {k: v for k, v in result["estimate"].items() if k in names}
        kept = ("tolerance", "seconds", "seed", "versions")
        return cls(
            name=result["equation"],
            equation=equation,
            method=method,
            approximation=approximation,
            estimate=Estimate(**numbers),
            region_error=result.get("region_error"),
            **{name: result[name] for name in kept},
        )


def supported_digits(value, half_width):
    """`value` as text, with the digits that its interval supports: two of the half-width.

    supported_digits(4.59016, 0.00025) is "4.59016"; (123456.0, 2300.0) is "123500"; a
    value that is smaller than the last such digit is "0".
    """
    if not half_width > 0:
        return f"{value:.6f}"
    digits = 1 - math.floor(math.log10(half_width))
    if digits > 0:
        return f"{value:.{digits}f}"
    rounded = round(value, digits)
    if rounded == 0:
        return "0"
    figures = 1 + math.floor(math.log10(abs(rounded))) + digits
    return f"{rounded:.0f}" if abs(rounded) < 1e9 else f"{rounded:.{figures - 1}e}"


def _number(value):
    return float(value) if math.isfinite(value) else None
