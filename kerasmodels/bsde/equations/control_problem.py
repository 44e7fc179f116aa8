"""Stochastic control problems, as the equation of their value function."""

import abc

import numpy as np
import tensorflow as tf
from keras import ops

from kerasmodels._support import checks
from kerasmodels.bsde.equation import Equation
from kerasmodels.bsde.plain_gradients import value_and_gradient

# Stands for infinity in a control: its square is still a float32.
FAR = 1e18


class ControlProblem(Equation):
    """A control problem whose control adds a drift, still abstract.

        u(t, x) = min over a of E[ int_t^T L(s, X, a) ds + g(X_T) | X_t = x ]
        dX = (mu(t, X) + sigma(t, X) theta(t, X, a)) dt + sigma(t, X) dW
        f(t, x, u, z) = min over a of L(t, x, a) + theta(t, x, a) . z

    The drift of the control, sigma theta, is in the range of sigma, because f depends on
    grad u only through z = sigma^T grad u. A control of sigma itself is outside.

    A subclass gives `diffusion_prod`, `control_drift` (theta), `running_cost` (L) and
    `terminal` (g), and `drift` (mu, of the uncontrolled state) if it is not zero. The
    class or its constructor sets `control_dim`.

    `optimal_control` finds the minimum over a by Newton's method from a = 0 in all
    coordinates at once, each as if the others were fixed, and keeps to the bounds. One
    step is exact where L is quadratic in a without products of two coordinates, and theta
    is linear in a. Where L is another function with a positive second derivative, set
    `control_iterations` to some steps more. Where coordinates mix, or L is not convex in
    a, override `optimal_control`. `check_equation` compares it with other controls.

    A maximum is the minimum of -L and -g, and its value is -u.

    Attributes:
        control_dim: int. Size of a.
        control_bounds: None, or the pair (low, high) of floats, or of `control_dim` floats
            each, between which a must stay.
        control_iterations: int. Steps of Newton's method.

    Reference: Fleming and Soner (2006), https://doi.org/10.1007/0-387-31071-1
    """

    has_control = True
    control_dim = 1
    control_bounds = None
    control_iterations = 1

    @abc.abstractmethod
    def control_drift(self, t, x, a):
        """theta(t, x, a), `[batch, noise_dim]`: the drift that a adds to the noise."""

    @abc.abstractmethod
    def running_cost(self, t, x, a):
        """L(t, x, a), `[batch, 1]`, per unit of time, for a `[batch, control_dim]`."""

    def hamiltonian(self, t, x, z, a):
        """L(t, x, a) + theta(t, x, a) . z, `[batch, 1]`."""
        moved = ops.sum(self.control_drift(t, x, a) * z, axis=-1, keepdims=True)
        return self.running_cost(t, x, a) + moved

    def optimal_control(self, t, x, z):
        """The a that minimises the Hamiltonian at (t, x, z), `[batch, control_dim]`."""
        low, high = self.bounds()
        # Not infinite, because other runtimes multiply what `where` does not choose.
        low, high = (tf.constant(np.clip(end, -FAR, FAR), x.dtype) for end in (low, high))
        zeros = tf.zeros_like(x[:, :1])
        a = zeros + tf.clip_by_value(tf.zeros_like(low), low, high)
        least, most = zeros + low, zeros + high
        for _ in range(self.control_iterations):
            slope, curvature = self._derivatives(t, x, z, a)
            # The minimum is above a where H falls at a, and below where it rises.
            least = tf.where(slope < 0, a, least)
            most = tf.where(slope > 0, a, most)
            convex = curvature > 0
            newton = slope / tf.where(convex, curvature, tf.ones_like(curvature))
            # Where the Hamiltonian is not convex, as far down as the bounds allow.
            change = tf.where(convex, newton, FAR * tf.sign(slope))
            wanted = tf.clip_by_value(a - change, low, high)
            # Between two earlier controls where Newton's step leaves their interval.
            outside = (wanted < least) | (wanted > most)
            a = tf.where(outside, (least + most) / 2, wanted)
        return a

    def _derivatives(self, t, x, z, a):
        """The first and second derivatives of the Hamiltonian by each coordinate of a."""

        def slope(a):
            return value_and_gradient(lambda a: self.hamiltonian(t, x, z, a), a)[1]

        return value_and_gradient(slope, a)

    def bounds(self):
        """The arrays (low, high), each `[control_dim]`, infinite where a is free.

        Raises:
            ValueError: `control_bounds` is not of the form above.
        """
        owner, size = type(self).__name__, self.control_dim
        if self.control_bounds is None:
            return np.full(size, -np.inf), np.full(size, np.inf)
        expected = f"None, or a pair (low, high) of numbers or of {size} numbers"
        received = f"control_bounds={checks.describe(self.control_bounds)}"
        message = checks.message(owner, "control_bounds", expected, received)
        if not isinstance(self.control_bounds, (tuple, list)):
            raise checks.ArgumentError(message)
        ends = [checks.as_numbers(end) for end in self.control_bounds]
        fits = len(ends) == 2 and all(
            end is not None and end.shape in ((), (size,)) for end in ends
        )
        if not fits or not np.all(ends[0] < ends[1]):
            raise checks.ArgumentError(message)
        low, high = (np.broadcast_to(end, (size,)).astype("float64") for end in ends)
        return low, high

    def driver(self, t, x, u, z):
        # At the minimum the derivative by a vanishes, or a is at a bound, so that df/dz is
        # theta: a counts as a constant.
        a = tf.stop_gradient(self.optimal_control(t, x, tf.stop_gradient(z)))
        return self.hamiltonian(t, x, z, a)
