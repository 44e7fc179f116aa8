"""The Hamilton-Jacobi-Bellman equation of a linear-quadratic control problem."""

import keras
import numpy as np
import scipy.integrate
import scipy.special
import scipy.stats
import tensorflow as tf
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.equation import Equation, Published, Reference, squared_norm

HAN_JENTZEN_E = "Han, Jentzen, E (2018), https://doi.org/10.1073/pnas.1718942115"


@keras.saving.register_keras_serializable(package="kerasmodels")
class HJB(Equation):
    """Hamilton-Jacobi-Bellman equation of a linear-quadratic control problem.

        u_t + Lap u - lambda |grad u|^2 = 0,        u(T, x) = log((1 + |x|^2) / 2)

    Forward SDE: dX = sqrt(2) dW. In z = sqrt(2) grad u the driver is -lambda |z|^2 / 2.
    Exact, by the Cole-Hopf transform:

        u(t, x) = -log E exp(-lambda g(x + sqrt(2) W_{T-t})) / lambda

    The larger lambda, the rarer the paths that decide the value: lambda = 50 is hard.

    Reference: Han, Jentzen, E (2018), https://doi.org/10.1073/pnas.1718942115

    Args:
        dim: int. d.
        terminal_time: float. T.
        x0: float or `dim` floats.
        control_cost: float. lambda > 0, strength of the control.
    """

    published = Published(HAN_JENTZEN_E, 100, 1.0, 20, "0")

    def __init__(self, dim=100, terminal_time=1.0, x0=0.0, control_cost=1.0):
        super().__init__(dim, terminal_time, x0)
        self.control_cost = checks.finite_float(
            "HJB", "control_cost", control_cost, above=0.0
        )

    def diffusion_prod(self, t, x, dw):
        return 2**0.5 * dw

    def driver(self, t, x, u, z):
        return -self.control_cost / 2 * squared_norm(z)

    def terminal(self, x):
        return ops.log((1 + squared_norm(x)) / 2)

    def exact_solution(self, t, x):
        """u(t, x) as one integral over s > 0, smooth in t and x.

            E (1 + |Y|^2)^-lambda = 1/Gamma(lambda) int s^(lambda-1) e^-s E e^(-s |Y|^2) ds
            E e^(-s |Y|^2) = (1 + 4 tau s)^(-d/2) exp(-s |x|^2 / (1 + 4 tau s))

        for Y = x + sqrt(2) W_tau, tau = T - t. Double-exponential quadrature in
        s = exp(y - exp(-y)): both tails of the integrand then fall off so fast that the
        trapezoidal rule is exact to rounding.
        """
        order = self.control_cost
        y = np.arange(-7.0, 8.0, 0.05)
        log_s = y - np.exp(-y)
        # Everything that does not depend on (t, x), with ds = s (1 + e^-y) dy.
        log_weight = (
            order * log_s
            - np.exp(log_s)
            + np.log1p(np.exp(-y))
            + np.log(0.05)
            - scipy.special.gammaln(order)
            + order * np.log(2.0)
        )
        s = tf.constant(np.exp(log_s)[None, :], x.dtype)
        spread = 1 + 4 * (self.terminal_time - t) * s
        log_integrand = (
            tf.constant(log_weight[None, :], x.dtype)
            - self.dim / 2 * tf.math.log(spread)
            - s * squared_norm(x) / spread
        )
        return -tf.reduce_logsumexp(log_integrand, axis=-1, keepdims=True) / order

    def reference(self):
        """u(0, x0) by quadrature over the law of |X_T|^2, a scaled chi-square."""
        scale = 2 * self.terminal_time
        law = scipy.stats.ncx2(self.dim, np.sum(self.x0**2) / scale)
        if not np.any(self.x0):
            law = scipy.stats.chi2(self.dim)
        order = self.control_cost

        def log_integrand(q):
            return law.logpdf(q) - order * np.log((1 + scale * q) / 2)

        # The weight (1 + R)^-lambda pulls the mass far to the left of the law's own
        # bulk, so the integral is taken on both sides of the peak that it makes, in
        # log q, where the integrand is a smooth bump for every dimension.
        grid = np.linspace(-60.0, np.log(law.isf(1e-300)) + 1.0, 20_001)
        values = log_integrand(np.exp(grid)) + grid
        peak = np.max(values)
        keep = grid[values > peak - 60]
        integral, error = scipy.integrate.quad(
            lambda y: np.exp(log_integrand(np.exp(y)) + y - peak),
            keep[0],
            keep[-1],
            points=[grid[np.argmax(values)]],
            epsabs=0.0,
            epsrel=1e-12,
            limit=500,
        )
        value = -(np.log(integral) + peak) / order
        return Reference(
            float(value),
            "quadrature of -log E exp(-lambda g) / lambda over the chi-square law",
            float(error / integral / order + 1e-12 * abs(value)),
        )
