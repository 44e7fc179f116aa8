"""An approximation at one value of the parameters, on the state of a family."""

from kerasmodels.bsde.approximation import Approximation


class Extended(Approximation):
    """u and z of an approximation, read as those of a `Family` with a single start.

    Derivatives by the parameters take it: z need not be right at other values of the
    parameters, because an error of z enters in second order.

    Args:
        approximation: `Approximation` of the family's equation.
        family: `Family`.
    """

    def __init__(self, approximation, family):
        super().__init__()
        self._inner, self.equation = approximation, family
        self.grid, self.dtype = approximation.grid, approximation.dtype
        self.fixed_times = approximation.fixed_times

    @property
    def u0(self):
        return self._inner.u0

    def set_u0(self, value):
        self._inner.set_u0(value)

    @property
    def z0(self):
        return self._inner.z0

    def z(self, index, t, x):
        return self._inner.z(index, t, x[:, : self.equation.equation.dim])

    def save(self, folder):
        raise NotImplementedError("The approximation behind it is saved.")

    @classmethod
    def load(cls, folder, equation):
        raise NotImplementedError("The approximation behind it is loaded.")
