"""Semilinear parabolic PDEs as classes of coefficients, without any numerical method."""

import abc
import inspect
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from keras import ops

from kerasmodels._support import checks, memory
from kerasmodels.bsde import schemes
from kerasmodels.bsde.curve import from_plain, plain


class Published(NamedTuple):
    """The setting in which the literature states the problem.

    `num_steps` is the number of time steps of the published experiment. It is kept for
    comparison; the grid belongs to the method.
    """

    source: str
    dim: int
    terminal_time: float
    num_steps: int
    x0: str


class Reference(NamedTuple):
    """A known value of u(0, x0), where it comes from, and how far it can be trusted.

    `tolerance` is the absolute error of `value` as far as it is known, NaN if it is not.
    """

    value: float
    source: str
    tolerance: float


class Equation(abc.ABC):
    """A semilinear parabolic PDE with a terminal condition, and its forward SDE.

        u_t + 1/2 Tr(sigma sigma^T Hess u) + mu . grad u + f(t, x, u, z) = 0
        u(T, x) = g(x),        z = sigma^T grad u
        dX = mu dt + sigma dW, X_0 = x0

    A subclass gives `diffusion_prod`, `driver` and `terminal`, and `drift` if it is not
    zero, as functions of batches. Everything is written with `keras.ops` (or TensorFlow)
    so that it runs in a compiled graph, in float32 and in float64.

    The forward SDE is stepped by its coefficients alone, by the scheme that the attribute
    `scheme` names ("euler", "heun", "platen", "flow"; `schemes.py` has their orders),
    unless `step` is overridden: the base classes of `kerasmodels.bsde.processes` have steps
    of their own. Without a name the scheme is that of Heun where sigma does not depend on
    x, and that of Euler and Maruyama elsewhere.

    `weak_order = 2` declares that a `step` has the law of X up to second order in dt. Then
    `estimate_u0` need not take out an error of first order, which narrows its interval.

    `get_config` collects the arguments of the subclass's constructor from attributes of
    the same names, so a constructor stores each argument under its own name.

    Noise of another size than the state is declared by `noise_dim`, as an attribute of the
    class (`noise_dim = 1`) or of the object (`self.noise_dim = num_factors` in the
    constructor): five factors may drive a hundred assets, one factor two rates, and a
    running mean is a coordinate of x that no noise reaches.

    Attributes declare what a problem has beyond this, so that a method can refuse a part
    that it does not treat. No method of this package treats any of the three:

        obstacle: None, or the h(t, x) below which u may not fall (early exercise).
        jumps: None, or a function or object that draws the jumps of X.
        coupled: bool. Whether mu or sigma depends on u or z.

    Args:
        dim: int. State dimension d.
        terminal_time: float. T > 0, in the equation's own unit of time.
        x0: float or `dim` floats. The start of the paths.

    Shapes, in every method:
        t: `[batch, 1]`; x: `[batch, dim]`; dw, z: `[batch, noise_dim]`; u: `[batch, 1]`.

    Raises:
        ValueError: `dim`, `terminal_time`, `x0` or `noise_dim` is not of the form above.

    Reference: Pardoux and Peng (1990), https://doi.org/10.1016/0167-6911(90)90082-6
    """

    published = None
    scheme = None
    # Of `step`: 2 where the equation declares it, None where it is unknown.
    weak_order = None
    obstacle = None
    jumps = None
    coupled = False
    # Whether `sample_start` draws other points than x0.
    start_varies = False
    # Whether it is a control problem, with `optimal_control`.
    has_control = False
    # How many of the coordinates are parameters, which do not move: the last ones.
    num_parameters = 0

    def __init__(self, dim, terminal_time, x0=0.0):
        owner = type(self).__name__
        self.dim = state_size(owner, dim)
        if not isinstance(type(self).noise_dim, property):
            # No setter has checked an attribute of the class.
            noise_size(owner, self.noise_dim)
        self.terminal_time = checks.finite_float(
            owner, "terminal_time", terminal_time, above=0.0
        )
        self.x0 = checks.point(owner, "x0", x0, self.dim)

    @property
    def noise_dim(self):
        """Number m of Brownian motions, the size of dw and z: `dim` unless declared."""
        return getattr(self, "_noise_dim", self.dim)

    @noise_dim.setter
    def noise_dim(self, value):
        self._noise_dim = noise_size(type(self).__name__, value)

    def sample_start(self, seed, count, dtype):
        """X_0 of each path, `[count, dim]`: x0, except in a `Family`.

        Args:
            seed: the pair (seed, number) of ints.
            count: int.
            dtype: "float32" or "float64".
        """
        return tf.zeros((count, 1), dtype) + tf.constant(self.x0, dtype)

    def drift(self, t, x):
        """mu(t, x), `[batch, dim]`. Zero unless overridden."""
        return ops.zeros_like(x)

    @abc.abstractmethod
    def diffusion_prod(self, t, x, dw):
        """sigma(t, x) dw, `[batch, dim]`; linear in `dw`. sigma itself is not formed."""

    @abc.abstractmethod
    def driver(self, t, x, u, z):
        """f(t, x, u, z), `[batch, 1]`, where z = sigma^T grad u (not grad u)."""

    @abc.abstractmethod
    def terminal(self, x):
        """g(x), `[batch, 1]`."""

    def exact_solution(self, t, x):
        """u(t, x), `[batch, 1]`, or None where it is not known in closed form."""
        return None

    @property
    def has_exact_solution(self):
        """Whether `exact_solution` gives a value."""
        return self._exact_start() is not None

    def _exact_start(self):
        t = tf.zeros((1, 1), "float64")
        return self.exact_solution(t, tf.constant(self.x0[None, :]))

    def reference(self):
        """The known u(0, x0) as a `Reference`, or None. By default the exact solution."""
        u = self._exact_start()
        if u is None:
            return None
        return Reference(float(np.asarray(u)[0, 0]), "exact solution", 0.0)

    def step(self, t, dt, x, dw):
        """X at t + dt given X = `x` at t, by the scheme that `scheme` names.

        Override it where the forward SDE can be solved over one step. `dt` is `[1, 1]`;
        `dw` is the Brownian increment over the step, variance dt.
        """
        owner, names = type(self).__name__, tuple(schemes.SCHEMES)
        name = self.scheme
        if name is None:
            name = schemes.default_scheme(self)
        name = checks.one_of(owner, "scheme", name, names)
        return schemes.SCHEMES[name](self, t, dt, x, dw)

    def known_weak_order(self):
        """`weak_order`, or 2 where `step` is Heun's by default, or None."""
        own = type(self).step is not Equation.step or self.scheme is not None
        if own or self.weak_order is not None:
            return self.weak_order
        return 2 if schemes.default_scheme(self) == "heun" else None

    def ito_correction(self, t, x):
        """1/2 sum_j (D sigma_j) sigma_j over the columns of sigma, `[batch, dim]`.

        The drift of Ito less that of Stratonovich; the scheme "flow" alone reads it.
        Forward differentiation costs as much as `noise_dim` evaluations of
        `diffusion_prod`: override the method where that is many.
        """
        return schemes.ito_correction(self, t, x)

    def diffusion_transpose_prod(self, t, x, v):
        """sigma(t, x)^T v, `[batch, noise_dim]`, by a vector-Jacobian product."""
        # diffusion_prod is linear in dw, so its derivative at 0 is sigma everywhere.
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            dw = tf.zeros_like(v[:, :1]) + tf.zeros((self.noise_dim,), v.dtype)
            tape.watch(dw)
            noise = self.diffusion_prod(t, x, dw)
        return tape.gradient(noise, dw, output_gradients=v, unconnected_gradients="zero")

    def value_and_z(self, u, t, x):
        """The pair (u, sigma^T grad_x u) at (t, x) for any function `u(t, x)`."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            x = tf.convert_to_tensor(x)
            tape.watch(x)
            value = u(t, x)
        gradient = tape.gradient(value, x, unconnected_gradients="zero")
        return value, self.diffusion_transpose_prod(t, x, gradient)

    def exact_z(self, t, x):
        """sigma^T grad u of the exact solution, or None where there is none."""
        if not self.has_exact_solution:
            return None
        return self.value_and_z(self.exact_solution, t, x)[1]

    def terminal_and_z(self, t, x):
        """The pair (g(x), sigma(t, x)^T grad g(x)): u and z if u were g at all times."""
        return self.value_and_z(lambda _, x: self.terminal(x), t, x)

    def get_config(self):
        """The constructor's arguments as plain Python values."""
        config = {}
        for name, parameter in inspect.signature(type(self).__init__).parameters.items():
            if name == "self" or parameter.kind in (
                parameter.VAR_POSITIONAL,
                parameter.VAR_KEYWORD,
            ):
                continue
            if not hasattr(self, name):
                raise NotImplementedError(
                    f"`{type(self).__name__}` has a constructor argument `{name}` but no "
                    f"attribute of that name. Write `self.{name} = {name}` in its "
                    "`__init__`, or override `get_config`."
                )
            config[name] = plain(getattr(self, name))
        return config

    @classmethod
    def from_config(cls, config):
        return cls(**{name: from_plain(value) for name, value in config.items()})

    def __repr__(self):
        try:
            config = self.get_config()
        except Exception:
            # An error of `get_config` must not hide the one whose text needs the name.
            return f"{type(self).__name__}(dim={self.dim})"
        arguments = ", ".join(f"{name}={_short(v)}" for name, v in config.items())
        return f"{type(self).__name__}({arguments})"


