"""What `solve` returns: the numbers, the trained model, and how to keep them."""

import csv
import dataclasses
import io
import math
import pathlib

from kerasmodels import _files, _script
from kerasmodels.bsde.equation import Equation, Reference
from kerasmodels.bsde.estimate.interval import Estimate
from kerasmodels.bsde.figure import draw
from kerasmodels.bsde.methods.deep_bsde.global_model import GlobalModel


@dataclasses.dataclass
class Solution:
    """u(0, x0) of an equation with its interval, beside what is known of it.

    Attributes:
        name: str. Name of the equation.
        equation: `Equation`.
        model: the trained `GlobalModel`; its u0 is the estimate.
        estimate: `Estimate`. u0, its 95 % interval and the parts of its width.
        tolerance: float. Half-width that was asked for, relative to u0.
        trained_u0: float. u0 at the end of the training, before the estimate.
        baseline_u0: float. E g(X_T), what one gets without solving anything.
        baseline_standard_error: float. Of that mean.
        history: dict of lists: `step`, `loss` (mean since the point before), `u0`.
        seconds: float. Wall time of building, training and estimating, with compilation;
            where a run was resumed, with what it had spent at the checkpoint.
        seed, batch_size, learning_rate: as trained.
        versions: dict of str.
    """

    name: str
    equation: Equation
    model: GlobalModel
    estimate: Estimate
    tolerance: float
    trained_u0: float
    baseline_u0: float
    baseline_standard_error: float
    history: dict
    seconds: float
    seed: int
    batch_size: int
    learning_rate: float
    versions: dict

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
        """Whether the interval is as narrow as `tolerance` asked."""
        return bool(self.estimate.half_width <= self.tolerance * abs(self.u0))

    @property
    def z0(self):
        """sigma^T grad u(0, x0) as trained, `[noise_dim]`."""
        return self.model.z0.numpy()

    def to_dict(self):
        """The numbers as plain Python values, ready for JSON. Unknown ones are None."""
        reference = self.equation.reference() or Reference(math.nan, None, math.nan)
        relative_error = None
        if math.isfinite(reference.value) and reference.value != 0:
            relative_error = abs(self.u0 - reference.value) / abs(reference.value)
        config = self.equation.get_config()
        if len(set(config.get("x0", []))) == 1:
            config["x0"] = config["x0"][0]
        return {
            "equation": self.name,
            "equation_config": config,
            "dim": self.equation.dim,
            "num_steps": self.model.num_steps,
            "batch_size": self.batch_size,
            "learning_rate": self.learning_rate,
            "steps": self.history["step"][-1],
            "num_parameters": self.model.count_params(),
            "u0": self.u0,
            "u0_standard_error": self.estimate.standard_error,
            "u0_interval": list(self.interval),
            "trained_u0": self.trained_u0,
            "estimate": self.estimate.to_dict(),
            "tolerance": self.tolerance,
            "converged": self.converged,
            "drift": self.model.drift,
            "control": type(self.model.control).__name__,
            "reference_u0": _number(reference.value),
            "reference_source": reference.source,
            "reference_tolerance": _number(reference.tolerance),
            "relative_error": relative_error,
            "baseline_u0": self.baseline_u0,
            "baseline_standard_error": self.baseline_standard_error,
            "loss": self.history["loss"][-1],
            "seconds": self.seconds,
            "seed": self.seed,
            "versions": self.versions,
            "history": self.history,
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
            _script.save_figure(figure, pathlib.Path(path))
        return figure

    def save(self, folder):
        """Writes `result.json`, `history.csv`, `model.keras` and `export/`.

        Each is written beside its place and renamed, so that none is ever half written.
        """
        folder = pathlib.Path(folder)
        _files.write_json(folder / "result.json", self.to_dict())
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(self.history)
        writer.writerows(zip(*self.history.values()))
        _files.write_text(folder / "history.csv", table.getvalue())
        with _files.replacing(folder / "model.keras") as temporary:
            self.model.save(temporary)
        self.model.export(folder / "export")


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
