"""Numbers of forward SDEs: one for all coordinates or one for each, and their noise."""

import numpy as np
from keras import ops

from kerasmodels._support import checks


def numbers(owner, argument, value, dim, at_least=None):
    """Returns a float, or a float64 array `[dim]` where `value` has one per coordinate."""
    if np.ndim(value if checks.as_numbers(value) is not None else 0) == 0:
        return checks.finite_float(owner, argument, value, at_least=at_least)
    array = checks.point(owner, argument, value, dim)
    if at_least is not None and np.any(array < at_least):
        expected = f"at least {at_least:g} in each coordinate"
        received = f"{argument}={checks.describe(value)}"
        raise checks.ArgumentError(checks.message(owner, argument, expected, received))
    return array


def constant(value, like):
    """A float as it is, an array as a tensor of the type of `like`."""
    return value if isinstance(value, float) else ops.convert_to_tensor(value, like.dtype)


class Noise:
    """The noise of the coordinates: dB_i = sum_j unit_ij dW_j of variance dt.

    Args:
        owner: str.
        dim: int.
        volatility: float > 0; `dim` floats >= 0; or an array `[dim, noise_dim]`, a row of
            loadings on common factors per coordinate.
        correlation: None or an array `[dim, dim]`: of the dB_i. Not with loadings.

    Attributes:
        volatility, correlation: as given, floats and float64 arrays.
        size: float or array `[dim]`. The volatility of each coordinate.
        count: int. The number of increments.

    Raises:
        ValueError: an argument is not of the form above, or `correlation` is not symmetric
            with ones on its diagonal and without negative eigenvalues.
    """

    @classmethod
    def of(cls, equation, volatility, correlation):
        """The noise of an equation, which gets its arguments and `noise_dim` from it."""
        noise = cls(type(equation).__name__, equation.dim, volatility, correlation)
        equation.volatility, equation.correlation = noise.volatility, noise.correlation
        equation.noise_dim = noise.count
        return noise

    def __init__(self, owner, dim, volatility, correlation):
        self.count, self._unit, self.correlation = dim, None, None
        array = checks.as_numbers(volatility)
        if array is not None and array.ndim == 2:
            self._take_loadings(owner, dim, array, correlation)
            return
        if array is None or array.ndim == 0:
            self.size = checks.finite_float(owner, "volatility", volatility, above=0.0)
        else:
            self.size = numbers(owner, "volatility", volatility, dim, at_least=0.0)
        self.volatility = self.size
        if correlation is not None:
            self.correlation = _correlation(owner, dim, correlation)
            self._unit = _root(self.correlation)

    def _take_loadings(self, owner, dim, loadings, correlation):
        if len(loadings) != dim or not loadings.size or not np.all(np.isfinite(loadings)):
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    "volatility",
                    f"a number, {dim} numbers, or {dim} rows of loadings, all finite",
                    f"volatility={checks.describe(loadings)}",
                )
            )
        if correlation is not None:
            raise checks.ArgumentError(
                checks.message(
                    owner,
                    "correlation",
                    "left out where `volatility` has rows of loadings",
                    f"correlation={checks.describe(correlation)}",
                    "The loadings already correlate the coordinates.",
                )
            )
        self.volatility, self.count = loadings, loadings.shape[1]
        self.size = np.linalg.norm(loadings, axis=1)
        self._unit = loadings / np.where(self.size > 0, self.size, 1.0)[:, None]

    def __call__(self, dw):
        """The increments dB of the coordinates, `[batch, dim]`."""
        if self._unit is None:
            return dw
        return ops.matmul(dw, ops.convert_to_tensor(self._unit.T, dw.dtype))


def _correlation(owner, dim, correlation):
    array = checks.finite_array(owner, "correlation", correlation)
    error = f"of shape ({dim}, {dim}), symmetric, with ones on the diagonal"
    right = array.shape == (dim, dim) and np.allclose(array, array.T, atol=1e-9)
    received = f"correlation={checks.describe(correlation)}"
    if right and np.allclose(np.diag(array), 1.0, atol=1e-9):
        smallest = float(np.linalg.eigvalsh(array)[0])
        if smallest > -1e-9:
            return array
        error = "without negative eigenvalues, as no noise is correlated so"
        received = f"a smallest eigenvalue of {smallest:.3g}"
    raise checks.ArgumentError(checks.message(owner, "correlation", error, received))


def _root(correlation):
    """A matrix L with L L^T = correlation, triangular where it is not singular."""
    try:
        return np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(correlation)
        return vectors * np.sqrt(np.maximum(values, 0.0))


def elapsed(rate, dt):
    """(1 - exp(-rate dt)) / rate, which is dt where the rate is zero."""
    still = np.equal(rate, 0.0)
    if np.all(still):
        return dt
    safe = np.where(still, 1.0, rate)
    safe = float(safe) if safe.ndim == 0 else ops.convert_to_tensor(safe, dt.dtype)
    value = -ops.expm1(-safe * dt) / safe
    if not np.any(still):
        return value
    return ops.where(ops.convert_to_tensor(still), dt, value)
