"""The result of a method: u0, z0, and z and u as functions of (t, x)."""

import abc

import tensorflow as tf


class Approximation(abc.ABC):
    """An approximation of the solution u of an equation, and of z = sigma^T grad u.

    Estimates, figures and files read this class alone, whatever method stands behind it.

    Attributes:
        equation: `Equation`.
        grid: array `[N + 1]`. The times on which the method worked.
        dtype: str. Float type in which its paths are best simulated.
        fixed_times: bool. Whether z is known at the times of `grid` alone.
        model: None, or the Keras model behind the approximation.
        baseline: None, or the mean of g(X_T) on a sample and its standard error.
        history: dict of lists of equal length: `step`, `loss`, `u0`; empty where nothing
            was trained.
        settings: dict of plain values: how it was found, for the report.
    """

    fixed_times = False
    model = None

    def __init__(self):
        self.baseline = None
        self.history = {"step": [], "loss": [], "u0": []}
        self.settings = {}

    @property
    def num_steps(self):
        """N, the number of time steps of `grid`."""
        return len(self.grid) - 1

    @property
    @abc.abstractmethod
    def u0(self):
        """u(0, x0), a scalar Tensor."""

    @abc.abstractmethod
    def set_u0(self, value):
        """Replaces u0 by a better estimate of it."""

    @property
    def x0(self):
        """The start of the paths of an estimate, a Tensor `[dim]`."""
        return tf.constant(self.equation.x0, self.dtype)

    def start_at(self, x0):
        """Moves x0, and u0 and z0 with it, where the equation's start varies.

        Args:
            x0: array `[dim]`, in the region of the start.
        """
        raise NotImplementedError(f"{type(self).__name__} has one start.")

    @property
    def z0(self):
        """z(0, x0), a Tensor `[noise_dim]`, or None where the method finds none."""
        return None

    def z_at_start(self, x):
        """z at time 0 for starts x `[batch, dim]`: z0, or zero where there is none."""
        z0 = 0.0 if self.z0 is None else tf.cast(self.z0, x.dtype)
        return tf.zeros((tf.shape(x)[0], self.equation.noise_dim), x.dtype) + z0

    def z(self, index, t, x):
        """z at one time of (0, T] for all paths, or None where the method finds none.

        Args:
            index: int Tensor. The number of t among the inner times of `grid`, from 0; it
                counts only where `fixed_times` is True.
            t: Tensor `[batch, 1]`, the same time for all paths.
            x: Tensor `[batch, dim]`.

        Returns:
            Tensor `[batch, noise_dim]`, or None.
        """
        return None

    def u(self, t, x):
        """u at (t, x), Tensor `[batch, 1]`, or None where the method finds none."""
        return None

    @property
    def first_time(self):
        """The first time at which `u` is known as a function of x."""
        return 0.0

    def region(self, t):
        """The pair (low, high), each `[dim]`, of the x at time t on which `u` rests.

        None where the method finds no u(t, x).
        """
        return None

    def point_function(self):
        """u and z as a `PointFunction`, a Keras layer in float32, for export.

        None where the method finds neither.
        """
        return None

    @property
    def trained_u0(self):
        """u0 as the method left it, before any estimate; None where that is unknown."""
        if self.history["u0"]:
            return self.history["u0"][-1]
        return None if self.baseline is None else self.baseline[0]

    def contradicted_by(self, estimate):
        """None, or why an `Estimate` on fresh paths shows that this one is of no use.

        A clause that follows "because": the paths of the estimate leave the region where
        the method worked, for example, so that its interval may not hold.
        """
        return None

    def describe(self):
        """The entries of a report on the approximation, as plain Python values."""
        return {"num_steps": self.num_steps, **self.settings}

    @abc.abstractmethod
    def save(self, folder):
        """Writes what `load` of the same class reads back, into an existing folder."""

    @classmethod
    @abc.abstractmethod
    def load(cls, folder, equation):
        """The approximation that `save` wrote, for the same equation."""


def as_approximation(value):
    """`value` itself, or the approximation that it has; None where it has none."""
    if isinstance(value, Approximation):
        return value
    found = None if isinstance(value, type) else getattr(value, "approximation", None)
    return found if isinstance(found, Approximation) else None


def z_or_zero(approximation, index, t, x):
    """`Approximation.z`, with zeros in the place of None, `[batch, noise_dim]`."""
    z = approximation.z(index, t, x)
    if z is None:
        return tf.zeros((tf.shape(x)[0], approximation.equation.noise_dim), x.dtype)
    return z