def _short(value):
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:18]} ... {text[-12:]}"


def state_size(owner, dim):
    """Returns `dim` as an int, or raises ValueError; also if no state fits into memory."""
    dim = checks.positive_int(owner, "dim", dim)
    what = f"x0, a state, its noise and z in dimension {dim}"
    memory.fits(owner, "dim", 4 * dim, "float64", what, "Take a smaller dimension.")
    return dim


def noise_size(owner, noise_dim):
    """Returns `noise_dim` as an int, or raises ValueError; also if no noise fits."""
    noise_dim = checks.positive_int(owner, "noise_dim", noise_dim)
    what = f"noise and z of size {noise_dim}"
    memory.fits(owner, "noise_dim", 2 * noise_dim, "float64", what, "Take fewer factors.")
    return noise_dim


def squared_norm(x):
    """|x|^2 over the last axis, kept as an axis of size 1."""
    if not ops.is_tensor(x):
        x = checks.tensor("squared_norm", "x", x)
    if not len(x.shape):
        raise checks.ArgumentError(
            checks.message("squared_norm", "x", "of shape (..., dim)", f"x={x}")
        )
    return ops.sum(ops.square(x), axis=-1, keepdims=True)


def require_positive_start(equation, x0):
    """Raises ValueError where a geometric Brownian motion starts at zero or below."""
    if np.any(equation.x0 <= 0):
        raise checks.ArgumentError(
            checks.message(
                type(equation).__name__,
                "x0",
                "positive",
                f"x0={checks.describe(x0)}",
                "Geometric Brownian motion never leaves or crosses zero.",
            )
        )


class GeometricBrownian(Equation):
    """An equation whose forward SDE is geometric Brownian motion, stepped exactly.

        dX = drift_rate X dt + volatility diag(X) dW

    X stays log-normal, so there is no sampling bias whatever the time step. Still
    abstract: a subclass gives `driver` and `terminal`.

    Args:
        dim: int. d.
        terminal_time: float. T.
        x0: float or `dim` floats, all > 0.
        drift_rate: float. Per unit of time.
        volatility: float. sigma > 0, per square root of a unit of time.

    Raises:
        ValueError: an argument is not of the form above.
    """

    def __init__(self, dim, terminal_time, x0, drift_rate, volatility):
        super().__init__(dim, terminal_time, x0)
        owner = type(self).__name__
        require_positive_start(self, x0)
        self.drift_rate = checks.finite_float(owner, "drift_rate", drift_rate)
        self.volatility = checks.finite_float(owner, "volatility", volatility, above=0.0)

    def drift(self, t, x):
        return self.drift_rate * x

    def diffusion_prod(self, t, x, dw):
        return self.volatility * x * dw

    def step(self, t, dt, x, dw):
        growth = (self.drift_rate - self.volatility**2 / 2) * dt
        return x * ops.exp(growth + self.volatility * dw)
