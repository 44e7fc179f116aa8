"""A trained `GlobalModel` as an approximation."""

from kerasmodels._support import files
from kerasmodels.bsde.approximation import Approximation
from kerasmodels.bsde.methods.deep_bsde.function import function_of
from kerasmodels.loading import load_model


class NetworkApproximation(Approximation):
    """u0, z0 and z of a `GlobalModel`.

    Args:
        model: `GlobalModel`.
    """

    def __init__(self, model):
        super().__init__()
        self.model = model
        if model.start is not None:
            self.baseline = model.start.u0, model.start.u0_standard_error

    @property
    def equation(self):
        return self.model.equation

    @property
    def grid(self):
        return self.model.grid

    @property
    def dtype(self):
        return self.model.variable_dtype

    @property
    def fixed_times(self):
        return self.model.fixed_times

    @property
    def u0(self):
        return self.model.u0

    def set_u0(self, value):
        self.model.set_u0(value)

    @property
    def z0(self):
        return self.model.z0

    def z(self, index, t, x):
        return self.model.z_at(index, t, x)

    def point_function(self):
        return function_of(self.model)

    def describe(self):
        control = self.model.control
        return {
            **super().describe(),
            "num_parameters": self.model.count_params(),
            "importance_sampling": self.model.importance_sampling,
            "control": type(None).__name__ if control is None else control.label,
        }

    def save(self, folder):
        """Writes `model.keras` and `export/`, a SavedModel."""
        with files.replacing(folder / "model.keras") as temporary:
            self.model.save(temporary)
        self.model.export(folder / "export")

    @classmethod
    def load(cls, folder, equation):
        return cls(load_model(folder / "model.keras"))
